//! Rounding with error feedback: what one weight loses in rounding, the weights still to come make
//! good as far as their inputs vary with its own (GPTQ: Frantar et al. 2022, arXiv 2210.17323).

use super::factor::Factor;
use super::inputs::Inputs;
use crate::float_run::panels;
use mimlet_kernels::panel::Panels;
use mimlet_kernels::{Epilogue, Level, linear};
use rayon::prelude::*;

/// Weights of a row rounded before their errors reach those after them in one product.
const BLOCK: usize = 64;

/// Rows of a weight that one task rounds.
const TASK_ROWS: usize = 16;

/// Integers that weights are rounded to, with a scale for each group of inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    /// Smallest integer.
    pub(super) low: f32,
    /// Largest integer.
    pub(super) high: f32,
    /// Inputs that share a scale.
    pub(super) group: usize,
}

impl Grid {
    /// The nearest integer, and what it stands for. Where the scale has no reciprocal, both are 0.
    pub(super) fn round(&self, weight: f32, scale: f32) -> (f32, f32) {
        let steps = 1.0 / scale;
        if !steps.is_finite() {
            return (0.0, 0.0);
        }
        let code = (weight * steps)
            .round_ties_even()
            .clamp(self.low, self.high);
        (code, code * scale)
    }

    /// The nearest integers to a row-major weight with `inputs` columns, by scales
    /// `[outputs, groups]`.
    pub(super) fn nearest(&self, weight: &[f32], scales: &[f32], inputs: usize) -> Vec<i8> {
        let groups = inputs.div_ceil(self.group);
        let mut codes = vec![0; weight.len()];
        codes
            .par_chunks_exact_mut(inputs)
            .zip(weight.par_chunks_exact(inputs))
            .zip(scales.par_chunks_exact(groups))
            .for_each(|((codes, weight), scales)| {
                for (k, (code, &weight)) in codes.iter_mut().zip(weight).enumerate() {
                    *code = self.round(weight, scales[k / self.group]).0 as i8;
                }
            });
        codes
    }
}

/// Rounds a row-major weight for inputs like these, by scales `[outputs, groups]`: with error
/// feedback where their covariance is known and has a factor, else to nearest.
pub(super) fn round_for(weight: &[f32], scales: &[f32], grid: &Grid, inputs: &Inputs) -> Vec<i8> {
    let columns = inputs.mean.len();
    let covariance = inputs.covariance.as_ref();
    match covariance.and_then(|covariance| Factor::of(covariance, columns)) {
        Some(factor) => round(weight, scales, grid, &factor),
        None => grid.nearest(weight, scales, columns),
    }
}

/// Rounds a row-major weight with error feedback over its inputs' covariance, by scales
/// `[outputs, groups]` that stay as they are.
fn round(weight: &[f32], scales: &[f32], grid: &Grid, factor: &Factor) -> Vec<i8> {
    let inputs = factor.order.len();
    let groups = inputs.div_ceil(grid.group);
    // What earlier weights' errors add to each, in the order of rounding.
    let mut fed = vec![0.0; weight.len()];
    let mut codes = vec![0; weight.len()];
    for start in (0..inputs).step_by(BLOCK) {
        let block = Block::new(factor, start);
        fed.par_chunks_mut(TASK_ROWS * inputs)
            .zip(weight.par_chunks(TASK_ROWS * inputs))
            .zip(scales.par_chunks(TASK_ROWS * groups))
            .zip(codes.par_chunks_mut(TASK_ROWS * inputs))
            .for_each(|(((fed, weight), scales), codes)| {
                block.round(fed, weight, (scales, grid), codes);
            });
    }
    codes
}

/// Some consecutive inputs in the order of rounding, and where their errors go.
struct Block<'a> {
    order: &'a [usize],
    start: usize,
    end: usize,
    /// `[end - start, end - start]`: row k's shares of the errors go to the inputs after it.
    within: Vec<f32>,
    /// `Panel16 [inputs - end, end - start]`: shares of the inputs after the block.
    after: Vec<f32>,
}

