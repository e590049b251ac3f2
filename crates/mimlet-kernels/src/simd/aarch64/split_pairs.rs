//! Products of 16-bit integers as those of their bytes: four dot products do what a multiplication by 16
//! bits would take eight for, of which most cores start half as many at once.

use super::dotprod::dot;
use super::neon::Integers;
use crate::simd::pair_tile::Pairs;
use core::arch::aarch64::{
    int8x16_t, int32x4_t, vaddq_s32, vcombine_s8, vdup_n_s8, vdupq_n_s32, vld1_s8, vld1q_s8,
    vshlq_n_s32,
};

/// Rows of a tile: three registers of sums each, for a quarter of the channels.
pub(super) const HEIGHT: usize = 6;

/// Pairs that are [split](crate::simd::pair_tile::split_columns).
pub(super) struct SplitPairs;

/// Sums of products of low bytes, of low with high ones, and of high ones.
type Parts = [int32x4_t; 3];

impl Pairs for SplitPairs {
    type Sums = Integers;
    type Weights = ();

    #[inline(always)]
    fn weights(_: &[i16; 32]) {}

    #[inline(always)]
    fn add_products(_: Integers, _: u32, (): ()) -> Integers {
        unreachable!("split pairs come by two columns")
    }

    /// A quarter of the channels at a time.
    #[inline(always)]
    unsafe fn add_columns<const R: usize>(
        rows: [*const u32; R],
        columns: &[[i16; 32]],
        sums: &mut [Integers; R],
    ) {
        for q in 0..4 {
            // SAFETY: every machine has NEON.
            let mut parts: [Parts; R] = [[unsafe { vdupq_n_s32(0) }; 3]; R];
            let (fours, rest) = columns.as_chunks::<4>();
            for (index, four) in fours.iter().enumerate() {
                // SAFETY: the caller promises the instructions, and rows as long as `columns`.
                unsafe {
                    let inputs = rows.map(|row| vld1q_s8(row.add(4 * index).cast()));
                    add_quads::<0, 1, R>(inputs, quads(&four[..2], q), &mut parts);
                    add_quads::<2, 3, R>(inputs, quads(&four[2..], q), &mut parts);
                }
            }
            if !rest.is_empty() {
                // SAFETY: as above; there are two more columns.
                unsafe {
                    let inputs = rows.map(|row| two_words(row.add(4 * fours.len())));
                    add_quads::<0, 1, R>(inputs, quads(rest, q), &mut parts);
                }
            }
            for (sums, [low, middle, high]) in sums.iter_mut().zip(parts) {
                // SAFETY: every machine has NEON.
                unsafe {
                    let upper = vaddq_s32(vshlq_n_s32::<8>(high), middle);
                    let whole = vaddq_s32(vshlq_n_s32::<8>(upper), low);
                    sums.0[q] = vaddq_s32(sums.0[q], whole);
                }
            }
        }
    }
}

/// The low and the high bytes of a quarter of two columns' channels.
#[inline(always)]
fn quads(columns: &[[i16; 32]], q: usize) -> [int8x16_t; 2] {
    let [low, high] = [&columns[0], &columns[1]];
    // SAFETY: every machine has NEON; four quarters of eight numbers lie within a column.
    [low, high].map(|bytes| unsafe { vld1q_s8(bytes.as_ptr().add(8 * q).cast()) })
}

/// Two words in the lower half of a register.
///
/// # Safety
/// They must lie behind the pointer.
#[inline(always)]
unsafe fn two_words(words: *const u32) -> int8x16_t {
    // SAFETY: the caller's promise.
    unsafe { vcombine_s8(vld1_s8(words.cast()), vdup_n_s8(0)) }
}

/// Adds the products of a row's low and high quads, in lanes `LOW` and `HIGH`, with those of channels.
///
/// # Safety
/// The machine must have dot products.
#[inline(always)]
unsafe fn add_quads<const LOW: i32, const HIGH: i32, const R: usize>(
    inputs: [int8x16_t; R],
    [low_bytes, high_bytes]: [int8x16_t; 2],
    parts: &mut [Parts; R],
) {
    for ([low, middle, high], inputs) in parts.iter_mut().zip(inputs) {
        // SAFETY: the caller's promise.
        unsafe {
            *low = dot::<LOW>(*low, low_bytes, inputs);
            *middle = dot::<HIGH>(*middle, low_bytes, inputs);
            *middle = dot::<LOW>(*middle, high_bytes, inputs);
            *high = dot::<HIGH>(*high, high_bytes, inputs);
        }
    }
}
