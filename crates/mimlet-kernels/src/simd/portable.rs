//! Tiles in plain Rust: what the compiler makes of them for the machine the program was built for.

use super::float_tile::ColumnProducts;
use super::lanes16::{Floats16, Integers16};
use super::nibble_tile::Nibbles;
use super::pair_tile::Pairs;

/// Rows of a tile of floats or of 4-bit weights: three are no faster at the baseline of x86-64, and take
/// more of a program.
pub(super) const HEIGHT: usize = 2;

/// Rows of a tile of pairs: more are slower there.
pub(super) const PAIRS_HEIGHT: usize = 1;

/// Sixteen floats. Multiplies and adds are never fused: not every machine can.
#[derive(Clone, Copy)]
pub(super) struct Floats([f32; 16]);

impl Floats {
    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        self
    }
}

impl Floats16 for Floats {
    #[inline(always)]
    fn load(from: &[f32; 16]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 16]) {
        *to = self.0;
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 16])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn add_product<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        self.zip(a.zip(b, |a, b| a * b), |sum, product| sum + product)
    }
}

impl ColumnProducts for Floats {}

/// Sixteen i32 sums.
#[derive(Clone, Copy)]
pub(super) struct Integers(pub(super) [i32; 16]);

impl Integers {
    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(i32, i32) -> i32) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        self
    }
}

impl Integers16 for Integers {
    type Floats = Floats;

    #[inline(always)]
    fn load(from: &[i32; 16]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 16]) {
        *to = self.0;
    }

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Self([value; 16])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn to_floats(self) -> Floats {
        let mut floats = [0.0; 16];
        for (float, integer) in floats.iter_mut().zip(self.0) {
            *float = integer as f32;
        }
        Floats(floats)
    }
}

impl Pairs for Integers {
    type Sums = Self;
    type Weights = [i16; 32];

    #[inline(always)]
    fn weights(from: &[i16; 32]) -> [i16; 32] {
        *from
    }

    #[inline(always)]
    fn add_products(mut sums: Self, pair: u32, weights: [i16; 32]) -> Self {
        let (low, high) = (i32::from(pair as u16 as i16), pair.cast_signed() >> 16);
        for (sum, weights) in sums.0.iter_mut().zip(weights.as_chunks::<2>().0) {
            *sum += low * i32::from(weights[0]) + high * i32::from(weights[1]);
        }
        sums
    }
}

/// Groups of 4-bit weights, a product at a time.
pub(super) struct ByProducts;

impl Nibbles for ByProducts {
    type Sums = Integers;

    #[inline(always)]
    unsafe fn add_group<const R: usize>(
        rows: [*const u32; R],
        weights: &[[u8; 64]],
        sums: &mut [Integers; R],
    ) {
        for (index, weights) in weights.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                // SAFETY: the caller promises rows as long as `weights`.
                let quad = unsafe { *row.add(index) };
                let bytes = quad.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
                for (sum, weights) in sums.0.iter_mut().zip(weights.as_chunks::<4>().0) {
                    for (byte, &weight) in bytes.into_iter().zip(weights) {
                        *sum += byte * i32::from(weight);
                    }
                }
            }
        }
    }
}