impl<'a> Block<'a> {
    fn new(factor: &'a Factor, start: usize) -> Self {
        let inputs = factor.order.len();
        let end = (start + BLOCK).min(inputs);
        let (width, rest) = (end - start, inputs - end);
        let mut within = vec![0.0; width * width];
        let mut row = vec![0.0; rest];
        let mut after = vec![0.0; rest * width];
        for k in 0..width {
            let tail = &mut within[k * width + k + 1..(k + 1) * width];
            factor.shares(start + k, start + k + 1, end, tail);
            factor.shares(start + k, end, inputs, &mut row);
            for (j, &share) in row.iter().enumerate() {
                after[j * width + k] = share;
            }
        }
        Self {
            order: &factor.order,
            start,
            end,
            within,
            after: panels(rest, width, &after),
        }
    }

    /// Rounds the block's weights of some rows and hands their errors on.
    fn round(
        &self,
        fed: &mut [f32],
        weight: &[f32],
        (scales, grid): (&[f32], &Grid),
        codes: &mut [i8],
    ) {
        let inputs = self.order.len();
        let groups = inputs.div_ceil(grid.group);
        let width = self.end - self.start;
        let mut errors = vec![0.0; fed.len() / inputs * width];
        let rows = fed
            .chunks_exact_mut(inputs)
            .zip(weight.chunks_exact(inputs));
        let rows = rows.zip(scales.chunks_exact(groups));
        let rows = rows.zip(codes.chunks_exact_mut(inputs));
        for ((((fed, weight), scales), codes), errors) in rows.zip(errors.chunks_exact_mut(width)) {
            let fed = &mut fed[self.start..self.end];
            for k in 0..width {
                let input = self.order[self.start + k];
                let scale = scales[input / grid.group];
                let (code, back) = grid.round(weight[input] + fed[k], scale);
                codes[input] = code as i8;
                errors[k] = weight[input] - back;
                let shares = &self.within[k * width + k + 1..(k + 1) * width];
                for (fed, share) in fed[k + 1..].iter_mut().zip(shares) {
                    *fed += errors[k] * share;
                }
            }
        }
        self.hand_on(fed, &errors);
    }

    fn hand_on(&self, fed: &mut [f32], errors: &[f32]) {
        let inputs = self.order.len();
        let rest = inputs - self.end;
        if rest == 0 {
            return;
        }
        let params = linear::Params {
            inputs: self.end - self.start,
            outputs: rest,
            half: false,
        };
        let mut handed = vec![0.0; fed.len() / inputs * rest];
        let bias = vec![0.0; rest];
        let shares = Panels::F32(&self.after);
        linear::cpu(
            Level::detect(),
            &params,
            errors,
            shares,
            &bias,
            Epilogue::Store,
            &mut [],
            &mut handed,
        );
        for (fed, handed) in fed.chunks_exact_mut(inputs).zip(handed.chunks_exact(rest)) {
            for (fed, handed) in fed[self.end..].iter_mut().zip(handed) {
                *fed += handed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, round};
    use crate::quantize::factor::Factor;
    use crate::random::Random;

    const INT4: Grid = Grid {
        low: -8.0,
        high: 7.0,
        group: 32,
    };

    fn normals(name: &str, count: usize) -> Vec<f32> {
        let mut random = Random::named(2, name);
        (0..count).map(|_| random.normal(1.0)).collect()
    }

    /// Of rows whose inputs share two hidden causes, as activations do.
    fn covariance(n: usize) -> Vec<f32> {
        let (causes, noise) = (normals("causes", 2 * n), normals("noise", n));
        let entry = |i: usize, j: usize| {
            let shared = causes[i] * causes[j] + causes[n + i] * causes[n + j];
            shared
                + if i == j {
                    0.1 + noise[i] * noise[i]
                } else {
                    0.0
                }
        };
        (0..n * n).map(|e| entry(e / n, e % n)).collect()
    }

    /// `E C E^T` of one row, in f64.
    fn cost(weight: &[f32], codes: &[i8], scale: f32, covariance: &[f32]) -> f64 {
        let n = weight.len();
        let error = |k: usize| f64::from(weight[k]) - f64::from(codes[k]) * f64::from(scale);
        let terms = (0..n * n).map(|e| error(e / n) * f64::from(covariance[e]) * error(e % n));
        terms.sum()
    }

    /// GPTQ as its paper has it: after each weight the inverse Hessian of what is left, in f64.
    fn oracle(weight: &[f32], scale: f32, covariance: &[f32], order: &[usize]) -> Vec<i8> {
        let n = weight.len();
        let trace: f64 = (0..n).map(|i| f64::from(covariance[i * (n + 1)])).sum();
        let damp = 0.01 * trace / n as f64;
        let h =
            |i: usize, j: usize| f64::from(covariance[i * n + j]) + if i == j { damp } else { 0.0 };
        let mut left: Vec<f64> = weight.iter().map(|&w| w.into()).collect();
        let mut codes = vec![0; n];
        for (turn, &k) in order.iter().enumerate() {
            let rest = &order[turn..];
            let inverse = inverse(rest.len(), |i, j| h(rest[i], rest[j]));
            let code = (left[k] / f64::from(scale))
                .round_ties_even()
                .clamp(-8.0, 7.0);
            codes[k] = code as i8;
            let error = (left[k] - code * f64::from(scale)) / inverse[0];
            for (i, &j) in rest.iter().enumerate() {
                left[j] -= error * inverse[i];
            }
        }
        codes
    }

    /// By Gauss and Jordan, row-major.
    fn inverse(n: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let mut rows: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                let unit = (0..n).map(|j| f64::from(u8::from(i == j)));
                (0..n).map(|j| entry(i, j)).chain(unit).collect()
            })
            .collect();
        for i in 0..n {
            let pivot = rows[i].clone();
            for (other, row) in rows.iter_mut().enumerate() {
                let share = row[i] / pivot[i];
                for (value, p) in row.iter_mut().zip(&pivot) {
                    *value = if other == i {
                        p / pivot[i]
                    } else {
                        *value - share * p
                    };
                }
            }
        }
        rows.iter().flat_map(|row| row[n..].to_vec()).collect()
    }

