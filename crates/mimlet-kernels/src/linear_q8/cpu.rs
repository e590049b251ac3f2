//! Quantised linear layer as exact products, scaled once.

use super::Params;
use crate::epilogue::{Epilogue, Outputs};
use crate::panel::{WIDTH, of_panel};
use crate::simd::{
    ByteRows, Bytes, Floats16, IntegerSink, Integers16, Level, PairPanels, PairRows, Place,
    UNSIGNED, byte_products, interleaved, pair_products, widen_quads,
};

/// The tensors of a layer.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// `Panel16x4 [outputs, inputs]`.
    pub weight: &'a [i8],
    /// Scale of each output channel.
    pub scale: &'a [f32],
    /// Bias of each output channel.
    pub bias: &'a [f32],
    /// Sum of each output channel's weights, of [`sums`].
    pub sums: &'a [i32],
}

/// Words of scratch a layer needs for `rows` rows: those rows and a panel, as far as the level takes them
/// otherwise than they are.
#[must_use]
pub fn scratch_len(level: Level, params: &Params, rows: usize) -> usize {
    let quads = params.inputs.div_ceil(4);
    match bytes(level, params) {
        Bytes::Pairs => (rows + WIDTH) * quads * 2,
        Bytes::Quads => 0,
        Bytes::UnsignedQuads | Bytes::Lines => rows * line_stride(quads) + LINE,
        Bytes::Octets => WIDTH * quads,
    }
}

/// How a level multiplies the layer's bytes.
fn bytes(level: Level, params: &Params) -> Bytes {
    level.bytes(params.inputs.div_ceil(4), params.outputs.div_ceil(WIDTH))
}

/// Words of a cache line.
const LINE: usize = 16;

/// Words between rows of `quads`. Whole cache lines are one line apart: rows whose distance is a power
/// of two would meet in the same place of a cache.
fn line_stride(quads: usize) -> usize {
    if quads.is_multiple_of(LINE) {
        quads + LINE
    } else {
        quads
    }
}

/// Writes the sum of each output channel's weights to `sums` `[outputs]`; `weight` is `Panel16x4
/// [outputs, inputs]`.
pub fn sums(level: Level, params: &Params, weight: &[i8], sums: &mut [i32]) {
    let panels = weight.as_chunks::<64>().0;
    let panels = panels.chunks_exact(params.inputs.div_ceil(4));
    level.vectorize(
        #[inline(always)]
        || {
            for (panel, sums) in panels.zip(sums.chunks_mut(WIDTH)) {
                let mut lanes = [0; WIDTH];
                for quads in panel {
                    for (lane, quad) in lanes.iter_mut().zip(quads.as_chunks::<4>().0) {
                        *lane += quad.iter().map(|&weight| i32::from(weight)).sum::<i32>();
                    }
                }
                sums.copy_from_slice(&lanes[..sums.len()]);
            }
        },
    );
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
    let mut layer = Layer {
        x: ByteRows::new(x, params.row_words()),
        weights,
        first_panel: 0,
        offset: 0,
        outputs: Outputs {
            y,
            channels: params.outputs,
            epilogue,
        },
    };
    match bytes(level, params) {
        Bytes::Pairs => layer.by_pairs(level, scratch),
        Bytes::Quads => byte_products(level, layer.x, weights.weight.as_chunks().0, &mut layer),
        Bytes::UnsignedQuads => {
            layer.offset = 128;
            layer.by_lines(level, UNSIGNED, scratch);
        }
        Bytes::Lines => layer.by_lines(level, 0, scratch),
        Bytes::Octets => layer.by_octets(level, scratch),
    }
    layer.outputs.finish(level);
}

/// A layer's rows, and where its outputs go.
struct Layer<'a> {
    x: ByteRows<'a>,
    weights: &'a Weights<'a>,
    /// The first panel of those that a tile is given.
    first_panel: usize,
    /// What is added to each byte of a row before it is multiplied.
    offset: i32,
    outputs: Outputs<'a>,
}

/// A panel's channels.
#[derive(Clone, Copy)]
struct Channels<V: Integers16> {
    sums: V,
    scales: V::Floats,
    biases: V::Floats,
}

