//! Examples of an op: inputs, the oracle's output, the CPU's, and the GPU call that must give the
//! same.

use crate::epilogue::Epilogue;
use crate::op::Variant;
use crate::simd::Level;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One example of an op.
#[derive(Debug, Clone)]
pub struct Case {
    /// Shape and kind of data, for messages.
    pub name: String,
    /// The ways to compute it on a GPU, the first with the op's own kernel.
    pub variants: Vec<Variant>,
    /// Initial contents of each operand, in order. Outputs start as NaN or all-ones bits, so that a
    /// value nobody wrote is seen.
    pub buffers: Vec<Values>,
    /// What the operands that the op writes must hold afterwards.
    pub outputs: Vec<Output>,
    /// Whether products that a machine cannot fuse with their additions are rounded otherwise: then
    /// the bits of levels that fuse are not those of others.
    pub fuses: bool,
    /// The CPU version's outputs at each SIMD level of this machine, in the order of `outputs`.
    pub cpu: Vec<(Level, Vec<Values>)>,
}

/// An expected output.
#[derive(Debug, Clone)]
pub struct Output {
    /// Index of the operand.
    pub binding: usize,
    /// The oracle's values.
    pub expected: Values,
    /// How far the CPU version may be from them.
    pub cpu: Tolerance,
    /// How far the GPU version may be from them.
    pub gpu: Tolerance,
}

/// A buffer's values.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// Words: tokens, packed bytes or packed halves.
    U32(Vec<u32>),
}

/// How far a value may be from the expected one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// The same bits.
    Exact,
    /// `|actual - expected| <= absolute + relative * |expected|`.
    Near {
        /// Part that does not depend on the value.
        absolute: f32,
        /// Part in proportion to the value.
        relative: f32,
    },
}

impl Values {
    /// Bytes of the values, little-endian.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::U32(values) => bytemuck::cast_slice(values),
        }
    }

    /// Values of the same kind and length, from what a device wrote.
    ///
    /// # Panics
    /// When `bytes` is not a whole number of words.
    #[must_use]
    pub fn from_bytes_like(&self, bytes: &[u8]) -> Self {
        match self {
            Self::F32(_) => Self::F32(bytemuck::allocation::pod_collect_to_vec(bytes)),
            Self::U32(_) => Self::U32(bytemuck::allocation::pod_collect_to_vec(bytes)),
        }
    }

    /// `Ok` when each value of `actual` is within `tolerance` of `self`; else the first that is not.
    /// NaN is near nothing, itself included.
    ///
    /// # Errors
    /// A sentence naming the index, both values and the tolerance.
    pub fn compare(&self, actual: &Self, tolerance: Tolerance) -> Result<(), String> {
        match (self, actual) {
            (Self::F32(e), Self::F32(a)) if e.len() == a.len() => compare_f32(e, a, tolerance),
            (Self::U32(e), Self::U32(a)) if e.len() == a.len() => compare_u32(e, a, tolerance),
            _ => Err("kinds or lengths differ".into()),
        }
    }
}

fn compare_f32(expected: &[f32], actual: &[f32], tolerance: Tolerance) -> Result<(), String> {
    for (index, (e, a)) in expected.iter().zip(actual).enumerate() {
        let near = match tolerance {
            Tolerance::Exact => e.to_bits() == a.to_bits(),
            Tolerance::Near { absolute, relative } => {
                (a - e).abs() <= absolute + relative * e.abs()
            }
        };
        if !near {
            return Err(format!(
                "value {index}: expected {e}, got {a}, {tolerance:?}"
            ));
        }
    }
    Ok(())
}

fn compare_u32(expected: &[u32], actual: &[u32], tolerance: Tolerance) -> Result<(), String> {
    for (index, (e, a)) in expected.iter().zip(actual).enumerate() {
        let near = match tolerance {
            Tolerance::Exact => e == a,
            Tolerance::Near { .. } => false,
        };
        if !near {
            return Err(format!(
                "word {index}: expected {e:#x}, got {a:#x}, {tolerance:?}"
            ));
        }
    }
    Ok(())
}

/// A seeded stream of numbers for examples (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Stream(u64);

impl Stream {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A value between -1 and 1.
    pub fn signed(&mut self) -> f32 {
        let unit = (self.bits() >> 40) as f32 / (1u64 << 24) as f32;
        2.0 * unit - 1.0
    }

    /// `len` values between `-scale` and `scale`.
    pub fn values(&mut self, len: usize, scale: f32) -> Vec<f32> {
        (0..len).map(|_| scale * self.signed()).collect()
    }
}

/// Rows to be quantised: around zero, to one side of it, and a row of zeros.
#[must_use]
pub fn float_rows(stream: &mut Stream, rows: usize, dim: usize) -> Vec<f32> {
    let mut x = stream.values(rows * dim, 3.0);
    for (row, values) in x.chunks_mut(dim).enumerate() {
        let (factor, offset) =
            [(1.0, 0.0), (1.0, 3.5), (1.0, -2.0), (row as f32 - 3.0, 0.0)][row % 4];
        values
            .iter_mut()
            .for_each(|value| *value = *value * factor + offset);
    }
    x
}

