//! Tiles of every height and width that an instruction set uses: on numbers in plain Rust, which a
//! machine without those instructions can tell about, and at each level of this machine.

use super::float_tile::{self, FloatPanels, Rows};
use super::lanes16::{FloatSink, Floats16, IntegerSink, Integers16, Place};
use super::portable::{Floats, Integers};
use super::quad_tile::{self, ByteRows, Quads};
use super::{
    Bytes, Level, PairPanels, PairRows, arrange_pair_panels, arrange_pair_rows, byte_products,
    float_products, pair_products,
};
use crate::case::Stream;
use alloc::vec;
use alloc::vec::Vec;

/// Quads one product at a time.
struct PlainQuads;

impl Quads for PlainQuads {
    type Sums = Integers;
    type Weights = [i32; 64];

    fn weights(from: &[i8; 64]) -> [i32; 64] {
        from.map(i32::from)
    }

    fn add_products<const NIBBLES: bool>(
        sums: Integers,
        quad: u32,
        weights: [i32; 64],
    ) -> Integers {
        let bytes = quad.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
        let mut products = [0; 16];
        for (product, weights) in products.iter_mut().zip(weights.as_chunks::<4>().0) {
            *product = bytes.iter().zip(weights).map(|(x, w)| x * w).sum();
        }
        sums.add(Integers::load(&products))
    }
}

/// Sums of floats begin at one and a half; all are kept by row and panel.
struct Kept {
    panels: usize,
    sums: Vec<[f32; 16]>,
}

impl Kept {
    fn new(rows: usize, panels: usize) -> Self {
        Self {
            panels,
            sums: vec![[f32::NAN; 16]; rows * panels],
        }
    }
}

impl FloatSink for Kept {
    type Channels<V: Floats16> = ();

    #[inline(always)]
    fn channels<V: Floats16>(&self, _: usize) {}

    fn start<V: Floats16>(&self, _: usize, _: usize, (): ()) -> V {
        V::splat(1.5)
    }

    fn write<V: Floats16, const P: usize>(&mut self, tile: Place, sums: impl Fn(usize) -> [V; P]) {
        for r in 0..tile.rows {
            let at = (tile.row + r) * self.panels + tile.panel;
            for (kept, sums) in self.sums[at..].iter_mut().zip(sums(r)) {
                sums.store(kept);
            }
        }
    }
}

impl IntegerSink for Kept {
    fn write<V: Integers16, const P: usize>(
        &mut self,
        tile: Place,
        sums: impl Fn(usize) -> [V; P],
    ) {
        for r in 0..tile.rows {
            let at = (tile.row + r) * self.panels + tile.panel;
            for (kept, sums) in self.sums[at..].iter_mut().zip(sums(r)) {
                sums.to_floats().store(kept);
            }
        }
    }
}

const PANELS: usize = 3;

#[test]
fn float_tiles_of_every_shape_give_the_same_bits() {
    for rows in 1..30 {
        let k = 5;
        let x = Stream::new(rows as u64).values(rows * k, 1.0);
        let columns = Stream::new(7).values(PANELS * k * 16, 1.0);
        let x = Rows {
            values: &x,
            stride: k,
            count: rows,
        };
        let panels = FloatPanels {
            columns: columns.as_chunks().0,
            k,
        };
        let [mut low, mut even, mut middle, mut high] = [(); 4].map(|()| Kept::new(rows, PANELS));
        // SAFETY: plain Rust runs everywhere.
        unsafe {
            float_tile::products::<Floats, 3, 1, false>(x, panels, &mut low);
            float_tile::products::<Floats, 4, 1, false>(x, panels, &mut even);
            float_tile::products::<Floats, 6, 1, false>(x, panels, &mut middle);
            float_tile::products::<Floats, 12, 2, false>(x, panels, &mut high);
        }
        assert!(low.sums.as_flattened().iter().all(|sum| sum.is_finite()));
        assert_eq!(low.sums, even.sums);
        assert_eq!(low.sums, middle.sums);
        assert_eq!(low.sums, high.sums);
        for level in Level::available() {
            let mut kept = Kept::new(rows, PANELS);
            float_products::<false>(level, x, panels, &mut kept);
            assert_eq!(low.sums, kept.sums, "{}", level.name());
        }
    }
}

