//! Elementary functions without branches or calls, so that loops over them vectorise.

/// `2^x` for `x <= 126`, that of -125 for what lies below it, NaN of NaN; within `2.4e-7` of itself.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    exp2_from::<-125>(x)
}

/// `2^x` for `x <= 126`, that of `LOWEST`, no less than -125, for what lies below it, NaN of NaN.
///
/// `x = n + r` with `|r| <= 1/2`, exactly, a polynomial for `2^r`, and `2^n` by adding to the exponent's
/// bits. The polynomial begins with 1; its other coefficients, fitted by least squares weighted until the
/// largest relative errors were equal, leave `9.2e-8`. It is evaluated by Estrin's scheme, whose steps
/// wait for each other half as long as Horner's.
#[inline(always)]
pub(crate) fn exp2_from<const LOWEST: i16>(x: f32) -> f32 {
    // But for the last bits, which the fit moves.
    const LINEAR: f32 = core::f32::consts::LN_2 - 1.8e-7;
    let lowest = f32::from(LOWEST);
    let x = if x < lowest { lowest } else { x };
    let shifted = x + SHIFT;
    let r = x - (shifted - SHIFT);
    let square = r * r;
    let low = LINEAR * r + 1.0;
    let middle = 5.550_734e-2 * r + 2.402_224_2e-1;
    let high = 1.326_469_9e-3 * r + 9.671_533e-3;
    let power = (high * square + middle) * square + low;
    // The low bits of `shifted` are those of n; what lies above them is shifted out.
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// The share of a normal distribution below `-x`, for `x >= 0`: `erfc(x / sqrt 2) / 2`.
///
/// One over the 16th power of a polynomial, as formula 7.1.28 of Abramowitz and Stegun, Handbook of
/// Mathematical Functions (1964). The coefficients were fitted to `x` times the share, by least squares
/// weighted until the largest errors were equal: that product, which GELU is made of, is within `6e-7`.
#[inline(always)]
pub(crate) fn normal_tail(x: f32) -> f32 {
    let mut root = 6.848_333_7e-6;
    for coefficient in [
        4.099_424_8e-5,
        7.036_436e-5,
        3.379_344_5e-3,
        2.210_584e-2,
        5.206_722_8e-2,
        1.044_274_3,
    ] {
        root = root * x + coefficient;
    }
    for _ in 0..4 {
        root *= root;
    }
    1.0 / root
}

/// The square root, correctly rounded. `libm` has it as an instruction of SSE, which waits for hundreds
/// of cycles when the upper halves of vector registers are in use.
#[inline(always)]
pub(crate) fn sqrt(x: f32) -> f32 {
    #[cfg(feature = "std")]
    {
        x.sqrt()
    }
    #[cfg(not(feature = "std"))]
    libm::sqrtf(x)
}

/// `x` to 13 significant bits, halves away from zero; magnitudes below `2^-60` become zero. The product
/// with a 16-bit float is exact in f32, so that fusing it with an addition changes no bit.
#[inline(always)]
pub(crate) fn shorten(x: f32) -> f32 {
    // 0x2180_0000 is 2^-60.
    let bits = x.to_bits().wrapping_add(0x400) & 0xffff_f800;
    let is_tiny = (bits & 0x7fff_ffff) < 0x2180_0000;
    f32::from_bits(if is_tiny { 0 } else { bits })
}

/// `1.5 * 2^23`: adding it leaves no bits for a fraction, so that the addition itself rounds.
const SHIFT: f32 = 12_582_912.0;

/// The nearest whole number, halves to even, for `|x| < 2^22`.
#[inline(always)]
pub(crate) fn round_ties_even(x: f32) -> f32 {
    (x + SHIFT) - SHIFT
}

/// The low 16 bits of the nearest whole number, halves to even, for `|x| < 2^22`: they lie in the low
/// half of a word with others above.
#[inline(always)]
pub(crate) fn low_half(x: f32) -> u32 {
    (x + SHIFT).to_bits()
}

/// A whole number of magnitude below `2^22` as an integer. A cast, which has to mind numbers out of
/// range, would not vectorise.
#[inline(always)]
pub(crate) fn whole(x: f32) -> i32 {
    (x + SHIFT)
        .to_bits()
        .wrapping_sub(SHIFT.to_bits())
        .cast_signed()
}

/// `x` between `low` and `high`; NaN becomes `low`.
#[inline(always)]
pub(crate) fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > low { x } else { low };
    if x < high { x } else { high }
}

