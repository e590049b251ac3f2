//! Moving outliers from a layer's inputs into its weights, where a scale per channel absorbs them
//! (SmoothQuant: Xiao et al. 2023, arXiv 2211.10438).
//!
//! Input channel j is divided by `s_j = max|x_j|^alpha / max|w_j|^(1 - alpha)` and column j of the
//! weight multiplied by it. From the best strength on, factors are changed one by one as long as the
//! expected error falls: the formula looks at a channel's largest value alone, and what costs is how far
//! it widens the rows it is in. Factors are quarters of an octave apart: folded into the layer before they
//! round each value once more in f32, which is nothing beside a byte, and a comparison of two files
//! can tell them from the weights. Powers of two are too coarse where channels differ by less.

use super::expected::Expected;
use super::feedback::Grid;

/// Strengths that are tried.
const ALPHAS: [f32; 4] = [0.25, 0.5, 0.75, 1.0];

/// Octaves beyond which factors help nothing and could overflow.
const MAX_EXPONENT: i32 = 16;

/// Factors in an octave.
const FACTORS_AN_OCTAVE: i32 = 4;

/// How often all channels are gone through, at most.
const PASSES: usize = 12;

/// A migration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Migration {
    /// The strength it began with; `None` when every factor is 1.
    pub(super) alpha: Option<f32>,
    /// `[inputs]`: powers of `2^(1/4)`.
    pub(super) factors: Vec<f32>,
}

/// The migration that promises the smallest error of the layer's outputs, for inputs rounded to
/// bytes row by row and weights `[outputs, inputs]` to a grid.
pub(super) fn choose(rows: &[f32], weight: &[f32], inputs: usize, grid: &Grid) -> Migration {
    let largest_input = column_maxima(rows, inputs);
    let largest_weight = column_maxima(weight, inputs);
    let largest: Vec<(f32, f32)> = largest_input.into_iter().zip(largest_weight).collect();
    let expected = |steps: &[i32]| Expected::new(rows, weight, &factors(steps), grid);
    let mut steps = vec![0; inputs];
    let mut best = expected(&steps);
    let mut alpha = None;
    for strength in ALPHAS {
        let of = |&(x, w): &(f32, f32)| step(x, w, strength);
        let candidate: Vec<i32> = largest.iter().map(of).collect();
        let error = expected(&candidate);
        if error.error() < best.error() {
            (steps, best, alpha) = (candidate, error, Some(strength));
        }
    }
    if alpha.is_some() {
        let alive: Vec<bool> = largest.iter().map(|&(x, w)| is_alive(x, w)).collect();
        descend(&mut best, &alive, &mut steps);
    }
    Migration {
        alpha,
        factors: factors(&steps),
    }
}

/// Changes a channel's factor by a step up or down where that lowers the expected error, until nothing
/// does.
fn descend(expected: &mut Expected, alive: &[bool], steps: &mut [i32]) {
    let most = MAX_EXPONENT * FACTORS_AN_OCTAVE;
    for _ in 0..PASSES {
        let mut moved = false;
        for channel in (0..steps.len()).filter(|&channel| alive[channel]) {
            for by in [1, -1] {
                let times = factor(by);
                let to = steps[channel] + by;
                if to.abs() <= most && expected.change_with(channel, times) < 0.0 {
                    expected.multiply(channel, times);
                    (steps[channel], moved) = (to, true);
                }
            }
        }
        if !moved {
            break;
        }
    }
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

/// The step nearest to `x^alpha / w^(1 - alpha)`; 0 for a channel without input or weight.
fn step(x: f32, w: f32, alpha: f32) -> i32 {
    if !is_alive(x, w) {
        return 0;
    }
    let alpha = f64::from(alpha);
    let exponent = alpha * libm::log2(x.into()) - (1.0 - alpha) * libm::log2(w.into());
    let most = f64::from(MAX_EXPONENT);
    (exponent.clamp(-most, most) * f64::from(FACTORS_AN_OCTAVE)).round() as i32
}

/// Whether a channel has inputs and weights.
fn is_alive(x: f32, w: f32) -> bool {
    x != 0.0 && w != 0.0
}

fn factors(steps: &[i32]) -> Vec<f32> {
    steps.iter().map(|&step| factor(step)).collect()
}

/// So many steps as a factor.
fn factor(steps: i32) -> f32 {
    libm::exp2(f64::from(steps) / f64::from(FACTORS_AN_OCTAVE)) as f32
}

#[cfg(test)]
mod tests {
    use super::{ALPHAS, Expected, choose, column_maxima, factors, step};
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

    /// The formula sees each channel's largest input, however rare it is.
    #[test]
    fn factors_promise_less_error_than_the_formulas() {
        let mut rows = normals(5, 64 * 16);
        rows[7] *= 30.0;
        let (weight, grid) = (normals(6, 32 * 16), int8::grid(16));
        let error = |factors: &[f32]| Expected::new(&rows, &weight, factors, &grid).error();
        let largest: Vec<(f32, f32)> = column_maxima(&rows, 16)
            .into_iter()
            .zip(column_maxima(&weight, 16))
            .collect();
        let by_formula = ALPHAS.map(|alpha| {
            let steps: Vec<i32> = largest.iter().map(|&(x, w)| step(x, w, alpha)).collect();
            error(&factors(&steps))
        });
        let best = by_formula.into_iter().fold(error(&[1.0; 16]), f64::min);
        let migration = choose(&rows, &weight, 16, &grid);
        assert!(migration.alpha.is_some());
        let found = error(&migration.factors);
        assert!(found < 0.98 * best, "{found} after {best}");
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
