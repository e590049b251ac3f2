//! Linear layers on rows of bytes: what those of 8-bit and of 4-bit weights have in common.

use crate::epilogue::Epilogue;
use crate::in_parts;
use crate::op::{Access, Call, Operand, Variant, WgslKernel};
use crate::quantize_rows;
use crate::tiles::{LARGE, Layer, SMALL, Split, joining};
use alloc::vec;
use alloc::vec::Vec;

/// The kernels of a layer, all with the same operands.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// 32 rows x 32 outputs a workgroup, on every GPU.
    pub(crate) block: &'static WgslKernel,
    /// As `block` with packed products, if that multiplies bytes one by one.
    pub(crate) packed: Option<&'static WgslKernel>,
    /// As `block`, eight inputs of a row at a time, for outputs in multiples of four; each with the most inputs
    /// that it takes.
    pub(crate) fours: &'static [(&'static WgslKernel, usize)],
    /// 16 rows x 64 outputs a workgroup, from textures, for outputs in multiples of four.
    pub(crate) texels: WgslKernel,
    /// As `block`, through workgroup memory: [`SMALL`] and [`LARGE`].
    pub(crate) tiles: [WgslKernel; 2],
    /// As `tiles`, on rows of floats that each workgroup quantises for itself.
    pub(crate) made: [WgslKernel; 2],
    /// As the smaller of `tiles`, each workgroup for a share of the inputs.
    pub(crate) split: Split,
}

impl Kernels {
    /// The ways to compute `rows` rows; `shape` is every constant but the epilogue's.
    pub(crate) fn variants(
        &'static self,
        shape: &[(&'static str, f64)],
        epilogue: Epilogue,
        rows: u32,
        [inputs, outputs]: [usize; 2],
    ) -> Vec<Variant> {
        let constants = &with(shape, epilogue);
        let call = |channels: usize, rows_each: u32| Call {
            constants: constants.clone(),
            workgroups: [
                outputs.div_ceil(channels) as u32,
                rows.div_ceil(rows_each),
                1,
            ],
        };
        let mut block = call(32, 32);
        block.constants.extend(in_parts::all(outputs));
        let mut variants = vec![Variant::single(self.block, block.clone())];
        if let Some(packed) = self.packed {
            variants[0].stands_in = true;
            variants.push(Variant::single(packed, block));
        }
        if inputs.is_multiple_of(8) && outputs.is_multiple_of(4) {
            variants
                .iter_mut()
                .for_each(|single| single.stands_in = true);
            let fours = self.fours.iter().filter(|(_, most)| inputs <= *most);
            variants.extend(fours.map(|(kernel, _)| Variant::single(kernel, call(32, 32))));
        }
        variants.extend(tiled(&self.tiles, constants, rows, outputs));
        if outputs.is_multiple_of(4) {
            variants.push(Variant::single(&self.texels, call(64, 16)));
        }
        variants.extend(self.split.variant(&Layer {
            rows: rows as usize,
            inputs,
            outputs,
            share_constants: shape,
            join_constants: constants,
        }));
        variants
    }

    /// The ways to quantise `rows` rows of floats, the first operand, and then to compute as
    /// [`Self::variants`] does.
    pub(crate) fn quantizing_variants(
        &'static self,
        shape: &[(&'static str, f64)],
        epilogue: Epilogue,
        rows: u32,
        [inputs, outputs]: [usize; 2],
    ) -> Vec<Variant> {
        let given = self.variants(shape, epilogue, rows, [inputs, outputs]);
        let params = quantize_rows::Params { dim: inputs };
        let mut variants = quantize_rows::before(given, &params, rows);
        let constants = with(shape, epilogue);
        variants.extend(tiled(&self.made, &constants, rows, outputs));
        variants
    }
}

fn with(shape: &[(&'static str, f64)], epilogue: Epilogue) -> Vec<(&'static str, f64)> {
    [shape, &[epilogue.constant()]].concat()
}

fn tiled(
    kernels: &'static [WgslKernel; 2],
    constants: &[(&'static str, f64)],
    rows: u32,
    outputs: usize,
) -> impl Iterator<Item = Variant> {
    let sizes = [SMALL, LARGE].into_iter().zip(kernels);
    sizes.map(move |(tile, kernel)| tile.variant(kernel, constants, rows as usize, outputs))
}

/// The text of a kernel whose tiles take rows of bytes, by the path of its tiles' size from an op's folder.
macro_rules! tiles_of_bytes {
    ($size:literal) => {
        with_epilogue!(
            "../byte_rows/products.wgsl",
            "../byte_rows/given.wgsl",
            "operands.wgsl",
            "weight.wgsl",
            "outputs.wgsl",
            "../store.wgsl",
            "tile.wgsl",
            $size,
            "../tiles/shape.wgsl",
            "../tiles/whole.wgsl",
            "../tiles/bytes.wgsl"
        )
    };
}
pub(crate) use tiles_of_bytes;

/// As [`tiles_of_bytes`], on rows of floats that each workgroup quantises for itself.
macro_rules! tiles_of_made_bytes {
    ($size:literal) => {
        with_epilogue!(
            "../byte_rows/products.wgsl",
            "operands.wgsl",
            "weight.wgsl",
            "outputs.wgsl",
            "../store.wgsl",
            "tile.wgsl",
            $size,
            "../tiles/shape.wgsl",
            "../tiles/made_bytes.wgsl",
            "../quantize_rows/range.wgsl"
        )
    };
}
pub(crate) use tiles_of_made_bytes;

/// The text of a kernel that sums over a share of the inputs, from an op's folder.
macro_rules! share_of_bytes {
    () => {
        concat!(
            include_str!("../byte_rows/products.wgsl"),
            include_str!("../byte_rows/given.wgsl"),
            include_str!("operands.wgsl"),
            include_str!("weight.wgsl"),
            include_str!("share.wgsl"),
            include_str!("tile.wgsl"),
            include_str!("../tiles/small.wgsl"),
            include_str!("../tiles/shape.wgsl"),
            include_str!("../tiles/share.wgsl"),
            include_str!("../tiles/bytes.wgsl"),
        )
    };
}
pub(crate) use share_of_bytes;

/// The text of a kernel that joins such sums, from an op's folder.
macro_rules! join_of_bytes {
    () => {
        with_epilogue!(
            "../byte_rows/given.wgsl",
            "operands.wgsl",
            "../byte_rows/join.wgsl",
            "outputs.wgsl",
            "../store.wgsl",
            "../tiles/join.wgsl"
        )
    };
}
pub(crate) use join_of_bytes;

/// Kernels of names and texts as [`share_of_bytes`] and [`join_of_bytes`] give them; the first binds these.
pub(crate) const fn split(
    [share, join]: [(&'static str, &'static str); 2],
    bindings: &'static [Access],
    operands: &'static [Operand],
) -> Split {
    Split {
        share: SMALL.share_kernel(share.0, share.1, bindings),
        share_operands: operands,
        join: joining(
            join.0,
            join.1,
            &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
        ),
        join_operands: &[
            Operand::Given(0),
            Operand::Scratch(0),
            Operand::Given(2),
            Operand::Given(3),
        ],
        // Sixteen words of four bytes.
        turn: 64,
    }
}
