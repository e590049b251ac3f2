//! Moving outliers from a layer's inputs into its weights, where a scale per channel absorbs them
//! (SmoothQuant: Xiao et al. 2023, arXiv 2211.10438).
//!
//! Input channel j is divided by `s_j = max|x_j|^alpha / max|w_j|^(1 - alpha)` and column j of the
//! weight multiplied by it. Factors are quarters of an octave apart: folded into the layer before they
//! round each value once more in f32, which is nothing beside a byte, and a comparison of two files
//! can tell them from the weights. Powers of two are too coarse where channels differ by less.

use super::feedback::Grid;
use super::inputs::Inputs;

/// Steps of a byte to either side of a row's middle.
const BYTE: f64 = 127.0;

/// Strengths that are tried.
const ALPHAS: [f32; 4] = [0.25, 0.5, 0.75, 1.0];

/// Factors beyond these exponents help nothing and could overflow.
const MAX_EXPONENT: f64 = 16.0;

/// Factors in an octave.
const FACTORS_AN_OCTAVE: f64 = 4.0;

/// Share of the weights' rounding error that error feedback leaves, as a guess that serves: with 1 the
/// features of digits-tiny and shapes-tiny in int8 are 10 and 1 % further from the float model's (mean
/// of 1 - cosine), with 0.1 as far within 1 %.
const LEFT_OF_WEIGHTS: f64 = 0.3;

/// A migration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Migration {
    /// Its strength; `None` when every factor is 1.
    pub(super) alpha: Option<f32>,
    /// `[inputs]`: powers of `2^(1/4)`.
    pub(super) factors: Vec<f32>,
}

/// The migration that promises the smallest error of the layer's outputs, for inputs rounded to
/// bytes row by row and weights `[outputs, inputs]` to a grid.
pub(super) fn choose(rows: &[f32], weight: &[f32], inputs: usize, grid: &Grid) -> Migration {
    let largest_input = column_maxima(rows, inputs);
    let largest_weight = column_maxima(weight, inputs);
    let none = Migration {
        alpha: None,
        factors: vec![1.0; inputs],
    };
    let statistics = Statistics::new(rows, weight, inputs, grid);
    let mut best = (statistics.expected_error(&none.factors), none);
    for alpha in ALPHAS {
        let factors: Vec<f32> = largest_input
            .iter()
            .zip(&largest_weight)
            .map(|(&x, &w)| factor(x, w, alpha))
            .collect();
        let error = statistics.expected_error(&factors);
        if error < best.0 {
            let alpha = Some(alpha);
            best = (error, Migration { alpha, factors });
        }
    }
    best.1
}

/// Largest magnitude of each column of a row-major matrix.
fn column_maxima(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut maxima = vec![0.0_f32; columns];
    for row in matrix.chunks_exact(columns) {
        for (largest, value) in maxima.iter_mut().zip(row) {
            *largest = largest.max(value.abs());
        }
    }
    maxima
}

/// The power of `2^(1/4)` nearest to `x^alpha / w^(1 - alpha)`; 1 for a channel without input or weight.
fn factor(x: f32, w: f32, alpha: f32) -> f32 {
    if x == 0.0 || w == 0.0 {
        return 1.0;
    }
    let alpha = f64::from(alpha);
    let exponent = alpha * libm::log2(x.into()) - (1.0 - alpha) * libm::log2(w.into());
    let exponent = (exponent * FACTORS_AN_OCTAVE).round() / FACTORS_AN_OCTAVE;
    libm::exp2(exponent.clamp(-MAX_EXPONENT, MAX_EXPONENT)) as f32
}

/// What the expected error is computed from.
struct Statistics<'a> {
    rows: &'a [f32],
    weight: &'a [f32],
    inputs: usize,
    grid: &'a Grid,
    /// Variance of each input channel.
    variance: Vec<f32>,
    /// Sum of squares of each weight column.
    weight_power: Vec<f64>,
}

impl<'a> Statistics<'a> {
    fn new(rows: &'a [f32], weight: &'a [f32], inputs: usize, grid: &'a Grid) -> Self {
        Self {
            rows,
            weight,
            inputs,
            grid,
            variance: Inputs::of(rows, inputs, false).variance,
            weight_power: column_powers(weight, inputs),
        }
    }

