//! The triangular factor that says how a rounding error of one weight is made good by the others.

use rayon::prelude::*;

/// Columns factored at a time.
const BLOCK: usize = 64;

/// Share of the mean variance added to every variance before factoring (GPTQ's `percdamp`): keeps
/// inputs that never vary, or always vary together, from taking errors without end.
const DAMPING: f64 = 0.01;

/// How often more damping is tried, ten times as much each time.
const ATTEMPTS: usize = 4;

/// Partial sums of a dot product, so that it can be vectorised; the order is fixed.
const LANES: usize = 8;

/// `H = U D U^T` with `U` unit upper triangular, where `H` is a covariance with its inputs in the
/// order they are rounded in, and damped.
///
/// Rounding the inputs' weights in that order and adding `sum_{i<k} error_i U[i][k]` to weight `k`
/// before it is rounded is GPTQ's error feedback without an inverse (LDLQ: Chee et al. 2023,
/// arXiv 2307.13304, theorem 6).
#[derive(Debug)]
pub(super) struct Factor {
    /// Which input is rounded when: those that vary most first, so that many are left to make their
    /// errors good (GPTQ's activation order).
    pub(super) order: Vec<usize>,
    /// Cholesky's lower factor of `H` with rows and columns reversed, row-major.
    lower: Vec<f64>,
}

impl Factor {
    /// Factors a covariance `[inputs, inputs]`; `None` where its numbers leave no factor, as those
    /// of activations beyond f32's range do.
    pub(super) fn of(covariance: &[f32], inputs: usize) -> Option<Self> {
        let diagonal = |i: usize| covariance[i * inputs + i];
        let mut order: Vec<usize> = (0..inputs).collect();
        // Stable: inputs that vary as much keep their order.
        order.sort_by(|&a, &b| diagonal(b).total_cmp(&diagonal(a)));
        let trace: f64 = (0..inputs).map(|i| f64::from(diagonal(i))).sum();
        let mut damping = DAMPING * trace / inputs as f64;
        if damping <= 0.0 {
            damping = 1.0; // No input varies: nothing is fed back.
        }
        for _ in 0..ATTEMPTS {
            let mut lower = reversed(covariance, &order, damping);
            if cholesky(&mut lower, inputs) {
                return Some(Self { order, lower });
            }
            // Rounding made it indefinite.
            damping *= 10.0;
        }
        None
    }

    /// `U[k][from..to]`: what shares of an error of the `k`-th weight the later ones take.
    pub(super) fn shares(&self, k: usize, from: usize, to: usize, shares: &mut [f32]) {
        let n = self.order.len();
        let row = &self.lower[(n - 1 - k) * n..][..n];
        for (share, j) in shares.iter_mut().zip(from..to) {
            let pivot = self.lower[(n - 1 - j) * (n + 1)];
            *share = (row[n - 1 - j] / pivot) as f32;
        }
    }
}

/// The damped covariance in an order, last first.
fn reversed(covariance: &[f32], order: &[usize], damping: f64) -> Vec<f64> {
    let n = order.len();
    let mut matrix = vec![0.0; n * n];
    matrix
        .par_chunks_exact_mut(n)
        .zip(order.par_iter().rev())
        .enumerate()
        .for_each(|(index, (row, &i))| {
            for (value, &j) in row.iter_mut().zip(order.iter().rev()) {
                *value = f64::from(covariance[i * n + j]);
            }
            row[index] += damping;
        });
    matrix
}

/// Cholesky's factorisation in place, left-looking by blocks of columns; only the lower triangle is
/// read and left valid. False when a pivot is not positive.
fn cholesky(matrix: &mut [f64], n: usize) -> bool {
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        for j in start..end {
            let (above, from_j) = matrix.split_at_mut(j * n);
            let row = &mut from_j[..n];
            for i in start..j {
                row[i] = (row[i] - dot(&row[..i], &above[i * n..][..i])) / above[i * (n + 1)];
            }
            let pivot = row[j] - dot(&row[..j], &row[..j]);
            // NaN is not positive.
            if !(pivot.is_finite() && pivot > 0.0) {
                return false;
            }
            row[j] = pivot.sqrt();
        }
        let (done, below) = matrix.split_at_mut(end * n);
        below.par_chunks_exact_mut(n).for_each(|row| {
            for j in start..end {
                row[j] = (row[j] - dot(&row[..j], &done[j * n..][..j])) / done[j * (n + 1)];
            }
        });
    }
    true
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::Factor;
    use crate::random::Random;

    /// A covariance of rank `rank`.
    pub(super) fn covariance(n: usize, rank: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::named(seed, "covariance");
        let rows: Vec<f64> = (0..rank * n).map(|_| random.normal(1.0).into()).collect();
        let entry =
            |i: usize, j: usize| -> f64 { rows.chunks_exact(n).map(|row| row[i] * row[j]).sum() };
        (0..n * n).map(|e| entry(e / n, e % n) as f32).collect()
    }

    #[test]
    fn the_factor_multiplies_out_to_the_damped_covariance() {
        // Odd sizes, across blocks, and fewer rows than inputs.
        for (n, rank) in [(1, 1), (3, 2), (65, 20), (131, 200)] {
            let covariance = covariance(n, rank, n as u64);
            let factor = Factor::of(&covariance, n).unwrap();
            let trace: f64 = (0..n).map(|i| f64::from(covariance[i * (n + 1)])).sum();
            let damping = 0.01 * trace / n as f64;
            let column = |j: usize| -> Vec<f64> {
                let shares = |k: usize| {
                    let mut share = [0.0];
                    if k <= j {
                        factor.shares(k, j, j + 1, &mut share);
                    }
                    f64::from(share[0])
                };
                (0..n).map(shares).collect()
            };
            let columns: Vec<Vec<f64>> = (0..n).map(column).collect();
            for i in 0..n {
                for j in 0..n {
                    let pivot = |k: usize| factor.lower[(n - 1 - k) * (n + 1)].powi(2);
                    let sum: f64 = (0..n)
                        .map(|k| columns[k][i] * pivot(k) * columns[k][j])
                        .sum();
                    let (a, b) = (factor.order[i], factor.order[j]);
                    let mut expected = f64::from(covariance[a * n + b]);
                    if i == j {
                        expected += damping;
                    }
                    assert!(
                        (sum - expected).abs() < 1e-5 * trace,
                        "n {n}, entry {i} {j}: {sum} is not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn inputs_that_never_vary_feed_nothing_back() {
        let factor = Factor::of(&[0.0; 9], 3).unwrap();
        let mut shares = [1.0; 2];
        factor.shares(0, 1, 3, &mut shares);
        assert_eq!(shares, [0.0, 0.0]);
        assert_eq!(factor.order, [0, 1, 2]);
    }

    #[test]
    fn numbers_without_a_factor_end_in_none() {
        for broken in [f32::INFINITY, f32::NAN] {
            assert!(Factor::of(&[1.0, 0.0, 0.0, broken], 2).is_none());
        }
    }
}