impl<V: Integers16> Channels<V> {
    #[inline(always)]
    fn of(weights: &Weights<'_>, panel: usize) -> Self {
        Self {
            sums: V::load(&of_panel(weights.sums, panel)),
            scales: V::Floats::load(&of_panel(weights.scale, panel)),
            biases: V::Floats::load(&of_panel(weights.bias, panel)),
        }
    }
}

/// The share of the zero point and of the bytes' offset is added to sums, then they are scaled and the
/// bias is added.
impl IntegerSink for Layer<'_> {
    #[inline(always)]
    fn write<V: Integers16, const P: usize>(
        &mut self,
        mut tile: Place,
        sums: impl Fn(usize) -> [V; P],
    ) {
        tile.panel += self.first_panel;
        let (x, offset) = (self.x, self.offset);
        let mut channels = [Channels::<V>::of(self.weights, tile.panel); P];
        if P == 2 {
            channels[P - 1] = Channels::of(self.weights, tile.panel + 1);
        }
        self.outputs.write::<V::Floats, P>(
            tile,
            #[inline(always)]
            |r| {
                let row = tile.row + r;
                let zero_point = V::splat(x.zero_point(row) - offset);
                let scale = V::Floats::splat(x.scale(row));
                let sums = sums(r);
                let mut outputs = [scale; P];
                for p in 0..P {
                    let sums = sums[p].add(channels[p].sums.mul(zero_point));
                    let scaled = sums.to_floats().mul(scale).mul(channels[p].scales);
                    outputs[p] = scaled.add(channels[p].biases);
                }
                outputs
            },
        );
    }
}

impl Layer<'_> {
    /// From a copy of the rows, with some bits of their words [flipped](ByteRows::apart).
    fn by_lines(&mut self, level: Level, flipped: u32, scratch: &mut [u32]) {
        let skipped = scratch.as_ptr().align_offset(LINE * size_of::<u32>());
        let lines = &mut scratch[skipped.min(LINE)..];
        let x = self.x;
        let lines = level.vectorize(
            #[inline(always)]
            || x.apart(line_stride(x.len()), flipped, lines),
        );
        let panels = self.weights.weight.as_chunks().0;
        byte_products(level, lines, panels, self);
    }

    fn by_octets(&mut self, level: Level, scratch: &mut [u32]) {
        let quads = self.x.len();
        let octets: &mut [[i8; 64]] = bytemuck::cast_slice_mut(&mut scratch[..quads * WIDTH]);
        let panels = self.weights.weight.as_chunks::<64>().0;
        for (index, panel) in panels.chunks_exact(quads).enumerate() {
            level.vectorize(
                #[inline(always)]
                || {
                    let (pairs, last) = panel.as_chunks::<2>();
                    let (octets, rest) = octets.as_chunks_mut::<2>();
                    for (octet, pair) in octets.iter_mut().zip(pairs) {
                        *octet = interleaved(*pair);
                    }
                    rest.copy_from_slice(last);
                },
            );
            self.first_panel = index;
            byte_products(level, self.x, octets, self);
        }
    }

    fn by_pairs(&mut self, level: Level, scratch: &mut [u32]) {
        let x = self.x;
        let pairs = x.len() * 2;
        let (rows, rest) = scratch.split_at_mut(x.count() * pairs);
        for (row, wide) in rows.chunks_exact_mut(pairs).enumerate() {
            let (first, second) = wide.split_at_mut(pairs / 2);
            let [first, second] = [first, second].map(bytemuck::cast_slice_mut);
            widen_quads(level, bytemuck::cast_slice(x.quads(row)), first, second);
        }
        let panel_pairs: &mut [[i16; 32]] = bytemuck::cast_slice_mut(&mut rest[..pairs * WIDTH]);
        let rows = PairRows {
            words: rows,
            stride: pairs,
            count: x.count(),
        };
        let panels = self.weights.weight.as_chunks::<64>().0;
        for (index, panel) in panels.chunks_exact(pairs / 2).enumerate() {
            let (first, second) = panel_pairs.split_at_mut(pairs / 2);
            let [first, second] = [first, second].map(<[[i16; 32]]>::as_flattened_mut);
            widen_quads(level, panel.as_flattened(), first, second);
            self.first_panel = index;
            let panels = PairPanels {
                columns: panel_pairs,
                pairs,
            };
            pair_products(level, rows, panels, self);
        }
    }
}
