//! WebAssembly's vectors of 128 bits. There is no fused multiply-add.

use crate::simd::float_tile::ColumnProducts;
use crate::simd::lanes16::{Floats16, Integers16};
use crate::simd::nibble_tile::Nibbles;
use crate::simd::pair_tile::Pairs;
use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_mul, f32x4_splat, i16x8_add, i16x8_extend_low_i8x16,
    i16x8_load_extend_u8x8, i16x8_mul, i16x8_shl, i16x8_shr, i16x8_splat, i32x4_add,
    i32x4_dot_i16x8, i32x4_extadd_pairwise_i16x8, i32x4_mul, i32x4_shuffle, i32x4_splat, v128,
    v128_load, v128_store,
};
use core::array::from_fn;

/// Rows of a tile: four registers of sums each. With three rows, engines on x86-64, whose machine has
/// sixteen registers, run short of them.
pub(super) const HEIGHT: usize = 2;

/// The four quarters of 64 bytes.
///
/// # Safety
/// As many bytes must lie behind the pointer.
#[inline(always)]
unsafe fn quarters<T>(from: *const T) -> [v128; 4] {
    // SAFETY: the caller's promise; loads need no alignment.
    from_fn(|q| unsafe { v128_load(from.cast::<v128>().add(q)) })
}

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct Floats([v128; 4]);

impl Floats16 for Floats {
    #[inline(always)]
    fn load(from: &[f32; 16]) -> Self {
        // SAFETY: `from` is 64 bytes long.
        Self(unsafe { quarters(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 16]) {
        for (quarter, to) in self.0.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: `to` is sixteen bytes long; the store needs no alignment.
            unsafe { v128_store(to.as_mut_ptr().cast(), quarter) }
        }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([f32x4_splat(value); 4])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(from_fn(|q| f32x4_add(self.0[q], other.0[q])))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(from_fn(|q| f32x4_mul(self.0[q], other.0[q])))
    }

    #[inline(always)]
    fn add_product<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        self.add(a.mul(b))
    }
}

impl ColumnProducts for Floats {}

/// Sixteen i32 sums.
#[derive(Clone, Copy)]
pub(super) struct Integers([v128; 4]);

impl Integers16 for Integers {
    type Floats = Floats;

    #[inline(always)]
    fn load(from: &[i32; 16]) -> Self {
        // SAFETY: `from` is 64 bytes long.
        Self(unsafe { quarters(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 16]) {
        for (quarter, to) in self.0.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: `to` is sixteen bytes long; the store needs no alignment.
            unsafe { v128_store(to.as_mut_ptr().cast(), quarter) }
        }
    }

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Self([i32x4_splat(value); 4])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(from_fn(|q| i32x4_add(self.0[q], other.0[q])))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(from_fn(|q| i32x4_mul(self.0[q], other.0[q])))
    }

    #[inline(always)]
    fn to_floats(self) -> Floats {
        Floats(self.0.map(|sums| f32x4_convert_i32x4(sums)))
    }
}

impl Pairs for Integers {
    type Sums = Self;
    type Weights = [v128; 4];

    #[inline(always)]
    fn weights(from: &[i16; 32]) -> [v128; 4] {
        // SAFETY: `from` is 64 bytes long.
        unsafe { quarters(from.as_ptr()) }
    }

    #[inline(always)]
    fn add_products(sums: Self, pair: u32, weights: [v128; 4]) -> Self {
        let pair = i32x4_splat(pair.cast_signed());
        sums.add(Self(weights.map(|weights| i32x4_dot_i16x8(pair, weights))))
    }
}

/// [`crate::simd::widen_quads`], sixteen bytes at a time.
pub(super) fn widen(quads: &[[i8; 16]], first: &mut [[i16; 8]], second: &mut [[i16; 8]]) {
    for ((quads, first), second) in quads.iter().zip(first).zip(second) {
        // SAFETY: all three are sixteen bytes long.
        unsafe {
            let bytes = v128_load(quads.as_ptr().cast());
            let low = i16x8_shr(i16x8_shl(bytes, 8), 8);
            v128_store(first.as_mut_ptr().cast(), low);
            v128_store(second.as_mut_ptr().cast(), i16x8_shr(bytes, 8));
        }
    }
}

/// Groups of 4-bit weights summed in 16 bits, half the channels at a time: sixteen products are at most
/// 16 x 15 x 127 = 30,480.
pub(super) struct By16Bits;

impl Nibbles for By16Bits {
    type Sums = Integers;

    #[inline(always)]
    unsafe fn add_group<const R: usize>(
        rows: [*const u32; R],
        weights: &[[u8; 64]],
        sums: &mut [Integers; R],
    ) {
        for half in 0..2 {
            // Two channels of four inputs a register.
            let mut short = [[i16x8_splat(0); 4]; R];
            for (index, weights) in weights.iter().enumerate() {
                let inputs = rows.map(|row| {
                    // SAFETY: the caller promises rows as long as `weights`.
                    let quad = unsafe { *row.add(index) };
                    i16x8_extend_low_i8x16(i32x4_splat(quad.cast_signed()))
                });
                for eighth in 0..4 {
                    let at = 32 * half + 8 * eighth;
                    // SAFETY: eight bytes lie there, of 64.
                    let weights = unsafe { i16x8_load_extend_u8x8(weights.as_ptr().add(at)) };
                    for (short, inputs) in short.iter_mut().zip(inputs) {
                        short[eighth] = i16x8_add(short[eighth], i16x8_mul(inputs, weights));
                    }
                }
            }
            for (sums, short) in sums.iter_mut().zip(short) {
                // The first and the last two inputs of each channel, side by side.
                let split = short.map(|short| i32x4_extadd_pairwise_i16x8(short));
                let quarters = sums.0.as_chunks_mut::<2>().0[half].iter_mut();
                for (sum, [a, b]) in quarters.zip(split.as_chunks::<2>().0) {
                    let firsts = i32x4_shuffle::<0, 2, 4, 6>(*a, *b);
                    let lasts = i32x4_shuffle::<1, 3, 5, 7>(*a, *b);
                    *sum = i32x4_add(*sum, i32x4_add(firsts, lasts));
                }
            }
        }
    }
}