#[test]
fn quad_tiles_of_every_shape_are_exact() {
    // Whole registers of AMX are 16 quads long and take two panels.
    for (quads, count) in [(7, PANELS), (16, 2), (32, 4)] {
        for rows in 1..70 {
            let example = Bytewise::new(rows, quads, count);
            let exact = example.exact(i32::from);
            let x = example.rows();
            let [mut low, mut high] = [(); 2].map(|()| Kept::new(rows, count));
            // SAFETY: plain Rust runs everywhere.
            unsafe {
                quad_tile::products::<PlainQuads, 6, 1>(x, &example.weights, &mut low);
                quad_tile::products::<PlainQuads, 12, 2>(x, &example.weights, &mut high);
            }
            assert_eq!(low.sums, exact, "{rows} rows of {quads}");
            assert_eq!(high.sums, exact, "{rows} rows of {quads}");
            // The same bytes, read as unsigned ones.
            let unsigned = example.exact(|byte| i32::from(byte.cast_unsigned()));
            for level in Level::available() {
                let exact = match level.bytes(quads, count) {
                    Bytes::Quads | Bytes::Lines => &exact,
                    Bytes::UnsignedQuads => &unsigned,
                    Bytes::Pairs | Bytes::Octets => continue,
                };
                let mut kept = Kept::new(rows, count);
                byte_products(level, x, &example.weights, &mut kept);
                assert_eq!(
                    &kept.sums,
                    exact,
                    "{}: {rows} rows of {quads}",
                    level.name()
                );
            }
        }
    }
}

#[test]
fn pair_tiles_of_every_shape_are_exact() {
    for pairs in [2, 4, 6, 10] {
        for rows in 1..30 {
            let mut stream = Stream::new(rows as u64);
            // The largest that attention has, and others of either sign: a sum is at most 20 * 32,000
            // * 3,000 here, which an i32 holds.
            let number = |stream: &mut Stream, most: i16| match stream.bits() % 8 {
                0 => most,
                1 => -most,
                _ => (stream.signed() * f32::from(most)) as i16,
            };
            let mut numbers = |count: usize, most: i16| -> Vec<i16> {
                (0..count).map(|_| number(&mut stream, most)).collect()
            };
            let stride = pairs + 2;
            let x = numbers(rows * stride * 2, 32_000);
            let weights = numbers(PANELS * pairs * 32, 3_000);
            let mut exact = Vec::new();
            for row in x.chunks_exact(2 * stride) {
                for columns in weights.as_chunks::<32>().0.chunks_exact(pairs) {
                    let mut lanes = [0i32; 16];
                    for (input, column) in row.as_chunks::<2>().0.iter().zip(columns) {
                        for (lane, weights) in lanes.iter_mut().zip(column.as_chunks::<2>().0) {
                            for (&input, &weight) in input.iter().zip(weights) {
                                *lane += i32::from(input) * i32::from(weight);
                            }
                        }
                    }
                    exact.push(lanes.map(|lane| lane as f32));
                }
            }
            for level in Level::available() {
                let mut words: Vec<u32> = bytemuck::allocation::pod_collect_to_vec(&x);
                let mut columns = weights.clone();
                arrange_pair_rows(level, &mut words);
                arrange_pair_panels(level, columns.as_chunks_mut().0);
                let rows_of_words = PairRows {
                    words: &words,
                    stride,
                    count: rows,
                };
                let panels = PairPanels {
                    columns: columns.as_chunks().0,
                    pairs,
                };
                let mut kept = Kept::new(rows, PANELS);
                pair_products(level, rows_of_words, panels, &mut kept);
                let name = level.name();
                assert_eq!(kept.sums, exact, "{name}: {rows} rows of {pairs} pairs");
            }
        }
    }
}

/// Random rows of bytes, and panels of them.
struct Bytewise {
    quads: usize,
    words: Vec<u32>,
    weights: Vec<[i8; 64]>,
}

impl Bytewise {
    fn new(rows: usize, quads: usize, panels: usize) -> Self {
        let mut stream = Stream::new(rows as u64);
        let words = (0..rows * (quads + 2)).map(|_| stream.bits() as u32);
        let words = words.collect();
        let weights = (0..panels * quads)
            .map(|_| [(); 64].map(|()| stream.bits() as i8))
            .collect();
        Self {
            quads,
            words,
            weights,
        }
    }

    fn rows(&self) -> ByteRows<'_> {
        ByteRows::new(&self.words, self.quads + 2)
    }

    fn row(&self, row: usize) -> &[i8] {
        bytemuck::cast_slice(self.rows().quads(row))
    }

    /// What [`Kept`] must hold, of bytes read as `number` says.
    fn exact(&self, number: impl Fn(i8) -> i32) -> Vec<[f32; 16]> {
        let mut sums = Vec::new();
        for row in 0..self.rows().count() {
            for weights in self.weights.chunks_exact(self.quads) {
                let mut lanes = [0; 16];
                for (bytes, weights) in self.row(row).as_chunks::<4>().0.iter().zip(weights) {
                    for (lane, weights) in lanes.iter_mut().zip(weights.as_chunks::<4>().0) {
                        let products = bytes.iter().zip(weights);
                        let products = products.map(|(&x, &w)| number(x) * i32::from(w));
                        *lane += products.sum::<i32>();
                    }
                }
                sums.push(lanes.map(|lane| lane as f32));
            }
        }
        sums
    }
}
