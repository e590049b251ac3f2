//! NumPy's number types as brightness levels and labels.

use half::f16;
use mimlet_image::NpyView;

/// Levels that an array may use when nothing else is said, by the largest number in it: binary
/// images, the 17 levels of the UCI digits, and bytes.
const KNOWN_LEVELS: [f64; 3] = [1.0, 16.0, 255.0];

/// One number from its little-endian bytes, exact up to 2^53.
type Convert = fn(&[u8]) -> f64;

/// Reads numbers of the type `descr`: their width in bytes, and how. `None` for types that are no
/// plain little-endian numbers.
fn reader(descr: &str) -> Option<(usize, Convert)> {
    fn bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.first_chunk().copied().unwrap_or([0; N])
    }
    // One byte has no order.
    let convert: (usize, Convert) = match descr {
        "|u1" | "<u1" | "u1" | ">u1" => (1, |b| f64::from(b[0])),
        "|b1" | "?" => (1, |b| f64::from(b[0].min(1))),
        "|i1" | "<i1" | "i1" | ">i1" => (1, |b| f64::from(b[0] as i8)),
        "<u2" => (2, |b| f64::from(u16::from_le_bytes(bytes(b)))),
        "<i2" => (2, |b| f64::from(i16::from_le_bytes(bytes(b)))),
        "<u4" => (4, |b| f64::from(u32::from_le_bytes(bytes(b)))),
        "<i4" => (4, |b| f64::from(i32::from_le_bytes(bytes(b)))),
        "<u8" => (8, |b| u64::from_le_bytes(bytes(b)) as f64),
        "<i8" => (8, |b| i64::from_le_bytes(bytes(b)) as f64),
        "<f2" => (2, |b| f16::from_le_bytes(bytes(b)).to_f64()),
        "<f4" => (4, |b| f64::from(f32::from_le_bytes(bytes(b)))),
        "<f8" => (8, |b| f64::from_le_bytes(bytes(b))),
        _ => return None,
    };
    Some(convert)
}

fn numbers<'a>(view: &'a NpyView<'_>) -> Result<impl Iterator<Item = f64> + Clone + 'a, String> {
    let (width, convert) = reader(&view.descr).ok_or_else(|| {
        format!(
            "holds numbers of type `{}`; save it little-endian, as uint8 or another plain type",
            view.descr
        )
    })?;
    Ok(view.data.chunks_exact(width).map(convert))
}

/// Brightness as bytes. `levels` is the number that stands for full brightness; without it the
/// array's largest number must be one of those usual: at most 1 for fractions (and binary images),
/// 16 for whole numbers of 17 levels, above 16 and up to 255 for whole numbers of 256.
///
/// # Errors
/// Numbers that are not finite, negative or above full brightness, or that leave open which number
/// that is.
pub(super) fn brightness(view: &NpyView<'_>, levels: Option<u32>) -> Result<Vec<u8>, String> {
    let full = match levels {
        Some(levels) => f64::from(levels),
        None => full_brightness(numbers(view)?)?,
    };
    let mut out = Vec::with_capacity(view.shape.iter().product());
    for (at, number) in numbers(view)?.enumerate() {
        if !(0.0..=full).contains(&number) {
            return Err(format!(
                "number {at} is {number}, outside 0 to {full}; mend it, or set data.levels"
            ));
        }
        out.push((number * 255.0 / full).round() as u8);
    }
    Ok(out)
}

/// The number that stands for full brightness, by the rule of [`brightness`].
fn full_brightness(numbers: impl Iterator<Item = f64>) -> Result<f64, String> {
    let (mut top, mut whole) = (0.0f64, true);
    for (at, number) in numbers.enumerate() {
        if !number.is_finite() || number < 0.0 {
            return Err(format!("number {at} is {number}; brightness starts at 0"));
        }
        top = top.max(number);
        whole &= number.fract() == 0.0;
    }
    let [fractions, digits, bytes] = KNOWN_LEVELS;
    if top <= fractions {
        Ok(fractions)
    } else if whole && top == digits {
        Ok(digits)
    } else if whole && top > digits && top <= bytes {
        Ok(bytes)
    } else {
        Err(format!(
            "has {} numbers up to {top}, which are neither fractions up to 1, nor whole numbers up \
             to 16 or 255; set data.levels",
            if whole { "whole" } else { "broken" }
        ))
    }
}

/// Whole numbers from 0 as labels.
///
/// # Errors
/// The first number that is none.
pub(super) fn labels(view: &NpyView<'_>) -> Result<Vec<u32>, String> {
    let label = |(at, number): (usize, f64)| {
        let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        fits.then_some(number as u32)
            .ok_or_else(|| format!("number {at} is {number}; labels are whole numbers from 0"))
    };
    numbers(view)?.enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(descr: &str, data: &'a [u8]) -> NpyView<'a> {
        let width = reader(descr).unwrap().0;
        NpyView {
            descr: descr.into(),
            shape: vec![data.len() / width],
            data,
        }
    }

    fn floats(values: &[f64]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn levels_follow_from_the_largest_number() {
        let bytes = |data: &[u8]| brightness(&view("|u1", data), None);
        assert_eq!(bytes(&[0, 1]), Ok(vec![0, 255]));
        assert_eq!(bytes(&[0, 8, 16]), Ok(vec![0, 128, 255]));
        assert_eq!(bytes(&[0, 16, 17, 200]), Ok(vec![0, 16, 17, 200]));
        assert!(bytes(&[0, 15]).unwrap_err().contains("data.levels"));
        let doubles = |values: &[f64]| brightness(&view("<f8", &floats(values)), None);
        assert_eq!(doubles(&[0.0, 0.5, 1.0]), Ok(vec![0, 128, 255]));
        assert_eq!(doubles(&[0.0, 4.0, 16.0]), Ok(vec![0, 64, 255]));
        assert_eq!(doubles(&[3.0, 255.0]), Ok(vec![3, 255]));
        for bad in [
            [0.5, 16.0],
            [0.5, 200.0],
            [0.0, 256.0],
            [-0.1, 1.0],
            [f64::NAN, 1.0],
        ] {
            assert!(doubles(&bad).is_err(), "{bad:?}");
        }
        assert!(doubles(&[0.0, f64::INFINITY]).is_err());
    }

    #[test]
    fn configured_levels_decide() {
        let with = |data: &[u8], levels| brightness(&view("|u1", data), Some(levels));
        assert_eq!(with(&[0, 8], 16), Ok(vec![0, 128]));
        assert_eq!(with(&[0, 16], 255), Ok(vec![0, 16]));
        assert!(with(&[0, 17], 16).unwrap_err().contains("number 1 is 17"));
    }

    #[test]
    fn every_integer_type_gives_labels() {
        assert_eq!(labels(&view("<i8", &3i64.to_le_bytes())), Ok(vec![3]));
        assert_eq!(labels(&view("<i4", &7i32.to_le_bytes())), Ok(vec![7]));
        assert_eq!(labels(&view("<u2", &[1, 1])), Ok(vec![257]));
        assert_eq!(labels(&view("|u1", &[9, 0])), Ok(vec![9, 0]));
        assert!(labels(&view("<i8", &(-1i64).to_le_bytes())).is_err());
        assert!(labels(&view("<f8", &floats(&[0.5]))).is_err());
        assert!(labels(&view("<u8", &u64::MAX.to_le_bytes())).is_err());
        let big = NpyView {
            descr: ">i8".into(),
            shape: vec![1],
            data: &[0; 8],
        };
        assert!(labels(&big).unwrap_err().contains("little-endian"));
    }
}
