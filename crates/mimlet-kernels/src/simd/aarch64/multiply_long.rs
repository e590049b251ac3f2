//! Products of bytes on machines without dot products of them: multiplied to 16 bits, then widened as
//! they are added up.

use super::neon::Integers;
use crate::simd::lanes16::Integers16;
use crate::simd::nibble_tile::Nibbles;
use crate::simd::pair_tile::Pairs;
use crate::simd::quad_tile::{self, Quads};
use core::arch::aarch64::{
    int8x8_t, int8x16_t, int16x8_t, int32x4_t, vdupq_n_s16, vdupq_n_s32, vdupq_n_u32, vget_low_s8,
    vget_low_s16, vld1_s8, vld1q_s8, vld1q_s16, vmlal_high_s8, vmlal_high_s16, vmlal_s8, vmlal_s16,
    vmull_high_s8, vmull_s8, vpadalq_s16, vpaddlq_s16, vreinterpretq_s8_u32, vreinterpretq_s16_u32,
    vzip1q_s32, vzip2q_s32,
};
use core::arch::asm;
use core::array::from_fn;

/// Rows of a tile of bytes: eight registers of sums each, with two quads of inputs in registers.
pub(super) const HEIGHT: usize = 2;

/// Rows of a tile of pairs: eight registers of sums each, four of weights.
pub(super) const PAIRS_HEIGHT: usize = 2;

/// Rows of a tile of 4-bit weights: eight registers of sums each.
pub(super) const NIBBLES_HEIGHT: usize = 3;