/// An f32 output buffer before the run.
#[must_use]
pub fn unwritten_f32(len: usize) -> Values {
    Values::F32(alloc::vec![f32::NAN; len])
}

/// A word output buffer before the run.
#[must_use]
pub fn unwritten_u32(len: usize) -> Values {
    Values::U32(alloc::vec![u32::MAX; len])
}

/// What a linear layer's outputs are before and after it: `outputs` are those without an epilogue.
#[must_use]
pub fn with_epilogue(epilogue: Epilogue, outputs: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
    let unwritten = alloc::vec![f32::NAN; outputs.len()];
    match epilogue {
        Epilogue::Store => (unwritten, outputs),
        Epilogue::Gelu => {
            let mut after = outputs;
            crate::gelu::reference(&mut after);
            (unwritten, after)
        }
        Epilogue::Add => {
            let there = Stream::new(0x1e).values(outputs.len(), 1.0);
            let sums = there.iter().zip(&outputs).map(|(x, y)| x + y).collect();
            (there, sums)
        }
    }
}

/// Runs a CPU version at each level of this machine.
#[must_use]
pub fn at_each_level(run: impl Fn(Level) -> Vec<Values>) -> Vec<(Level, Vec<Values>)> {
    Level::available()
        .map(|level| (level, run(level)))
        .collect()
}

/// A row-major weight matrix `[n, k]` as a GPU reads it, 32-bit or 16-bit floats in `Panel16`, with
/// the values it holds.
#[derive(Debug, Clone)]
pub struct FloatWeight {
    /// The values, row-major, after any rounding to half precision.
    pub matrix: Vec<f32>,
    /// `Panel16` in f32, when not half.
    pub f32: Vec<f32>,
    /// `Panel16` in f16, when half.
    pub f16: Vec<u16>,
}

impl FloatWeight {
    /// Random values between -1 and 1, sharpened to multiples of 1/256 so that f16 holds them.
    #[must_use]
    pub fn random(stream: &mut Stream, n: usize, k: usize, half: bool) -> Self {
        let matrix: Vec<f32> = (0..n * k)
            .map(|_| (stream.signed() * 256.0).trunc() / 256.0)
            .collect();
        let mut weight = Self {
            matrix,
            f32: Vec::new(),
            f16: Vec::new(),
        };
        let len = crate::panel::len16(n, k);
        if half {
            let bits: Vec<u16> = weight.matrix.iter().map(|&v| exact_f16(v)).collect();
            weight.f16.resize(len, 0);
            crate::panel::pack16(n, k, &bits, &mut weight.f16);
        } else {
            weight.f32.resize(len, 0.0);
            crate::panel::pack16(n, k, &weight.matrix, &mut weight.f32);
        }
        weight
    }

    /// The panels as the CPU version takes them.
    #[must_use]
    pub fn panels(&self) -> crate::panel::Panels<'_> {
        if self.f16.is_empty() {
            crate::panel::Panels::F32(&self.f32)
        } else {
            crate::panel::Panels::F16(&self.f16)
        }
    }

    /// The panels as a GPU buffer.
    #[must_use]
    pub fn buffer(&self) -> Values {
        let bytes: &[u8] = match self.panels() {
            crate::panel::Panels::F32(values) => bytemuck::cast_slice(values),
            crate::panel::Panels::F16(bits) => bytemuck::cast_slice(bits),
        };
        Values::U32(bytemuck::allocation::pod_collect_to_vec(bytes))
    }
}

/// The half-precision bits of a multiple of 1/256 between -1 and 1.
fn exact_f16(value: f32) -> u16 {
    if value == 0.0 {
        return 0;
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 23) & 0xff) + 15 - 127;
    ((bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 0x3ff)) as u16
}

#[cfg(test)]
mod tests {
    use super::{Tolerance, Values};

    const NEAR: Tolerance = Tolerance::Near {
        absolute: 0.1,
        relative: 0.0,
    };

    #[test]
    fn a_planted_error_is_found() {
        let expected = Values::F32(vec![1.0, 2.0, 3.0]);
        assert!(
            expected
                .compare(&Values::F32(vec![1.0, 2.05, 3.0]), NEAR)
                .is_ok()
        );
        let message = expected
            .compare(&Values::F32(vec![1.0, 2.2, 3.0]), NEAR)
            .unwrap_err();
        assert!(message.starts_with("value 1"), "{message}");
        assert!(
            expected
                .compare(&Values::F32(vec![1.0, 2.05, 3.0]), Tolerance::Exact)
                .is_err()
        );
    }

    #[test]
    fn nan_and_missing_values_are_near_nothing() {
        let nan = Values::F32(vec![f32::NAN]);
        assert!(nan.compare(&nan, NEAR).is_err());
        assert!(Values::F32(vec![0.0]).compare(&nan, NEAR).is_err());
        assert!(nan.compare(&Values::F32(vec![]), NEAR).is_err());
        assert!(
            Values::U32(vec![0])
                .compare(&Values::F32(vec![0.0]), NEAR)
                .is_err()
        );
    }
}
