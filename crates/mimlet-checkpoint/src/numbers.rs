//! The number types of checkpoints, and their bytes as f32.

use half::{bf16, f16};

/// A floating-point type, or the name of one that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Number {
    /// 64 bits, rounded to f32 when read.
    F64,
    /// 32 bits.
    F32,
    /// 16 bits, IEEE 754.
    F16,
    /// 16 bits, the upper half of an f32.
    BF16,
    /// What is no such type, of this many bytes.
    Other(String, usize),
}

impl Number {
    /// Bytes of one number.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(_, size) => *size,
        }
    }

    /// Appends little-endian numbers as f32. Of [`Number::Other`] it makes nothing.
    pub(crate) fn widen(&self, bytes: &[u8], into: &mut Vec<f32>) {
        match self {
            Self::F64 => into.extend(words(bytes).map(|b| f64::from_le_bytes(b) as f32)),
            Self::F32 => into.extend(words(bytes).map(f32::from_le_bytes)),
            Self::F16 => into.extend(words(bytes).map(|b| f16::from_le_bytes(b).to_f32())),
            Self::BF16 => into.extend(words(bytes).map(|b| bf16::from_le_bytes(b).to_f32())),
            Self::Other(..) => {}
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

/// The product of a shape's sides; `None` when it does not fit.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1_usize, |count, &side| count.checked_mul(side))
}