    #[test]
    fn rounding_is_that_of_gptq_with_an_inverse_for_every_step() {
        for n in [1, 2, 7, 67, 130] {
            let weight = normals("weight", 3 * n);
            let covariance = covariance(n);
            let factor = Factor::of(&covariance, n).unwrap();
            let grid = Grid { group: n, ..INT4 };
            let codes = round(&weight, &[0.3, 0.3, 0.2], &grid, &factor);
            let rows = weight.chunks_exact(n).zip(codes.chunks_exact(n));
            for ((weight, codes), scale) in rows.zip([0.3, 0.3, 0.2]) {
                let expected = oracle(weight, scale, &covariance, &factor.order);
                let differ = codes.iter().zip(&expected).filter(|(a, b)| a != b);
                // Halves of f32 and f64 may fall to either side.
                assert!(differ.count() * 50 <= n, "{codes:?} {expected:?}");
            }
        }
    }

    #[test]
    fn feedback_costs_less_than_nearest_and_little_more_than_the_best() {
        let n = 6;
        let covariance = covariance(n);
        let factor = Factor::of(&covariance, n).unwrap();
        let grid = Grid { group: n, ..INT4 };
        let (mut best, mut fed_back, mut nearest) = (0.0, 0.0, 0.0);
        for weight in normals("rows", 20 * n).chunks_exact(n) {
            let scale = 0.5;
            let cost = |codes: &[i8]| cost(weight, codes, scale, &covariance);
            nearest += cost(&grid.nearest(weight, &[scale], n));
            fed_back += cost(&round(weight, &[scale], &grid, &factor));
            // Every choice of neighbours, two below to two above.
            let floor: Vec<i8> = weight.iter().map(|w| (w / scale).floor() as i8).collect();
            let all = (0..4_usize.pow(n as u32)).map(|choice| {
                let pick = |k: usize| floor[k] + (choice >> (2 * k) & 3) as i8 - 1;
                cost(&(0..n).map(pick).collect::<Vec<i8>>())
            });
            best += all.fold(f64::INFINITY, f64::min);
        }
        assert!(fed_back < 0.5 * nearest, "{fed_back}, nearest {nearest}");
        assert!(fed_back < 2.0 * best, "{fed_back}, best {best}");
    }

    #[test]
    fn threads_change_nothing() {
        let n = 70;
        let weight = normals("weight", 50 * n);
        let factor = Factor::of(&covariance(n), n).unwrap();
        let scales = vec![0.3; 50 * 3];
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            pool.install(|| round(&weight, &scales, &INT4, &factor))
        };
        assert_eq!(with(1), with(2));
        assert_eq!(with(1), with(5));
    }
}