/// One of two quads, in all lanes. The compiler does not see that they are the same: it would no
/// longer multiply the upper halves of registers by the instructions that take them from there.
#[inline(always)]
fn splat<const LANE: i32>(quads: int8x8_t) -> int8x16_t {
    let quad;
    // SAFETY: every machine has NEON; the instruction touches registers only.
    unsafe {
        asm!(
            "dup {quad:v}.4s, {quads:v}.s[{lane}]",
            quad = lateout(vreg) quad,
            quads = in(vreg) quads,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    quad
}

/// Quads by two products a lane of 16 bits: with weights from -128 and inputs from -127 on, 32,512 at
/// most.
pub(super) struct ByTwos;

impl Quads for ByTwos {
    type Sums = Integers;
    type Weights = [int8x16_t; 4];

    #[inline(always)]
    fn weights(from: &[i8; 64]) -> [int8x16_t; 4] {
        // SAFETY: every machine has NEON; four quarters of sixteen lie within `from`.
        from_fn(|q| unsafe { vld1q_s8(from.as_ptr().add(16 * q)) })
    }

    #[inline(always)]
    fn add_products<const NIBBLES: bool>(
        sums: Integers,
        quad: u32,
        weights: [int8x16_t; 4],
    ) -> Integers {
        // SAFETY: every machine has NEON.
        unsafe {
            let quad = vreinterpretq_s8_u32(vdupq_n_u32(quad));
            sums.add(Integers(weights.map(|weights| {
                let low = vmull_s8(vget_low_s8(weights), vget_low_s8(quad));
                let high = vmull_high_s8(weights, quad);
                add_pairwise(vpaddlq_s16(low), vpaddlq_s16(high))
            })))
        }
    }

    /// Two quads at a time: with four, the compiler would run out of registers.
    #[inline(always)]
    unsafe fn add_columns<const NIBBLES: bool, const R: usize, const P: usize>(
        rows: [*const u32; R],
        columns: [&[[i8; 64]]; P],
        sums: &mut [[Integers; P]; R],
    ) {
        for (p, columns) in columns.into_iter().enumerate() {
            let mut split: [Split; R] = from_fn(|r| Split::of(sums[r][p]));
            for (index, quads) in columns.as_chunks::<2>().0.iter().enumerate() {
                // SAFETY: every machine has NEON; the caller promises rows as long as the columns.
                let inputs = rows.map(|row| unsafe { vld1_s8(row.add(2 * index).cast()) });
                add_twos(inputs, quads.each_ref(), &mut split);
            }
            for (sums, split) in sums.iter_mut().zip(split) {
                sums[p] = split.joined();
            }
        }
        let whole = columns[0].len() / 2 * 2;
        // SAFETY: the caller's promise.
        unsafe { quad_tile::add_one_by_one::<Self, NIBBLES, R, P>(rows, columns, whole, sums) }
    }
}

/// Adds the products of each row's two quads with their weights.
#[inline(always)]
fn add_twos<const R: usize>(inputs: [int8x8_t; R], weights: [&[i8; 64]; 2], sums: &mut [Split; R]) {
    let inputs = inputs.map(|quads| [splat::<0>(quads), splat::<1>(quads)]);
    for q in 0..4 {
        // SAFETY: every machine has NEON; four quarters of sixteen lie within a quad's weights.
        let weights = weights.map(|from| unsafe { vld1q_s8(from.as_ptr().add(16 * q)) });
        for (sums, inputs) in sums.iter_mut().zip(inputs) {
            sums.add_products(q, inputs, weights);
        }
    }
}

/// Two sums for each channel, side by side: of the first two inputs of quads, and of the last two; or of
/// the two inputs of pairs.
#[derive(Clone, Copy)]
struct Split([int32x4_t; 8]);

impl Split {
    #[inline(always)]
    fn of(sums: Integers) -> Self {
        // SAFETY: every machine has NEON.
        Self(from_fn(|eighth| unsafe {
            let (sums, zero) = (sums.0[eighth / 2], vdupq_n_s32(0));
            match eighth % 2 {
                0 => vzip1q_s32(sums, zero),
                _ => vzip2q_s32(sums, zero),
            }
        }))
    }

    /// Adds the products of two quads of inputs with a quarter of the channels.
    #[inline(always)]
    fn add_products(&mut self, q: usize, inputs: [int8x16_t; 2], weights: [int8x16_t; 2]) {
        let ([x, y], [a, b]) = (inputs, weights);
        let [low, high] = &mut self.0.as_chunks_mut::<2>().0[q];
        // SAFETY: every machine has NEON.
        unsafe {
            let products = vmull_s8(vget_low_s8(a), vget_low_s8(x));
            let products = vmlal_s8(products, vget_low_s8(b), vget_low_s8(y));
            *low = vpadalq_s16(*low, products);
            let products = vmlal_high_s8(vmull_high_s8(a, x), b, y);
            *high = vpadalq_s16(*high, products);
        }
    }

    /// Adds the products of a pair of inputs with pairs of weights.
    #[inline(always)]
    fn add_pairs(&mut self, pair: u32, weights: [int16x8_t; 4]) {
        // SAFETY: every machine has NEON.
        unsafe {
            let pair = vreinterpretq_s16_u32(vdupq_n_u32(pair));
            for ([low, high], weights) in self.0.as_chunks_mut::<2>().0.iter_mut().zip(weights) {
                *low = vmlal_s16(*low, vget_low_s16(weights), vget_low_s16(pair));
                *high = vmlal_high_s16(*high, weights, pair);
            }
        }
    }

    #[inline(always)]
    fn joined(self) -> Integers {
        Integers(from_fn(|q| add_pairwise(self.0[2 * q], self.0[2 * q + 1])))
    }
}

/// The sums of neighbours. The compiler takes the instruction's function apart, to add what is added to
/// it later first.
#[inline(always)]
fn add_pairwise(low: int32x4_t, high: int32x4_t) -> int32x4_t {
    let sums;
    // SAFETY: every machine has NEON; the instruction touches registers only.
    unsafe {
        asm!(
            "addp {sums:v}.4s, {low:v}.4s, {high:v}.4s",
            sums = lateout(vreg) sums,
            low = in(vreg) low,
            high = in(vreg) high,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Pairs of 16-bit integers, two words of a row at a time: each number of a pair is multiplied on its own.
pub(super) struct PairsByLanes;

impl Pairs for PairsByLanes {
    type Sums = Integers;
    type Weights = [int16x8_t; 4];

    #[inline(always)]
    fn weights(from: &[i16; 32]) -> [int16x8_t; 4] {
        // SAFETY: every machine has NEON; four quarters of eight lie within `from`.
        from_fn(|q| unsafe { vld1q_s16(from.as_ptr().add(8 * q)) })
    }

    #[inline(always)]
    fn add_products(sums: Integers, pair: u32, weights: [int16x8_t; 4]) -> Integers {
        let mut split = Split::of(sums);
        split.add_pairs(pair, weights);
        split.joined()
    }

    #[inline(always)]
    unsafe fn add_columns<const R: usize>(
        rows: [*const u32; R],
        columns: &[[i16; 32]],
        sums: &mut [Integers; R],
    ) {
        let mut split = sums.map(Split::of);
        for (index, weights) in columns.iter().enumerate() {
            let weights = Self::weights(weights);
            for (split, row) in split.iter_mut().zip(rows) {
                // SAFETY: the caller promises rows as long as `columns`.
                split.add_pairs(unsafe { *row.add(index) }, weights);
            }
        }
        *sums = split.map(Split::joined);
    }
}

/// Groups of 4-bit weights summed in 16 bits: sixteen products are at most 16 x 15 x 127 = 30,480.
pub(super) struct By16Bits;

impl Nibbles for By16Bits {
    type Sums = Integers;

    #[inline(always)]
    unsafe fn add_group<const R: usize>(
        rows: [*const u32; R],
        weights: &[[u8; 64]],
        sums: &mut [Integers; R],
    ) {
        // SAFETY: every machine has NEON; the caller promises rows as long as `weights`.
        unsafe {
            let mut short = [[vdupq_n_s16(0); 8]; R];
            let (twos, rest) = weights.as_chunks::<2>();
            for (index, [first, second]) in twos.iter().enumerate() {
                let inputs = rows.map(|row| vld1_s8(row.add(2 * index).cast()));
                add_short(inputs.map(splat::<0>), first, &mut short);
                add_short(inputs.map(splat::<1>), second, &mut short);
            }
            for weights in rest {
                let quads = rows.map(|row| vdupq_n_u32(*row.add(2 * twos.len())));
                let inputs = quads.map(|quad| vreinterpretq_s8_u32(quad));
                add_short(inputs, weights, &mut short);
            }
            for (sums, short) in sums.iter_mut().zip(short) {
                let split = Split(short.map(|short| vpaddlq_s16(short)));
                *sums = sums.add(split.joined());
            }
        }
    }
}

/// Adds the products of each row's quad, which is in all lanes, with its weights.
#[inline(always)]
fn add_short<const R: usize>(
    inputs: [int8x16_t; R],
    weights: &[u8; 64],
    sums: &mut [[int16x8_t; 8]; R],
) {
    for q in 0..4 {
        // SAFETY: every machine has NEON; four quarters of sixteen lie within a quad's weights.
        unsafe {
            let weights = vld1q_s8(weights.as_ptr().cast::<i8>().add(16 * q));
            for r in 0..R {
                let [low, high] = &mut sums[r].as_chunks_mut::<2>().0[q];
                *low = vmlal_s8(*low, vget_low_s8(weights), vget_low_s8(inputs[r]));
                *high = vmlal_high_s8(*high, weights, inputs[r]);
            }
        }
    }
}
