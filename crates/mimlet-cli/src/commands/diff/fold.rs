//! Factors between channels that cancel out from one layer to the next, undone.
//!
//! The int8 exporter divides a norm's gain and multiplies the columns of the weight behind it by
//! powers of `2^(1/4)` (SmoothQuant: Xiao et al. 2023, arXiv 2211.10438), and likewise the value rows of
//! queries, keys and values against the columns of attention's projection. The model stays the same
//! while each of these tensors changes a lot; compared as they are stored they would look broken.

use mimlet_format::{BlockTensor, LinearPart, Model, NormPart, TensorRole};

use crate::dequantise::values;

/// The factors of one block: what B's channels are to be multiplied by to be A's. All are 1 between
/// files whose channels were not scaled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factors {
    layer: u32,
    /// Of the first norm's gains, `[dim]`.
    norm1: Vec<f32>,
    /// Of the second norm's gains, `[dim]`.
    norm2: Vec<f32>,
    /// Of the projection's columns, `[dim]`.
    proj: Vec<f32>,
}

impl Factors {
    /// Of a block that both files have in the same shape; `None` otherwise.
    pub(super) fn of(a: &Model<'_>, b: &Model<'_>, layer: u32) -> Option<Self> {
        let ratio = |tensor, columns: bool| {
            let role = TensorRole::Block { layer, tensor };
            let (of_a, of_b) = (a.tensor(role)?, b.tensor(role)?);
            if of_a.entry.shape != of_b.entry.shape {
                return None;
            }
            let width = *of_a.entry.shape.last()? as usize;
            let (of_a, of_b) = (values(a, &of_a), values(b, &of_b));
            Some(if columns {
                ratios(&column_norms(&of_a, width), &column_norms(&of_b, width))
            } else {
                ratios(&of_a, &of_b)
            })
        };
        Some(Self {
            layer,
            norm1: ratio(BlockTensor::Norm1(NormPart::Weight), false)?,
            norm2: ratio(BlockTensor::Norm2(NormPart::Weight), false)?,
            proj: ratio(BlockTensor::Proj(LinearPart::Weight), true)?,
        })
    }

    /// Undoes the factors in a tensor of B, row-major; gives the number of channels that had one.
    pub(super) fn undo(&self, role: TensorRole, values: &mut [f32]) -> usize {
        use BlockTensor::{Fc1, Norm1, Norm2, Proj, Qkv};
        let TensorRole::Block { layer, tensor } = role else {
            return 0;
        };
        if layer != self.layer {
            return 0;
        }
        match tensor {
            Norm1(_) => columns(values, &self.norm1, |value, factor| value * factor),
            Norm2(_) => columns(values, &self.norm2, |value, factor| value * factor),
            Fc1(LinearPart::Weight) => columns(values, &self.norm2, |value, factor| value / factor),
            Proj(LinearPart::Weight) => columns(values, &self.proj, |value, factor| value * factor),
            Qkv(LinearPart::Weight) => {
                let dim = self.norm1.len();
                let changed = columns(values, &self.norm1, |value, factor| value / factor);
                // The last third makes the values that the projection weighs.
                let rows = values[2 * dim * dim..].chunks_exact_mut(dim);
                for (row, factor) in rows.zip(&self.proj) {
                    row.iter_mut().for_each(|value| *value /= factor);
                }
                changed + count(&self.proj)
            }
            Qkv(LinearPart::Bias) => {
                let dim = self.proj.len();
                columns(&mut values[2 * dim..], &self.proj, |value, factor| {
                    value / factor
                })
            }
            _ => 0,
        }
    }
}

/// Applies a factor to each column of a matrix.
fn columns(values: &mut [f32], factors: &[f32], apply: impl Fn(f32, f32) -> f32) -> usize {
    for row in values.chunks_exact_mut(factors.len()) {
        for (value, &factor) in row.iter_mut().zip(factors) {
            *value = apply(*value, factor);
        }
    }
    count(factors)
}

/// Factors that are not 1.
fn count(factors: &[f32]) -> usize {
    factors.iter().filter(|factor| **factor != 1.0).count()
}

/// The power of `2^(1/4)` nearest to each ratio; 1 where there is none.
fn ratios(a: &[f32], b: &[f32]) -> Vec<f32> {
    let nearest = |(a, b): (&f32, &f32)| {
        let exponent = ((a / b).abs().log2() * 4.0).round() / 4.0;
        if exponent.is_finite() {
            exponent.exp2()
        } else {
            1.0
        }
    };
    a.iter().zip(b).map(nearest).collect()
}

fn column_norms(matrix: &[f32], width: usize) -> Vec<f32> {
    let mut squares = vec![0.0_f64; width];
    for row in matrix.chunks_exact(width) {
        for (square, &value) in squares.iter_mut().zip(row) {
            *square += f64::from(value).powi(2);
        }
    }
    squares
        .into_iter()
        .map(|square| square.sqrt() as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_quarters_of_an_octave() {
        let found = ratios(
            &[8.0, 1.08, 1.1, -0.24, 0.0, 3.0, f32::NAN],
            &[1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0],
        );
        let quarter = 0.25_f32.exp2();
        assert_eq!(found, [8.0, 1.0, quarter, 0.25, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn factors_are_undone_where_they_were_put() {
        let factors = Factors {
            layer: 1,
            norm1: vec![2.0, 1.0],
            norm2: vec![1.0, 4.0],
            proj: vec![1.0, 0.5],
        };
        let undo = |tensor, values: &[f32]| {
            let mut values = values.to_vec();
            let changed = factors.undo(TensorRole::Block { layer: 1, tensor }, &mut values);
            (changed, values)
        };
        let norm = undo(BlockTensor::Norm1(NormPart::Bias), &[1.0, 1.0]);
        assert_eq!(norm, (1, vec![2.0, 1.0]));
        let fc1 = undo(BlockTensor::Fc1(LinearPart::Weight), &[4.0, 4.0, 8.0, 8.0]);
        assert_eq!(fc1, (1, vec![4.0, 1.0, 8.0, 2.0]));
        let qkv = undo(BlockTensor::Qkv(LinearPart::Weight), &[1.0; 12]);
        let mut expected = [0.5, 1.0].repeat(5);
        expected.extend([1.0, 2.0]);
        assert_eq!(qkv, (2, expected));
        let bias = undo(BlockTensor::Qkv(LinearPart::Bias), &[1.0; 6]);
        assert_eq!(bias, (1, vec![1.0, 1.0, 1.0, 1.0, 1.0, 2.0]));
        assert_eq!(undo(BlockTensor::Fc2(LinearPart::Weight), &[1.0; 4]).0, 0);
        let other = TensorRole::Block {
            layer: 0,
            tensor: BlockTensor::Norm1(NormPart::Bias),
        };
        assert_eq!(factors.undo(other, &mut [1.0, 1.0]), 0);
    }
}
