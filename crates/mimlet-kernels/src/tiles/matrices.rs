//! Kernels of linear layers that multiply matrices on a GPU's units for that: `matrices/products.wgsl`.
//! Their text is in modules of their own, which ask for wgpu's experimental feature.

use crate::op::{Access, Call, Variant, WgslKernel};

/// Square matrices that the invocations of a subgroup multiply together, with sums of f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Matrices {
    /// Rows and columns of each.
    pub edge: u32,
    /// Whether the factors are of 16-bit floats, and not of 32.
    pub half: bool,
    /// The most invocations that a subgroup may have.
    pub lanes: u32,
}

impl Matrices {
    /// Of 8 x 8, as Apple's GPUs multiply.
    pub(crate) const HALVES_8: Self = Self::new(8, true, 32);
    /// Of 16 x 16, as NVIDIA's GPUs multiply.
    pub(crate) const HALVES_16: Self = Self::new(16, true, 32);
    /// Of 16 x 16 by larger subgroups, as AMD's GPUs multiply.
    pub(crate) const HALVES_16_BY_64: Self = Self::new(16, true, 64);
    /// Of 8 x 8 and of 32-bit floats, as Apple's GPUs multiply.
    pub(crate) const FLOATS_8: Self = Self::new(8, false, 32);

    /// Those that some kernel multiplies.
    pub const ALL: [Self; 4] = [
        Self::HALVES_8,
        Self::HALVES_16,
        Self::HALVES_16_BY_64,
        Self::FLOATS_8,
    ];

    const fn new(edge: u32, half: bool, lanes: u32) -> Self {
        Self { edge, half, lanes }
    }

    /// Those that a kernel's text multiplies, if any.
    pub(crate) fn of(source: &str) -> Option<Self> {
        let says = |text| source.contains(text);
        says("enable wgpu_cooperative_matrix;").then(|| Self {
            edge: if says("const EDGE: u32 = 16u;") {
                16
            } else {
                8
            },
            half: says("alias Row = f16;"),
            lanes: if says("const LANES: u32 = 64u;") {
                64
            } else {
                32
            },
        })
    }

    /// Rows and outputs of a workgroup's tile.
    const fn tile(self) -> [u32; 2] {
        [32 * (64 / self.lanes), 4 * self.edge]
    }

    /// A kernel that multiplies such matrices, binds three buffers and writes a fourth.
    pub(crate) const fn kernel(self, name: &'static str, source: &'static str) -> WgslKernel {
        let [rows, outputs] = self.tile();
        // Thirty-two inputs of as many rows, and of as many outputs, padded by 16 bytes.
        let bytes = if self.half { 2 } else { 4 };
        let held = rows * (32 * bytes + 16) + 32 * (outputs * bytes + 16);
        WgslKernel {
            name,
            source,
            workgroup_size: [128, 1, 1],
            workgroup_bytes: held + 128 / self.lanes * self.edge * self.edge * 4,
            bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
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
        let [tall, wide] = self.tile().map(|side| side as usize);
        let [down, across] = [rows.div_ceil(tall), outputs.div_ceil(wide)];
        let call = Call {
            constants: constants.into(),
            workgroups: [across as u32, down as u32, 1],
        };
        Variant::single(kernel, call)
    }
}

/// The text of such a kernel up to its epilogue: its matrices, their lanes, and an op's own files, by paths
/// from an op's folder.
macro_rules! products_of_matrices {
    ($matrices:literal, $lanes:literal, [$($op:literal),*]) => {
        concat!(
            include_str!($matrices),
            include_str!($lanes),
            $(include_str!($op),)*
            include_str!("../panels.wgsl"),
            include_str!("../tiles/float_weights.wgsl"),
            include_str!("../tiles/matrices/products.wgsl"),
        )
    };
}
pub(crate) use products_of_matrices;
