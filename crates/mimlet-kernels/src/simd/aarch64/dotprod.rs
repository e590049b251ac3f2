//! Dot products of four bytes (FEAT_DotProd: Arm cores since 2017, such as Cortex-A55 and A76).

use super::neon::Integers;
use crate::simd::quad_tile::{self, Quads};
use core::arch::aarch64::{int8x16_t, int32x4_t, vdupq_n_s32, vld1q_s8, vreinterpretq_s8_s32};
use core::arch::asm;
use core::array::from_fn;

/// Rows of a tile: four registers of sums each.
pub(super) const HEIGHT: usize = 6;

/// Whether this machine has what this file uses.
pub(super) fn is_present() -> bool {
    #[cfg(feature = "std")]
    {
        std::arch::is_aarch64_feature_detected!("dotprod")
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(target_feature = "dotprod")
    }
}

/// Runs `f` compiled for dot products.
#[target_feature(enable = "neon,dotprod")]
pub(super) fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Adds to each lane the four products of its quad with the quad in lane `LANE` of `inputs`. Rust has
/// not stabilised the instruction's function.
///
/// # Safety
/// The machine must have dot products.
#[inline(always)]
pub(super) unsafe fn dot<const LANE: i32>(
    sums: int32x4_t,
    weights: int8x16_t,
    inputs: int8x16_t,
) -> int32x4_t {
    let mut sums = sums;
    // SAFETY: the caller promises the instruction, which touches registers only.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {inputs:v}.4b[{lane}]",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            inputs = in(vreg) inputs,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Quads, each multiplied from its lane.
pub(super) struct ByLanes;

impl Quads for ByLanes {
    type Sums = Integers;
    type Weights = [int8x16_t; 4];

    #[inline(always)]
    fn weights(from: &[i8; 64]) -> [int8x16_t; 4] {
        // SAFETY: every machine has NEON; four quarters of sixteen lie within `from`.
        from_fn(|q| unsafe { vld1q_s8(from.as_ptr().add(16 * q)) })
    }

    #[inline(always)]
    fn add_products<const NIBBLES: bool>(
        mut sums: Integers,
        quad: u32,
        weights: [int8x16_t; 4],
    ) -> Integers {
        // SAFETY: called only in tiles compiled for dot products.
        unsafe {
            let quad = vreinterpretq_s8_s32(vdupq_n_s32(quad.cast_signed()));
            for (sum, weights) in sums.0.iter_mut().zip(weights) {
                *sum = dot::<0>(*sum, weights, quad);
            }
        }
        sums
    }

    /// Four quads at a time.
    #[inline(always)]
    unsafe fn add_columns<const NIBBLES: bool, const R: usize, const P: usize>(
        rows: [*const u32; R],
        columns: [&[[i8; 64]]; P],
        sums: &mut [[Integers; P]; R],
    ) {
        let whole = columns[0].len() / 4 * 4;
        // SAFETY: the caller promises the instructions, and as many columns and quads.
        unsafe {
            for index in (0..whole).step_by(4) {
                let inputs = rows.map(|row| vld1q_s8(row.add(index).cast()));
                let columns = columns.map(|columns| columns.as_ptr().add(index));
                add_lane::<0, R, P>(inputs, columns, sums);
                add_lane::<1, R, P>(inputs, columns, sums);
                add_lane::<2, R, P>(inputs, columns, sums);
                add_lane::<3, R, P>(inputs, columns, sums);
            }
            quad_tile::add_one_by_one::<Self, NIBBLES, R, P>(rows, columns, whole, sums);
        }
    }
}

/// Adds the products of each row's quad in a lane with column number `LANE` of each panel.
///
/// # Safety
/// The machine must have dot products; the panels must have that column.
#[inline(always)]
unsafe fn add_lane<const LANE: i32, const R: usize, const P: usize>(
    inputs: [int8x16_t; R],
    columns: [*const [i8; 64]; P],
    sums: &mut [[Integers; P]; R],
) {
    for (p, columns) in columns.into_iter().enumerate() {
        for q in 0..4 {
            // SAFETY: the caller promises the instruction and the column, 64 bytes long.
            unsafe {
                let weights = vld1q_s8(columns.add(LANE as usize).cast::<i8>().add(16 * q));
                for r in 0..R {
                    let sum = &mut sums[r][p].0[q];
                    *sum = dot::<LANE>(*sum, weights, inputs[r]);
                }
            }
        }
    }
}
