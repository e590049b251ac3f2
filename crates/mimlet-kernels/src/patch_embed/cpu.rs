//! Patch embedding as products with panels, starting from the table.

use super::Params;
use crate::epilogue::{Epilogue, Outputs};
use crate::linear::{WIDENED, each_panel};
use crate::panel::{Panels, WIDTH, of_panel};
use crate::simd::{FloatPanels, FloatSink, Floats16, Level, Place, Rows, float_products};

/// Floats of scratch an embedding needs: panels of halves, widened.
#[must_use]
pub fn scratch_len(params: &Params) -> usize {
    if params.half {
        params.patch_dim * WIDTH * WIDENED
    } else {
        0
    }
}

/// Writes tokens `first..` of the residual stream to `out` `[tokens, embed_dim]`, as many as `out`
/// holds. `patches` holds the patches of those tokens, `[patches, patch_dim]`: prefix tokens have
/// none. `table` is `[prefix + patches, embed_dim]`; `scratch` is [`scratch_len`] long.
#[expect(
    clippy::too_many_arguments,
    reason = "an op's operands, as every op takes them"
)]
pub fn cpu(
    level: Level,
    params: &Params,
    patches: &[f32],
    weight: Panels<'_>,
    table: &[f32],
    first: usize,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let dim = params.embed_dim;
    let table = &table[first * dim..][..out.len()];
    let prefix = params.prefix.saturating_sub(first).min(out.len() / dim) * dim;
    out[..prefix].copy_from_slice(&table[..prefix]);
    let (table, out) = (&table[prefix..], &mut out[prefix..]);
    let x = Rows {
        values: patches,
        stride: params.patch_dim,
        count: out.len() / dim,
    };
    let k = params.patch_dim;
    let mut sink = Sink {
        table,
        first_panel: 0,
        outputs: Outputs {
            y: out,
            channels: dim,
            epilogue: Epilogue::Store,
        },
    };
    each_panel(weight, k, level, scratch, |first, columns| {
        sink.first_panel = first;
        let panels = FloatPanels { columns, k };
        if params.fused {
            float_products::<true>(level, x, panels, &mut sink);
        } else {
            float_products::<false>(level, x, panels, &mut sink);
        }
    });
}

/// Sums begin with the table.
struct Sink<'a> {
    table: &'a [f32],
    first_panel: usize,
    outputs: Outputs<'a>,
}

impl FloatSink for Sink<'_> {
    type Channels<V: Floats16> = ();

    #[inline(always)]
    fn channels<V: Floats16>(&self, _: usize) {}

    #[inline(always)]
    fn start<V: Floats16>(&self, row: usize, panel: usize, (): ()) -> V {
        let dim = self.outputs.channels;
        let table = &self.table[row * dim..][..dim];
        V::load(&of_panel(table, self.first_panel + panel))
    }

    #[inline(always)]
    fn write<V: Floats16, const P: usize>(
        &mut self,
        mut tile: Place,
        sums: impl Fn(usize) -> [V; P],
    ) {
        tile.panel += self.first_panel;
        self.outputs.write::<V, P>(tile, sums);
    }
}
