//! Linear layer on 4-bit weights: each panel's halves become bytes once for all rows, a chunk of
//! columns at a time, and meet the rows in tiles.

use super::Params;
use crate::epilogue::{Epilogue, Outputs};
use crate::halves;
use crate::panel::{WIDTH, len16x8, of_panel};
use crate::simd::{
    ByteRows, Bytes, FloatSink, Floats16, GroupOffsets, Level, NIBBLE_OFFSET, NibblePanel, Place,
    interleaved, nibble_products,
};

/// Inputs decoded at a time, whole groups of either size: 8 KB of stack.
const CHUNK: usize = 512;

/// The tensors of a layer.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// `Panel16x8 [outputs, inputs]`.
    pub weight: &'a [u8],
    /// Bits of f16 `Panel16 [outputs, groups]`.
    pub scales: &'a [u16],
    /// Bias of each output channel.
    pub bias: &'a [f32],
    /// Sum of each output channel's weights, of [`sums`].
    pub sums: &'a [f32],
}

/// Words of scratch a layer needs for `rows` rows: the sums of each row's groups, and the row's
/// products with a panel.
#[must_use]
pub fn scratch_len(params: &Params, rows: usize) -> usize {
    rows * (params.groups() + WIDTH)
}

/// Writes the sum of each output channel's weights to `sums` `[outputs]`: exact within groups, in
/// f32 over the groups in order. `weight` and `scales` are as in [`Weights`].
pub fn sums(level: Level, params: &Params, weight: &[u8], scales: &[u16], sums: &mut [f32]) {
    level.vectorize(
        #[inline(always)]
        || sum_weights(level, params, weight, scales, sums),
    );
}

#[inline(always)]
fn sum_weights(level: Level, params: &Params, weight: &[u8], scales: &[u16], sums: &mut [f32]) {
    sums.fill(0.0);
    for (panel, sums) in sums.chunks_mut(WIDTH).enumerate() {
        let mut decoded = Decoded::new();
        for chunk in chunks(params, panel, weight, scales) {
            decoded.decode(level, &chunk, false);
            let groups = decoded.weights[..chunk.quads].chunks(params.group_size / 4);
            for (group, scales) in groups.zip(&decoded.scales) {
                let mut exact = [0i32; WIDTH];
                for quads in group {
                    for (exact, quad) in exact.iter_mut().zip(quads.as_chunks::<4>().0) {
                        *exact += quad.iter().map(|&plus8| i32::from(plus8) - 8).sum::<i32>();
                    }
                }
                for ((sum, exact), scale) in sums.iter_mut().zip(exact).zip(scales) {
                    *sum += exact as f32 * scale;
                }
            }
        }
    }
}

/// Computes the layer's outputs and gives them to `epilogue`, which writes `y` `[rows, outputs]`: `x`
/// holds quantised rows, `scratch` is [`scratch_len`] long.
pub fn cpu(
    level: Level,
    params: &Params,
    x: &[u32],
    weights: &Weights<'_>,
    epilogue: Epilogue,
    scratch: &mut [u32],
    y: &mut [f32],
) {
    let x = ByteRows::new(x, params.row_words());
    let groups = params.groups();
    let (starts, totals) = scratch.split_at_mut(x.count() * groups);
    let starts: &mut [i32] = bytemuck::cast_slice_mut(starts);
    level.vectorize(
        #[inline(always)]
        || sum_groups(params, &x, starts),
    );
    let mut layer = Layer {
        params,
        x,
        weights,
        offsets: GroupOffsets {
            starts,
            stride: groups,
        },
        totals: bytemuck::cast_slice_mut(&mut totals[..x.count() * WIDTH]),
        is_first: true,
        is_last: true,
        outputs: Outputs {
            y,
            channels: params.outputs,
            epilogue,
        },
    };
    for panel in 0..params.outputs.div_ceil(WIDTH) {
        layer.panel(level, panel);
    }
    layer.outputs.finish(level);
}

/// A layer's rows, and where its outputs go: to `totals` `[rows, 16]` between the chunks of a panel.
struct Layer<'a> {
    params: &'a Params,
    x: ByteRows<'a>,
    weights: &'a Weights<'a>,
    offsets: GroupOffsets<'a>,
    totals: &'a mut [[f32; WIDTH]],
    /// Whether the chunk is the first, or the last, of its panel.
    is_first: bool,
    is_last: bool,
    outputs: Outputs<'a>,
}

