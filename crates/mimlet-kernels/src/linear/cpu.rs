//! Linear layer as products with panels, starting from the bias.

use super::Params;
use crate::epilogue::{Epilogue, Outputs};
use crate::halves;
use crate::panel::{Panels, WIDTH, of_panel};
use crate::simd::{FloatPanels, FloatSink, Floats16, Level, Place, Rows, float_products};

/// Panels of halves that are widened at a time: as many as the widest tile takes.
pub(crate) const WIDENED: usize = 2;

/// Floats of scratch a layer needs: panels of halves, widened.
#[must_use]
pub fn scratch_len(params: &Params) -> usize {
    if params.half {
        params.inputs * WIDTH * WIDENED
    } else {
        0
    }
}

/// Computes `x W^T + b` and gives it to `epilogue`, which writes `y`: `x` is `[rows, inputs]`,
/// `weight` `Panel16 [outputs, inputs]`, `bias` `[outputs]`, `y` `[rows, outputs]`; `scratch` is
/// [`scratch_len`] long.
#[expect(
    clippy::too_many_arguments,
    reason = "an op's operands, as every op takes them"
)]
pub fn cpu(
    level: Level,
    params: &Params,
    x: &[f32],
    weight: Panels<'_>,
    bias: &[f32],
    epilogue: Epilogue,
    scratch: &mut [f32],
    y: &mut [f32],
) {
    let x = Rows {
        values: x,
        stride: params.inputs,
        count: y.len() / params.outputs,
    };
    let k = params.inputs;
    let mut sink = Sink {
        bias,
        first_panel: 0,
        outputs: Outputs {
            y,
            channels: params.outputs,
            epilogue,
        },
    };
    each_panel(weight, k, level, scratch, |first, columns| {
        sink.first_panel = first;
        float_products::<true>(level, x, FloatPanels { columns, k }, &mut sink);
    });
    sink.outputs.finish(level);
}

/// Sums begin with the bias.
struct Sink<'a> {
    bias: &'a [f32],
    first_panel: usize,
    outputs: Outputs<'a>,
}

impl FloatSink for Sink<'_> {
    type Channels<V: Floats16> = V;

    #[inline(always)]
    fn channels<V: Floats16>(&self, panel: usize) -> V {
        V::load(&of_panel(self.bias, self.first_panel + panel))
    }

    #[inline(always)]
    fn start<V: Floats16>(&self, _: usize, _: usize, biases: V) -> V {
        biases
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

/// Calls `f(first_panel, columns)` with panels of floats: all of them, or those of halves, [`WIDENED`]
/// at a time to `scratch`.
#[inline(always)]
pub(crate) fn each_panel(
    weight: Panels<'_>,
    k: usize,
    level: Level,
    scratch: &mut [f32],
    mut f: impl FnMut(usize, &[[f32; WIDTH]]),
) {
    match weight {
        Panels::F32(values) => f(0, values.as_chunks().0),
        Panels::F16(bits) => {
            for (index, bits) in bits.chunks(k * WIDTH * WIDENED).enumerate() {
                let scratch = &mut scratch[..bits.len()];
                halves::widen(level, bits, scratch);
                f(index * WIDENED, scratch.as_chunks().0);
            }
        }
    }
}
