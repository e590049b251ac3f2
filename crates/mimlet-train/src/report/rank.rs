//! Spearman's rank correlation, with a permutation test.

use serde::{Deserialize, Serialize};

use crate::random::Stream;

/// Pairs up to which every permutation is tried: 9! is 362,880.
const EXACT: usize = 9;
/// Random permutations tried for more pairs.
const SAMPLES: u32 = 100_000;
/// Sums of the same ranks in another order may differ by rounding.
const ROUNDING: f64 = 1e-9;

/// A rank correlation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spearman {
    /// From -1 to 1.
    pub rho: f64,
    /// Two-sided: the share of pairings at least as far from 0 when nothing is related.
    pub p: f64,
    /// Whether `p` is over every pairing, not over a random part of them.
    pub exact: bool,
    /// Pairs.
    pub pairs: usize,
}

impl Spearman {
    /// Of `pairs`; equal values share the mean of their ranks. None for fewer than three pairs, or
    /// when one side is all the same.
    pub fn of(pairs: &[[f64; 2]], seed: u64) -> Option<Self> {
        if pairs.len() < 3 || pairs.iter().flatten().any(|v| !v.is_finite()) {
            return None;
        }
        let centred = |side: usize| {
            let values: Vec<f64> = pairs.iter().map(|pair| pair[side]).collect();
            let middle = 0.5 * (pairs.len() as f64 + 1.0);
            let ranks = ranks(&values).into_iter().map(|rank| rank - middle);
            ranks.collect::<Vec<f64>>()
        };
        let (x, y) = (centred(0), centred(1));
        let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
        let scale = length(&x) * length(&y);
        if scale == 0.0 {
            return None;
        }
        let exact = pairs.len() <= EXACT;
        let p = if exact {
            share_of_all(&x, &y)
        } else {
            share_of_samples(&x, &y, seed)
        };
        Some(Self {
            rho: product(&x, &y) / scale,
            p,
            exact,
            pairs: pairs.len(),
        })
    }
}

fn product(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// Ranks from 1, equal values sharing their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let count = |test: &dyn Fn(f64) -> bool| values.iter().filter(|v| test(**v)).count() as f64;
    values
        .iter()
        .map(|&value| {
            let (below, equal) = (count(&|v| v < value), count(&|v| v == value));
            below + 0.5 * (equal + 1.0)
        })
        .collect()
}

/// The share of all orders of `y` whose product with `x` is as far from 0, by Heap's algorithm.
fn share_of_all(x: &[f64], y: &[f64]) -> f64 {
    let bound = product(x, y).abs() - ROUNDING;
    let mut order = y.to_vec();
    let mut turns = vec![0; order.len()];
    let (mut all, mut far) = (1u32, 1u32);
    let mut at = 1;
    while at < order.len() {
        if turns[at] < at {
            let other = if at.is_multiple_of(2) { 0 } else { turns[at] };
            order.swap(other, at);
            all += 1;
            far += u32::from(product(x, &order).abs() >= bound);
            turns[at] += 1;
            at = 1;
        } else {
            turns[at] = 0;
            at += 1;
        }
    }
    f64::from(far) / f64::from(all)
}

/// The same over random orders; the order that was found counts as one of them.
fn share_of_samples(x: &[f64], y: &[f64], seed: u64) -> f64 {
    let bound = product(x, y).abs() - ROUNDING;
    let mut random = Stream::new(&[0x7065_726d, seed]);
    let mut order = y.to_vec();
    let far = (0..SAMPLES).filter(|_| {
        random.shuffle(&mut order);
        product(x, &order).abs() >= bound
    });
    (far.count() as f64 + 1.0) / (f64::from(SAMPLES) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spearman(x: &[f64], y: &[f64]) -> Spearman {
        let pairs: Vec<[f64; 2]> = x.iter().zip(y).map(|(a, b)| [*a, *b]).collect();
        Spearman::of(&pairs, 1).unwrap()
    }

    /// `scipy.stats.spearmanr` and `permutation_test(.., permutation_type="pairings")` of SciPy
    /// 1.17.1.
    #[test]
    fn small_samples_are_scipys() {
        let x = [0.52, 0.61, 0.65, 0.70, 0.74];
        let found = spearman(&x, &[0.95, 0.93, 0.90, 0.91, 0.62]);
        assert!((found.rho + 0.9).abs() < 1e-12 && found.exact);
        assert!((found.p - 0.083_333_333_333_333_33).abs() < 1e-12);
        let found = spearman(&[1., 2., 2., 3., 4., 4.], &[6., 5., 5., 2., 3., 1.]);
        assert!((found.rho + 0.895_622_151_039_798_1).abs() < 1e-12);
        assert!((found.p - 0.022_222_222_222_222_22).abs() < 1e-12);
        let found = spearman(&[1., 2., 3., 4., 5., 6.], &[3., 3., 1., 5., 8., 8.]);
        assert!((found.rho - 0.794_461_346_554_274_6).abs() < 1e-12);
    }

    #[test]
    fn large_samples_are_tested_at_random_but_repeatably() {
        let x: Vec<f64> = (0..12).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|v| (v * 5.0) % 12.0).collect();
        let found = spearman(&x, &y);
        assert!(!found.exact);
        assert_eq!(found, spearman(&x, &y));
        let t = found.rho * (10.0 / (1.0 - found.rho.powi(2))).sqrt();
        // Student's approximation of the same probability lies near for twelve pairs.
        assert!(t.abs() < 1.0 && found.p > 0.3, "{found:?}");
        let perfect = spearman(&x, &x);
        assert!((perfect.rho - 1.0).abs() < 1e-12 && perfect.p < 1e-4);
    }

    #[test]
    fn what_has_no_order_has_no_correlation() {
        assert_eq!(Spearman::of(&[[1., 2.], [2., 1.]], 1), None);
        assert_eq!(Spearman::of(&[[1., 2.], [1., 1.], [1., 3.]], 1), None);
        assert_eq!(Spearman::of(&[[1., 2.], [2., f64::NAN], [3., 3.]], 1), None);
    }
}
