//! What every aarch64 machine has: NEON, 32 registers of 128 bits.
//!
//! A row's inputs are loaded four at a time, and each is multiplied from its lane: no instruction
//! copies it to all lanes first.

use crate::simd::float_tile::{self, ColumnProducts};
use crate::simd::lanes16::{Floats16, Integers16};
use core::arch::aarch64::{
    float32x4_t, int32x4_t, vaddq_f32, vaddq_s32, vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s32,
    vfmaq_f32, vfmaq_laneq_f32, vld1q_f32, vld1q_s32, vmulq_f32, vmulq_laneq_f32, vmulq_s32,
    vst1q_f32, vst1q_s32,
};
use core::array::from_fn;

/// Rows of a tile of floats: four registers of sums each.
pub(super) const HEIGHT: usize = 6;

/// Rows of a tile of floats whose products are not fused with their addition: those need registers too.
pub(super) const UNFUSED_HEIGHT: usize = 3;

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct Floats([float32x4_t; 4]);

impl Floats16 for Floats {
    #[inline(always)]
    fn load(from: &[f32; 16]) -> Self {
        // SAFETY: every machine has NEON; four quarters of four lie within `from`.
        Self(from_fn(|q| unsafe { vld1q_f32(from.as_ptr().add(4 * q)) }))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 16]) {
        for (quarter, to) in self.0.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: every machine has NEON; `to` is four long.
            unsafe { vst1q_f32(to.as_mut_ptr(), quarter) }
        }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: every machine has NEON.
        Self([unsafe { vdupq_n_f32(value) }; 4])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: every machine has NEON.
        Self(from_fn(|q| unsafe { vaddq_f32(self.0[q], other.0[q]) }))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: every machine has NEON.
        Self(from_fn(|q| unsafe { vmulq_f32(self.0[q], other.0[q]) }))
    }

    #[inline(always)]
    fn add_product<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        if FUSED {
            // SAFETY: every machine has NEON.
            Self(from_fn(|q| unsafe { vfmaq_f32(self.0[q], a.0[q], b.0[q]) }))
        } else {
            self.add(a.mul(b))
        }
    }
}

impl ColumnProducts for Floats {
    /// Four columns at a time.
    #[inline(always)]
    unsafe fn add_columns<const R: usize, const P: usize, const FUSED: bool>(
        rows: [*const f32; R],
        columns: [&[[f32; 16]]; P],
        sums: &mut [[Self; P]; R],
    ) {
        let whole = columns[0].len() / 4 * 4;
        // SAFETY: every machine has NEON; the caller promises as many columns and values.
        unsafe {
            for column in (0..whole).step_by(4) {
                let inputs = rows.map(|row| vld1q_f32(row.add(column)));
                let columns = columns.map(|columns| columns.as_ptr().add(column));
                add_lane::<0, R, P, FUSED>(inputs, columns, sums);
                add_lane::<1, R, P, FUSED>(inputs, columns, sums);
                add_lane::<2, R, P, FUSED>(inputs, columns, sums);
                add_lane::<3, R, P, FUSED>(inputs, columns, sums);
            }
            float_tile::add_one_by_one::<Self, R, P, FUSED>(rows, columns, whole, sums);
        }
    }
}

/// Adds the products of each row's input in a lane with column number `LANE` of each panel.
///
/// # Safety
/// The panels must have that column.
#[inline(always)]
unsafe fn add_lane<const LANE: i32, const R: usize, const P: usize, const FUSED: bool>(
    inputs: [float32x4_t; R],
    columns: [*const [f32; 16]; P],
    sums: &mut [[Floats; P]; R],
) {
    for (p, columns) in columns.into_iter().enumerate() {
        for q in 0..4 {
            // SAFETY: every machine has NEON; the caller promises that column, sixteen long.
            unsafe {
                let weights = vld1q_f32(columns.add(LANE as usize).cast::<f32>().add(4 * q));
                for r in 0..R {
                    let sum = &mut sums[r][p].0[q];
                    *sum = if FUSED {
                        vfmaq_laneq_f32::<LANE>(*sum, weights, inputs[r])
                    } else {
                        vaddq_f32(*sum, vmulq_laneq_f32::<LANE>(weights, inputs[r]))
                    };
                }
            }
        }
    }
}

/// Sixteen i32 sums.
#[derive(Clone, Copy)]
pub(super) struct Integers(pub(super) [int32x4_t; 4]);

impl Integers16 for Integers {
    type Floats = Floats;

    #[inline(always)]
    fn load(from: &[i32; 16]) -> Self {
        // SAFETY: every machine has NEON; four quarters of four lie within `from`.
        Self(from_fn(|q| unsafe { vld1q_s32(from.as_ptr().add(4 * q)) }))
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 16]) {
        for (quarter, to) in self.0.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: every machine has NEON; `to` is four long.
            unsafe { vst1q_s32(to.as_mut_ptr(), quarter) }
        }
    }

    #[inline(always)]
    fn splat(value: i32) -> Self {
        // SAFETY: every machine has NEON.
        Self([unsafe { vdupq_n_s32(value) }; 4])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: every machine has NEON.
        Self(from_fn(|q| unsafe { vaddq_s32(self.0[q], other.0[q]) }))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: every machine has NEON.
        Self(from_fn(|q| unsafe { vmulq_s32(self.0[q], other.0[q]) }))
    }

    #[inline(always)]
    fn to_floats(self) -> Floats {
        // SAFETY: every machine has NEON.
        Floats(self.0.map(|sums| unsafe { vcvtq_f32_s32(sums) }))
    }
}