/// An IEEE 754 binary16 as f32, exactly.
#[inline(always)]
pub fn f16_to_f32(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let sign = (bits & 0x8000) << 16;
    let magnitude = (bits & 0x7fff) << 13;
    // Moving the exponent's bias by a product also renormalises subnormals.
    let scaled = f32::from_bits(magnitude) * f32::from_bits(0x7780_0000);
    let special = f32::from_bits(magnitude | 0x7f80_0000);
    let value = if magnitude >= 0x0f80_0000 {
        special
    } else {
        scaled
    };
    f32::from_bits(value.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::{exp2, f16_to_f32, normal_tail, round_ties_even, shorten, whole};
    use crate::case::Stream;

    #[test]
    fn shortened_numbers_are_near_and_their_products_with_halves_exact() {
        let mut stream = Stream::new(0x12);
        for _ in 0..100_000 {
            let x = stream.signed() * libm::exp2f(62.0 * stream.signed());
            let short = shorten(x);
            let kept = if x.abs() < libm::exp2f(-60.0) { 0.0 } else { x };
            assert!((short - kept).abs() <= kept.abs() / 8192.0, "{x}: {short}");
            let half = f16_to_f32(stream.bits() as u16 & 0xbfff);
            assert_eq!(f64::from(short * half), f64::from(short) * f64::from(half));
        }
        assert_eq!(
            [shorten(f32::INFINITY), shorten(-0.0)],
            [f32::INFINITY, 0.0]
        );
        assert!(shorten(f32::NAN).is_nan());
    }

    #[test]
    fn exp2_is_within_its_stated_error() {
        for i in -124_999..=125_999 {
            let x = i as f32 * 0.001;
            let exact = libm::exp2(f64::from(x));
            let error = (f64::from(exp2(x)) - exact).abs() / exact;
            assert!(error < 2.4e-7, "exp2({x}) is off by {error}");
        }
        assert_eq!(exp2(f32::NEG_INFINITY), libm::exp2f(-125.0));
        assert!(exp2(f32::NAN).is_nan());
    }

    #[test]
    fn normal_tail_is_within_its_stated_error() {
        for i in 0..=200_000 {
            let x = i as f32 * 1e-4;
            let exact = 0.5 * libm::erfc(f64::from(x) * core::f64::consts::FRAC_1_SQRT_2);
            let error = f64::from(x) * (f64::from(normal_tail(x)) - exact).abs();
            assert!(error < 6e-7, "normal_tail({x}) is off by {error}");
        }
        assert_eq!([1e30, f32::INFINITY].map(normal_tail), [0.0; 2]);
        assert!(normal_tail(f32::NAN).is_nan());
    }

    #[test]
    fn halves_round_to_even() {
        let rounded = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 126.5].map(round_ties_even);
        assert_eq!(rounded, [-2.0, -2.0, 0.0, 0.0, 2.0, 2.0, 126.0]);
        for number in -40_000..=40_000 {
            assert_eq!(whole(number as f32), number);
        }
    }

    #[test]
    fn every_half_precision_number_is_read_exactly() {
        for bits in 0..=u16::MAX {
            let (sign, exponent, fraction) = (bits >> 15, (bits >> 10) & 31, bits & 1023);
            let magnitude = match exponent {
                0 => f64::from(fraction) * libm::exp2(-24.0),
                31 if fraction == 0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1.0 + f64::from(fraction) / 1024.0) * libm::exp2(f64::from(exponent) - 15.0),
            };
            let expected = if sign == 1 { -magnitude } else { magnitude } as f32;
            let read = f16_to_f32(bits);
            assert!(read.to_bits() == expected.to_bits() || read.is_nan() && expected.is_nan());
        }
    }
}
