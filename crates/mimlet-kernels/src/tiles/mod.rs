//! Kernels of linear layers whose operands pass through workgroup memory, tile by tile: `shape.wgsl`.

mod matrices;
mod split;

use crate::op::{Access, Call, Variant, WgslKernel};

pub use matrices::Matrices;
pub(crate) use matrices::products_of_matrices;
pub(crate) use split::{Layer, Split, joining};

/// The size of a tile, whose invocations have one quad of outputs each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile {
    /// Invocations along the outputs; along the rows there are eight.
    across: u32,
}

/// 32 rows x 32 outputs: `small.wgsl`.
pub(crate) const SMALL: Tile = Tile { across: 8 };

/// 64 rows x 64 outputs: `large.wgsl`.
pub(crate) const LARGE: Tile = Tile { across: 16 };

impl Tile {
    /// A kernel of this size that binds three buffers and writes a fourth.
    pub(crate) const fn kernel(self, name: &'static str, source: &'static str) -> WgslKernel {
        WgslKernel {
            name,
            source,
            workgroup_size: [self.across, 8, 1],
            // Sixteen inputs of as many rows, padded by a quad, and of as many outputs.
            workgroup_bytes: 16 * 16 * (self.across + 1 + self.across),
            bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
        }
    }

    /// As [`Tile::kernel`], for a share of the inputs: what it writes has another place.
    pub(crate) const fn share_kernel(
        self,
        name: &'static str,
        source: &'static str,
        bindings: &'static [Access],
    ) -> WgslKernel {
        WgslKernel {
            bindings,
            ..self.kernel(name, source)
        }
    }

    /// As [`Tile::kernel`], with weights held as 16-bit floats.
    pub(crate) const fn half_kernel(self, name: &'static str, source: &'static str) -> WgslKernel {
        let kernel = self.kernel(name, source);
        WgslKernel {
            workgroup_bytes: kernel.workgroup_bytes - 16 * 8 * self.across,
            ..kernel
        }
    }

    /// As [`Tile::half_kernel`], with rows held as 16-bit floats, too.
    pub(crate) const fn half_rows_kernel(
        self,
        name: &'static str,
        source: &'static str,
    ) -> WgslKernel {
        let kernel = self.kernel(name, source);
        WgslKernel {
            workgroup_bytes: kernel.workgroup_bytes / 2,
            ..kernel
        }
    }

    /// As [`Tile::kernel`], with three words for each row of the tile.
    pub(crate) const fn quantizing_kernel(
        self,
        name: &'static str,
        source: &'static str,
    ) -> WgslKernel {
        let kernel = self.kernel(name, source);
        WgslKernel {
            workgroup_bytes: kernel.workgroup_bytes + 12 * 4 * self.across,
            ..kernel
        }
    }

    /// Runs such a kernel on that many rows and outputs.
    pub(crate) fn variant(
        self,
        kernel: &'static WgslKernel,
        constants: &[(&'static str, f64)],
        rows: usize,
        outputs: usize,
    ) -> Variant {
        let call = Call {
            constants: constants.into(),
            workgroups: self.grid(rows, outputs),
        };
        Variant::single(kernel, call)
    }

    /// A workgroup a tile.
    fn grid(self, rows: usize, outputs: usize) -> [u32; 3] {
        let tiles = |values: usize| values.div_ceil(self.across as usize * 4) as u32;
        [tiles(outputs), tiles(rows), 1]
    }
}

/// The text of a kernel of float weights up to its epilogue: what it holds weights and inputs as, an op's
/// own files, the size of its tiles, and whether it sums over all inputs or a share of them; by paths from
/// an op's folder.
macro_rules! tiles_of_floats {
    ($held:literal, [$($op:literal),*], $size:literal, $inputs:literal) => {
        concat!(
            include_str!($held),
            $(include_str!($op),)*
            include_str!("../panels.wgsl"),
            include_str!("../tiles/float_weights.wgsl"),
            include_str!($size),
            include_str!("../tiles/shape.wgsl"),
            include_str!($inputs),
            include_str!("../tiles/floats.wgsl"),
            include_str!("../texels/floats.wgsl"),
        )
    };
}
pub(crate) use tiles_of_floats;