    /// Mean square error of a row of outputs, but for a constant factor: rounding to steps of d
    /// leaves d^2/12 on a value, on inputs through the weights and on weights through the inputs,
    /// whose mean the bias makes good and most of whose rest feedback does.
    fn expected_error(&self, factors: &[f32]) -> f64 {
        let rows = (self.rows.len() / self.inputs).max(1) as f64;
        let halves = self.rows.chunks_exact(self.inputs).map(|row| {
            let scaled = row.iter().zip(factors).map(|(x, s)| x / s);
            let extremes = (f32::INFINITY, f32::NEG_INFINITY);
            let (low, high) = scaled.fold(extremes, |(low, high), x| (low.min(x), high.max(x)));
            f64::from(high / 2.0 - low / 2.0)
        });
        let input_steps = halves.map(|half| (half / BYTE).powi(2)).sum::<f64>() / rows;
        let squares = factors.iter().map(|&factor| f64::from(factor).powi(2));
        let through_weights: f64 = self
            .weight_power
            .iter()
            .zip(squares)
            .map(|(weight, square)| weight * square)
            .sum();
        input_steps * through_weights + LEFT_OF_WEIGHTS * self.expected_weight_error(factors)
    }

    fn expected_weight_error(&self, factors: &[f32]) -> f64 {
        let group = self.grid.group;
        let mut steps = vec![0.0; self.inputs.div_ceil(group)];
        for row in self.weight.chunks_exact(self.inputs) {
            let groups = row.chunks(group).zip(factors.chunks(group));
            for (step, (weights, factors)) in steps.iter_mut().zip(groups) {
                let scaled = weights.iter().zip(factors).map(|(w, s)| (w * s).abs());
                let largest = f64::from(scaled.fold(0.0, f32::max));
                *step += (largest / f64::from(self.grid.high)).powi(2);
            }
        }
        let variances = self.variance.chunks(group).zip(factors.chunks(group));
        let errors = variances.zip(&steps).map(|((variances, factors), step)| {
            let inputs = variances.iter().zip(factors);
            let inputs = inputs.map(|(&v, &factor)| f64::from(v) / f64::from(factor).powi(2));
            step * inputs.sum::<f64>()
        });
        errors.sum()
    }
}

/// Sum of squares of each column.
fn column_powers(matrix: &[f32], columns: usize) -> Vec<f64> {
    let mut powers = vec![0.0; columns];
    for row in matrix.chunks_exact(columns) {
        for (power, &value) in powers.iter_mut().zip(row) {
            *power += f64::from(value).powi(2);
        }
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::quantize::int8;
    use crate::random::Random;

    fn normals(seed: u64, count: usize) -> Vec<f32> {
        let mut random = Random::named(seed, "normals");
        (0..count).map(|_| random.normal(1.0)).collect()
    }

    #[test]
    fn an_outlier_channel_is_moved_by_quarters_of_an_octave() {
        let mut rows = normals(1, 64 * 16);
        for row in rows.chunks_exact_mut(16) {
            row[5] *= 100.0;
        }
        let migration = choose(&rows, &normals(2, 32 * 16), 16, &int8::grid(16));
        assert!(migration.alpha.is_some());
        let quarters = |s: &f32| f64::from(*s).log2() * 4.0;
        let off = |s: &f32| (quarters(s) - quarters(s).round()).abs();
        let quarters = migration.factors.iter().all(|s| off(s) < 1e-5);
        assert!(quarters, "{:?}", migration.factors);
        let others = migration
            .factors
            .iter()
            .enumerate()
            .filter(|(j, _)| *j != 5);
        assert!(others.map(|(_, s)| *s).fold(0.0, f32::max) < migration.factors[5]);
    }

    #[test]
    fn dead_channels_keep_factor_one() {
        let mut rows = normals(3, 64 * 8);
        rows.iter_mut().skip(2).step_by(8).for_each(|x| *x = 0.0);
        rows.iter_mut().skip(3).step_by(8).for_each(|x| *x *= 200.0);
        assert_eq!(
            choose(&rows, &normals(4, 8 * 8), 8, &int8::grid(8)).factors[2],
            1.0
        );
    }
}
