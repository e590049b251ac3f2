//! Layers of few outputs and many inputs: each workgroup sums over a share of the inputs, and a second
//! kernel joins the shares' sums in their order ("split-K" of matrix multiplication libraries).

use super::SMALL;
use crate::op::{Access, Call, Dispatch, Operand, Variant, WgslKernel};
use alloc::vec;

/// Workgroups that keep a large GPU busy: an RTX 4090 has 128 multiprocessors, an H100 or H200 132.
const ENOUGH: usize = 128;

/// Fewest inputs of a share. In a tile of 32 x 32 they are `2 x 192 x 4 / 32 = 48` bytes to read for each
/// output, beside 8 to write the share's sum and to read it again.
const LEAST: usize = 192;

/// The two kernels of a layer, and what each binds.
#[derive(Debug)]
pub(crate) struct Split {
    /// Sums over a share of the inputs, in tiles of [`SMALL`]: `share.wgsl`.
    pub(crate) share: WgslKernel,
    pub(crate) share_operands: &'static [Operand],
    /// Makes outputs of the sums of all shares: `join.wgsl`.
    pub(crate) join: WgslKernel,
    pub(crate) join_operands: &'static [Operand],
    /// Inputs that a tile takes at once.
    pub(crate) turn: usize,
}

/// A layer's sizes, and the constants of both kernels but those of the shares.
pub(crate) struct Layer<'a> {
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) share_constants: &'a [(&'static str, f64)],
    pub(crate) join_constants: &'a [(&'static str, f64)],
}

impl Split {
    /// Two dispatches, where tiles alone would leave a large GPU idle and there are inputs to share out.
    pub(crate) fn variant(&'static self, layer: &Layer<'_>) -> Option<Variant> {
        let [columns, rows, _] = SMALL.grid(layer.rows, layer.outputs);
        let wanted = ENOUGH.div_ceil((columns * rows) as usize);
        let [turns, shares] = shared_out(layer.inputs, self.turn, wanted)?;
        let share = Dispatch {
            kernel: &self.share,
            call: Call {
                constants: [layer.share_constants, &[("TURNS", turns as f64)]].concat(),
                workgroups: [columns, rows, shares as u32],
            },
            operands: self.share_operands.into(),
        };
        let quads = layer.outputs.div_ceil(4);
        let join = Dispatch {
            kernel: &self.join,
            call: Call {
                constants: [layer.join_constants, &[("SHARES", shares as f64)]].concat(),
                workgroups: [quads.div_ceil(8) as u32, layer.rows.div_ceil(8) as u32, 1],
            },
            operands: self.join_operands.into(),
        };
        Some(Variant {
            dispatches: vec![share, join],
            scratch: vec![shares * layer.rows * quads * 4],
            parts: vec![],
            stands_in: false,
        })
    }
}

/// Turns of a share, and shares; `None` where they would be one. All but the last have as many turns, of
/// `turn` inputs each.
fn shared_out(inputs: usize, turn: usize, wanted: usize) -> Option<[usize; 2]> {
    let all = inputs.div_ceil(turn);
    let turns = all.div_ceil(wanted.min(inputs / LEAST).max(1));
    let shares = all.div_ceil(turns);
    (shares > 1).then_some([turns, shares])
}

/// The kernel that joins the sums of a layer with these bindings.
pub(crate) const fn joining(
    name: &'static str,
    source: &'static str,
    bindings: &'static [Access],
) -> WgslKernel {
    WgslKernel {
        name,
        source,
        workgroup_size: [8, 8, 1],
        workgroup_bytes: 0,
        bindings,
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST, shared_out};

    #[test]
    fn shares_cover_the_inputs_and_all_but_the_last_are_large() {
        for inputs in 1..5000 {
            for turn in [16, 64] {
                for wanted in [1, 2, 3, 4, 11, 128] {
                    let Some([turns, shares]) = shared_out(inputs, turn, wanted) else {
                        assert!(wanted == 1 || inputs < 2 * LEAST, "{inputs} in {wanted}");
                        continue;
                    };
                    assert!(turns * turn * (shares - 1) < inputs, "the last has some");
                    assert!(turns * turn * shares >= inputs, "all have all");
                    assert!(shares <= wanted && turns * turn >= LEAST);
                }
            }
        }
    }

    #[test]
    fn the_second_layer_of_vit_tiny_s_mlp_is_in_four_and_its_projection_whole() {
        // 197 x 192 outputs are 42 tiles.
        assert_eq!(shared_out(768, 16, 4), Some([12, 4]));
        assert_eq!(shared_out(192, 16, 4), None);
    }
}
