//! The machine's vector instructions, found once, and elementary functions as straight lines of
//! arithmetic that the compiler turns into them.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};
use std::sync::OnceLock;

use pulp::{Arch, WithSimd};

/// The vector instructions of a machine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Vectors {
    /// What pulp finds: AVX-512, NEON, or none.
    Found(Arch),
    /// AVX2 and FMA, which pulp looks for only with a feature that would have burn compiled anew.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
}

impl Vectors {
    /// Runs `operation` compiled for these instructions.
    #[inline]
    pub(super) fn dispatch<O: WithSimd>(self, operation: O) -> O::Output {
        match self {
            Self::Found(arch) => arch.dispatch(operation),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => pulp::Simd::vectorize(simd, operation),
        }
    }
}

/// The best vector instructions of this machine.
pub(super) fn arch() -> Vectors {
    static VECTORS: OnceLock<Vectors> = OnceLock::new();
    *VECTORS.get_or_init(find)
}

fn find() -> Vectors {
    let found = Arch::new();
    #[cfg(target_arch = "x86_64")]
    if matches!(found, Arch::Scalar)
        && let Some(simd) = pulp::x86::V3::try_new()
    {
        return Vectors::Avx2(simd);
    }
    Vectors::Found(found)
}

/// Partial sums of a reduction: as many as the widest vector has lanes, so that the order of a
/// sum does not depend on the machine.
const LANES: usize = 16;

/// `e^x` for `-87 <= x <= 88`, arguments beyond clamped; within 2 ulp.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`, the Taylor series of `e^r` to the seventh power, and
/// `2^n` from its exponent bits; `ln 2` is split in two so that `n ln 2` is exact (Cody and Waite
/// 1980).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding 1.5 * 2^23 leaves no bits for a fraction: the addition rounds to whole numbers.
    const SHIFT: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let mut series = 1.0 / 5040.0;
    for coefficient in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        series = series * r + coefficient;
    }
    // The whole number's bits are the low ones of the shifted sum.
    let power = (shifted.to_bits() << 23).wrapping_add(127 << 23);
    series * f32::from_bits(power)
}

/// The exact GELU `x P(N <= x)` and its slope `P(N <= x) + x p(x)` (Hendrycks and Gimpel 2016,
/// arXiv 1606.08415), within `3e-7` of `max(|x|, 1)`.
///
/// The error function is formula 7.1.26 of Abramowitz and Stegun (1964), off by `1.5e-7`.
#[inline(always)]
pub(super) fn gelu(x: f32) -> (f32, f32) {
    const DENSITY: f32 = 0.398_942_3;
    let magnitude = x.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let mut series = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6] {
        series = series * t + coefficient;
    }
    let bell = exp(-magnitude * magnitude);
    // The probability beyond |x|, which keeps its digits where it is small.
    let beyond = 0.5 * series * t * bell;
    let below = if x < 0.0 { beyond } else { 1.0 - beyond };
    (x * below, below + x * DENSITY * bell)
}

/// Sum of `value(a, b, c)` over three rows of one length.
#[inline(always)]
pub(super) fn sum3([a, b, c]: [&[f32]; 3], value: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    let (c_whole, c_rest) = c.as_chunks::<LANES>();
    for ((a, b), c) in a_whole.iter().zip(b_whole).zip(c_whole) {
        for (((sum, &a), &b), &c) in lanes.iter_mut().zip(a).zip(b).zip(c) {
            *sum += value(a, b, c);
        }
    }
    for (((sum, &a), &b), &c) in lanes.iter_mut().zip(a_rest).zip(b_rest).zip(c_rest) {
        *sum += value(a, b, c);
    }
    fold(lanes, |a, b| a + b)
}

/// Sum of `value(a, b)` over two rows of one length.
#[inline(always)]
pub(super) fn sum2(a: &[f32], b: &[f32], value: impl Fn(f32, f32) -> f32) -> f32 {
    sum3([a, b, b], |a, b, _| value(a, b))
}

/// Sum of `value(a)` over a row.
#[inline(always)]
pub(super) fn sum(a: &[f32], value: impl Fn(f32) -> f32) -> f32 {
    sum3([a, a, a], |a, _, _| value(a))
}

/// Largest element; `-inf` of an empty row.
#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (best, &value) in lanes.iter_mut().zip(chunk) {
            *best = if value > *best { value } else { *best };
        }
    }
    for (best, &value) in lanes.iter_mut().zip(rest) {
        *best = if value > *best { value } else { *best };
    }
    fold(lanes, |a, b| if a > b { a } else { b })
}

/// Joins lanes pairwise.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (low, &high) in low.iter_mut().zip(&*high) {
            *low = join(*low, high);
        }
    }
    lanes[0]
}
