//! What goes into a linear layer, as its quantiser needs to know it: mean and covariance.

use crate::float_run::panels;
use mimlet_kernels::panel::Panels;
use mimlet_kernels::{Epilogue, Level, linear};
use rayon::prelude::*;

/// Rows of the covariance that one task computes.
const TASK_ROWS: usize = 64;

/// Mean and covariance of a layer's inputs.
///
/// With the bias corrected for the mean, an error `E` of the weights costs `tr(E C E^T)` of squared
/// output error in the mean over the inputs, where `C` is their covariance: half the Hessian of the
/// layer's loss in GPTQ (Frantar et al. 2022, arXiv 2210.17323), about the mean instead of about 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inputs {
    /// `[inputs]`.
    pub(crate) mean: Vec<f64>,
    /// `[inputs]`: the covariance's diagonal.
    pub(crate) variance: Vec<f32>,
    /// `[inputs, inputs]`; `None` when only the variance was asked for.
    pub(crate) covariance: Option<Vec<f32>>,
}

impl Inputs {
    /// Of rows `[rows, inputs]`.
    pub(crate) fn of(rows: &[f32], inputs: usize, with_covariance: bool) -> Self {
        let count = (rows.len() / inputs).max(1);
        let mut mean = vec![0.0_f64; inputs];
        for row in rows.chunks_exact(inputs) {
            for (mean, &x) in mean.iter_mut().zip(row) {
                *mean += f64::from(x);
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= count as f64);
        let mut squares = vec![0.0_f64; inputs];
        for row in rows.chunks_exact(inputs) {
            for ((square, mean), &x) in squares.iter_mut().zip(&mean).zip(row) {
                *square += (f64::from(x) - mean).powi(2);
            }
        }
        let variance = squares.iter().map(|square| (square / count as f64) as f32);
        Self {
            variance: variance.collect(),
            covariance: with_covariance.then(|| covariance(rows, &mean)),
            mean,
        }
    }
}

/// `[inputs, inputs]`, by the kernels' matrix product of the centred rows with themselves.
fn covariance(rows: &[f32], mean: &[f64]) -> Vec<f32> {
    let inputs = mean.len();
    let count = rows.len() / inputs;
    if count == 0 {
        return vec![0.0; inputs * inputs];
    }
    // Transposed, so that a row is one input over all rows; divided here, so that no sum overflows.
    let share = 1.0 / (count as f64).sqrt();
    let mut centred = vec![0.0; rows.len()];
    for (index, row) in rows.chunks_exact(inputs).enumerate() {
        for ((input, &x), mean) in row.iter().enumerate().zip(mean) {
            centred[input * count + index] = ((f64::from(x) - mean) * share) as f32;
        }
    }
    let weight = panels(inputs, count, &centred);
    let params = linear::Params {
        inputs: count,
        outputs: inputs,
        half: false,
    };
    let bias = vec![0.0; inputs];
    let mut covariance = vec![0.0; inputs * inputs];
    covariance
        .par_chunks_mut(TASK_ROWS * inputs)
        .zip(centred.par_chunks(TASK_ROWS * count))
        .for_each(|(out, rows)| {
            let weight = Panels::F32(&weight);
            linear::cpu(
                Level::detect(),
                &params,
                rows,
                weight,
                &bias,
                Epilogue::Store,
                &mut [],
                out,
            );
        });
    covariance
}

#[cfg(test)]
mod tests {
    use super::Inputs;
    use crate::random::Random;

    #[test]
    fn mean_and_covariance_are_those_of_the_definition() {
        let mut random = Random::named(1, "rows");
        let (count, inputs) = (37, 5);
        let rows: Vec<f32> = (0..count * inputs)
            .map(|i| random.normal(1.0) + (i % inputs) as f32)
            .collect();
        let found = Inputs::of(&rows, inputs, true);
        let covariance = found.covariance.unwrap();
        for i in 0..inputs {
            let column = |i: usize| rows.iter().skip(i).step_by(inputs).map(|&x| f64::from(x));
            let mean = column(i).sum::<f64>() / count as f64;
            assert!((found.mean[i] - mean).abs() < 1e-12);
            for j in 0..inputs {
                let of_j = found.mean[j];
                let products = column(i)
                    .zip(column(j))
                    .map(|(a, b)| (a - mean) * (b - of_j));
                let expected = products.sum::<f64>() / count as f64;
                let error = (f64::from(covariance[i * inputs + j]) - expected).abs();
                assert!(error < 1e-5, "{i} {j}: off by {error}");
            }
            let variance = f64::from(found.variance[i]);
            assert!((variance - f64::from(covariance[i * inputs + i])).abs() < 1e-5);
        }
    }

    #[test]
    fn no_rows_have_no_spread() {
        let found = Inputs::of(&[], 3, true);
        assert_eq!(found.covariance, Some(vec![0.0; 9]));
        assert_eq!((found.mean, found.variance), (vec![0.0; 3], vec![0.0; 3]));
    }
}