impl FloatSink for Layer<'_> {
    type Channels<V: Floats16> = ();

    #[inline(always)]
    fn channels<V: Floats16>(&self, _: usize) {}

    #[inline(always)]
    fn start<V: Floats16>(&self, row: usize, _: usize, (): ()) -> V {
        if self.is_first {
            V::splat(0.0)
        } else {
            V::load(&self.totals[row])
        }
    }

    /// In the end zero point times the sum of the weights is added, the row's scale applied, and the
    /// bias added.
    #[inline(always)]
    fn write<V: Floats16, const P: usize>(
        &mut self,
        tile: Place,
        totals: impl Fn(usize) -> [V; P],
    ) {
        if !self.is_last {
            for (r, kept) in self.totals[tile.row..][..tile.rows].iter_mut().enumerate() {
                totals(r)[0].store(kept);
            }
            return;
        }
        let x = self.x;
        let [sums, biases]: [V; 2] = [self.weights.sums, self.weights.bias]
            .map(|values| V::load(&of_panel(values, tile.panel)));
        self.outputs.write::<V, P>(
            tile,
            #[inline(always)]
            |r| {
                let row = tile.row + r;
                let zero_point = V::splat(x.zero_point(row) as f32);
                let total = totals(r)[0].add(sums.mul(zero_point));
                [total.mul(V::splat(x.scale(row))).add(biases); P]
            },
        );
    }
}

impl Layer<'_> {
    fn panel(&mut self, level: Level, panel: usize) {
        let params = self.params;
        let mut decoded = Decoded::new();
        for chunk in chunks(params, panel, self.weights.weight, self.weights.scales) {
            level.vectorize(
                #[inline(always)]
                || decoded.decode(level, &chunk, level.bytes(chunk.quads, 1) == Bytes::Octets),
            );
            self.is_first = chunk.first_quad == 0;
            self.is_last = (chunk.first_quad + chunk.quads) * 4 >= params.inputs;
            let columns = NibblePanel {
                weights: &decoded.weights[..chunk.quads],
                scales: &decoded.scales,
                group: params.group_size / 4,
                first_quad: chunk.first_quad,
            };
            nibble_products(level, self.x, panel, columns, self.offsets, self);
        }
    }
}

/// Writes what each row's sums begin with in each group, `[rows, groups]`.
#[inline(always)]
fn sum_groups(params: &Params, x: &ByteRows<'_>, starts: &mut [i32]) {
    for (row, starts) in starts.chunks_exact_mut(params.groups()).enumerate() {
        let groups = x.quads(row).chunks(params.group_size / 4);
        for (quads, start) in groups.zip(starts) {
            let bytes: &[i8] = bytemuck::cast_slice(quads);
            let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
            *start = sum * -NIBBLE_OFFSET;
        }
    }
}

/// Some columns of a panel, as stored.
struct Chunk<'a> {
    /// Quads of a row before the first.
    first_quad: usize,
    /// Quads in the chunk.
    quads: usize,
    nibbles: &'a [u8],
    scales: &'a [u16],
}

/// The chunks of a panel.
#[inline(always)]
fn chunks<'a>(
    params: &Params,
    panel: usize,
    weight: &'a [u8],
    scales: &'a [u16],
) -> impl Iterator<Item = Chunk<'a>> {
    let panel_len = len16x8(WIDTH, params.inputs);
    let weight = &weight[panel * panel_len..][..panel_len];
    let scales = &scales[panel * params.groups() * WIDTH..][..params.groups() * WIDTH];
    // Two columns' halves share a byte: a chunk of sixteen-row columns has eight bytes for each.
    let nibbles = weight.chunks(CHUNK * WIDTH / 2);
    let scales = scales.chunks(CHUNK / params.group_size * WIDTH);
    let all_quads = params.inputs.div_ceil(4);
    nibbles
        .zip(scales)
        .enumerate()
        .map(move |(index, (nibbles, scales))| {
            let first_quad = index * (CHUNK / 4);
            Chunk {
                first_quad,
                quads: (all_quads - first_quad).min(CHUNK / 4),
                nibbles,
                scales,
            }
        })
}

/// Up to [`CHUNK`] columns of a panel, decoded.
struct Decoded {
    /// Weights plus 8, `[quads][16][4]`, or octets.
    weights: [[u8; 64]; CHUNK / 4],
    scales: [[f32; WIDTH]; CHUNK / 32],
}

impl Decoded {
    #[inline(always)]
    fn new() -> Self {
        Self {
            weights: [[0; 64]; CHUNK / 4],
            scales: [[0.0; WIDTH]; CHUNK / 32],
        }
    }

    /// Decodes a chunk, to `octets` where a machine multiplies those.
    #[inline(always)]
    fn decode(&mut self, level: Level, chunk: &Chunk<'_>, octets: bool) {
        let whole = if octets { chunk.quads / 2 } else { 0 };
        let (octets, quads) = self.weights.as_chunks_mut::<2>().0.split_at_mut(whole);
        let nibbles = chunk.nibbles.as_chunks::<64>().0;
        for (octet, bytes) in octets.iter_mut().zip(nibbles) {
            *octet = interleaved(split(bytes));
        }
        for (quads, bytes) in quads.iter_mut().zip(&nibbles[whole..]) {
            *quads = split(bytes);
        }
        let scales = &mut self.scales.as_flattened_mut()[..chunk.scales.len()];
        halves::widen(level, chunk.scales, scales);
    }
}

/// The low and the high halves of bytes, plus 8: flipping a half's sign bit adds that.
#[inline(always)]
fn split(bytes: &[u8; 64]) -> [[u8; 64]; 2] {
    let low = bytes.map(|byte| (byte & 15) ^ 8);
    let high = bytes.map(|byte| (byte >> 4) ^ 8);
    [low, high]
}
