//! Products of matrices of bytes (FEAT_I8MM: Arm cores since 2020, such as Cortex-A710 and Neoverse
//! V1): two rows of eight inputs by two channels at a time.

use super::dotprod::{self, ByLanes};
use super::neon::Integers;
use crate::simd::quad_tile::{self, Quads};
use core::arch::aarch64::{
    int8x16_t, int32x4_t, vcombine_s8, vdupq_n_s32, vld1_s8, vld1q_s8, vreinterpretq_s8_s64,
    vreinterpretq_s32_s64, vreinterpretq_s64_s8, vreinterpretq_s64_s32, vzip1q_s64, vzip2q_s64,
};
use core::arch::asm;
use core::array::from_fn;

/// Rows of a tile: two pairs, each with eight registers of sums. With three pairs, their inputs would
/// find no register.
pub(super) const HEIGHT: usize = 4;

/// Whether this machine has what this file uses.
pub(super) fn is_present() -> bool {
    #[cfg(feature = "std")]
    {
        std::arch::is_aarch64_feature_detected!("i8mm") && dotprod::is_present()
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(target_feature = "i8mm") && dotprod::is_present()
    }
}

/// Adds the products of two rows of eight inputs with two channels: a row's two sums lie side by side.
/// Rust has not stabilised the instruction's function.
///
/// # Safety
/// The machine must have products of matrices.
#[inline(always)]
unsafe fn multiply(mut sums: int32x4_t, rows: int8x16_t, channels: int8x16_t) -> int32x4_t {
    // SAFETY: the caller promises the instruction, which touches registers only.
    unsafe {
        asm!(
            "smmla {sums:v}.4s, {rows:v}.16b, {channels:v}.16b",
            sums = inout(vreg) sums,
            rows = in(vreg) rows,
            channels = in(vreg) channels,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Quads two by two, interleaved; the last of an odd number as it is.
pub(super) struct ByOctets;

impl Quads for ByOctets {
    type Sums = Integers;
    type Weights = [int8x16_t; 4];

    #[inline(always)]
    fn weights(from: &[i8; 64]) -> [int8x16_t; 4] {
        ByLanes::weights(from)
    }

    #[inline(always)]
    fn add_products<const NIBBLES: bool>(
        sums: Integers,
        quad: u32,
        weights: [int8x16_t; 4],
    ) -> Integers {
        ByLanes::add_products::<NIBBLES>(sums, quad, weights)
    }

    /// Two octets at a time.
    #[inline(always)]
    unsafe fn add_columns<const NIBBLES: bool, const R: usize, const P: usize>(
        rows: [*const u32; R],
        columns: [&[[i8; 64]]; P],
        sums: &mut [[Integers; P]; R],
    ) {
        for (p, columns) in columns.into_iter().enumerate() {
            let mut pairs = two_by_two(from_fn(|r| sums[r][p])).map(Pair::of);
            let (fours, rest) = columns.as_chunks::<4>();
            // SAFETY: every machine has NEON; the caller promises the instructions, and rows as long
            // as the columns.
            unsafe {
                for (index, [a, b, c, d]) in fours.iter().enumerate() {
                    let inputs = rows.map(|row| vld1q_s8(row.add(4 * index).cast()));
                    let inputs = two_by_two(inputs.map(|inputs| vreinterpretq_s64_s8(inputs)));
                    let first = inputs.map(|[x, y]| vreinterpretq_s8_s64(vzip1q_s64(x, y)));
                    add_octet(first, [a, b], &mut pairs);
                    let second = inputs.map(|[x, y]| vreinterpretq_s8_s64(vzip2q_s64(x, y)));
                    add_octet(second, [c, d], &mut pairs);
                }
                if let [a, b, ..] = rest {
                    let inputs = rows.map(|row| vld1_s8(row.add(4 * fours.len()).cast()));
                    let inputs = two_by_two(inputs).map(|[x, y]| vcombine_s8(x, y));
                    add_octet(inputs, [a, b], &mut pairs);
                }
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                sums[p] = pairs[r / 2].rows()[r % 2];
            }
        }
        let whole = columns[0].len() / 2 * 2;
        // SAFETY: the caller's promise.
        unsafe { quad_tile::add_one_by_one::<Self, NIBBLES, R, P>(rows, columns, whole, sums) }
    }
}

/// Rows two by two, the last of an odd number twice. As many pairs as rows are returned, of which the
/// last half are of no use.
#[inline(always)]
fn two_by_two<T: Copy, const R: usize>(rows: [T; R]) -> [[T; 2]; R] {
    from_fn(|pair| [2 * pair, 2 * pair + 1].map(|r| rows[r.min(R - 1)]))
}

/// Adds the products of pairs of rows with an octet's weights `[16][8]`.
///
/// # Safety
/// The machine must have products of matrices.
#[inline(always)]
unsafe fn add_octet<const R: usize>(
    inputs: [int8x16_t; R],
    weights: [&[i8; 64]; 2],
    sums: &mut [Pair; R],
) {
    for channels in 0..8 {
        // SAFETY: the caller promises the instruction; four quarters of sixteen lie in each half of
        // the weights.
        unsafe {
            let weights = vld1q_s8(weights[channels / 4].as_ptr().add(16 * (channels % 4)));
            for pair in 0..R.div_ceil(2) {
                let sum = &mut sums[pair].0[channels];
                *sum = multiply(*sum, inputs[pair], weights);
            }
        }
    }
}

/// The sums of two rows: of two channels the first row's, then the second's.
#[derive(Clone, Copy)]
struct Pair([int32x4_t; 8]);

impl Pair {
    #[inline(always)]
    fn of([a, b]: [Integers; 2]) -> Self {
        // SAFETY: every machine has NEON.
        unsafe {
            let [a, b] = [a, b].map(|row| row.0.map(|sums| vreinterpretq_s64_s32(sums)));
            let mut sums = [vdupq_n_s32(0); 8];
            for q in 0..4 {
                sums[2 * q] = vreinterpretq_s32_s64(vzip1q_s64(a[q], b[q]));
                sums[2 * q + 1] = vreinterpretq_s32_s64(vzip2q_s64(a[q], b[q]));
            }
            Self(sums)
        }
    }

    #[inline(always)]
    fn rows(self) -> [Integers; 2] {
        // SAFETY: every machine has NEON.
        unsafe {
            let sums = self.0.map(|sums| vreinterpretq_s64_s32(sums));
            let twos = sums.as_chunks::<2>().0;
            let first = |q: usize| vreinterpretq_s32_s64(vzip1q_s64(twos[q][0], twos[q][1]));
            let second = |q: usize| vreinterpretq_s32_s64(vzip2q_s64(twos[q][0], twos[q][1]));
            [Integers(from_fn(first)), Integers(from_fn(second))]
        }
    }
}
