//! Quantised linear layer as exact products, scaled once.

use super::Params;
use crate::epilogue::{Epilogue, Outputs};
use crate::panel::{WIDTH, of_panel};
use crate::simd::{
    ByteRows, Bytes, Floats16, IntegerSink, Integers16, Level, PairRows, byte_products,
    interleaved, pair_products, widen_quads,
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

/// Words of scratch a layer needs for `rows` rows: the rows' sums, and a panel of octets; or rows and a
/// panel as pairs.
#[must_use]
pub fn scratch_len(level: Level, params: &Params, rows: usize) -> usize {
    let quads = params.inputs.div_ceil(4);
    match level.bytes() {
        Bytes::Pairs => (rows + WIDTH) * quads * 2,
        Bytes::Quads => rows,
        Bytes::Lines => rows * (line_stride(quads) + 1) + LINE,
        Bytes::Octets => rows + WIDTH * quads,
    }
}

/// Words of a cache line.
const LINE: usize = 16;

/// Words between rows of `quads` that start on cache lines. One line more than they need: rows whose
/// distance is a power of two would meet in the same place of a cache.
fn line_stride(quads: usize) -> usize {
    quads.next_multiple_of(LINE) + LINE
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
        outputs: Outputs {
            y,
            channels: params.outputs,
            epilogue,
        },
    };
    match level.bytes() {
        Bytes::Pairs => layer.by_pairs(level, scratch),
        Bytes::Quads => layer.by_quads(level, scratch),
        Bytes::Lines => layer.by_lines(level, scratch),
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
    outputs: Outputs<'a>,
}

/// A panel's channels.
#[derive(Clone, Copy)]
struct Channels<V: Integers16> {
    sums: V,
    scales: V::Floats,
    biases: V::Floats,
}

/// Sums begin with the zero point's share; in the end they are scaled and the bias is added.
impl IntegerSink for Layer<'_> {
    type Channels<V: Integers16> = Channels<V>;

    #[inline(always)]
    fn channels<V: Integers16>(&self, panel: usize) -> Channels<V> {
        let panel = self.first_panel + panel;
        Channels {
            sums: V::load(&of_panel(self.weights.sums, panel)),
            scales: V::Floats::load(&of_panel(self.weights.scale, panel)),
            biases: V::Floats::load(&of_panel(self.weights.bias, panel)),
        }
    }

    #[inline(always)]
    fn start<V: Integers16>(&self, row: usize, channels: Channels<V>) -> V {
        channels.sums.mul(V::splat(self.x.zero_point(row)))
    }

    #[inline(always)]
    fn write<V: Integers16>(&mut self, row: usize, panel: usize, channels: Channels<V>, sums: V) {
        let row_scale = V::Floats::splat(self.x.scale(row));
        let scaled = sums.to_floats().mul(row_scale).mul(channels.scales);
        let outputs = scaled.add(channels.biases);
        self.outputs.write(row, self.first_panel + panel, outputs);
    }
}

impl Layer<'_> {
    fn by_quads(&mut self, level: Level, scratch: &mut [u32]) {
        let sums = self.row_sums(level, scratch);
        let panels = self.weights.weight.as_chunks::<64>().0;
        byte_products(level, self.x, sums, panels, self);
    }

    fn by_lines(&mut self, level: Level, scratch: &mut [u32]) {
        let stride = line_stride(self.x.quads(0).len());
        let skipped = scratch.as_ptr().align_offset(LINE * size_of::<u32>());
        let scratch = &mut scratch[skipped.min(LINE)..];
        let (lines, sums) = scratch.split_at_mut(self.x.count() * stride);
        let lines = self.x.apart(stride, lines);
        let sums = self.row_sums(level, sums);
        let panels = self.weights.weight.as_chunks::<64>().0;
        byte_products(level, lines, sums, panels, self);
    }

    fn by_octets(&mut self, level: Level, scratch: &mut [u32]) {
        let quads = self.x.quads(0).len();
        let (sums, octets) = scratch.split_at_mut(self.x.count());
        let sums = self.row_sums(level, sums);
        let octets: &mut [[i8; 64]] = bytemuck::cast_slice_mut(&mut octets[..quads * WIDTH]);
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
            byte_products(level, self.x, sums, octets, self);
        }
    }

    /// Writes the sum of each row's bytes to `sums`.
    fn row_sums<'s>(&self, level: Level, sums: &'s mut [u32]) -> &'s [i32] {
        let x = self.x;
        let sums: &mut [i32] = bytemuck::cast_slice_mut(&mut sums[..x.count()]);
        level.vectorize(
            #[inline(always)]
            || {
                for (row, sum) in sums.iter_mut().enumerate() {
                    let bytes: &[i8] = bytemuck::cast_slice(x.quads(row));
                    *sum = bytes.iter().map(|&byte| i32::from(byte)).sum();
                }
            },
        );
        sums
    }

    fn by_pairs(&mut self, level: Level, scratch: &mut [u32]) {
        let x = self.x;
        let pairs = x.quads(0).len() * 2;
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
            pair_products(level, rows, index, panel_pairs, self);
        }
    }
}
