//! Means over few seeds and shares of many images, with how far they can be trusted.

use serde::{Deserialize, Serialize};

use super::student::t_quantile;

/// Probability that an interval holds what it estimates.
const CONFIDENCE: f64 = 0.95;
/// The 97.5 % quantile of the standard normal.
const NORMAL_QUANTILE: f64 = 1.959_963_984_540_054;

/// A mean over runs that differ in their seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Standard deviation, with `n - 1`; none for a single run.
    pub deviation: Option<f64>,
    /// 95 % interval of the mean by Student's t; none for a single run.
    pub interval: Option<[f64; 2]>,
    /// Runs.
    pub runs: usize,
}

impl Estimate {
    /// Of `values`, which are independent; none without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        let interval = deviation.map(|deviation| {
            let quantile = t_quantile(0.5 + CONFIDENCE / 2.0, count - 1.0);
            let half = quantile * deviation / count.sqrt();
            [mean - half, mean + half]
        });
        Some(Self {
            mean,
            deviation,
            interval,
            runs: values.len(),
        })
    }

    /// Of the differences `a - b` of pairs, which need not be independent within a pair.
    pub fn of_differences(pairs: &[[f64; 2]]) -> Option<Self> {
        let differences: Vec<f64> = pairs.iter().map(|[a, b]| a - b).collect();
        Self::of(&differences)
    }

    /// Half the width of the interval; none for a single run.
    pub fn half_width(&self) -> Option<f64> {
        self.interval.map(|[low, high]| 0.5 * (high - low))
    }
}

/// Wilson's 95 % score interval of a share, `hits` of `count` (Wilson 1927); `[0, 1]` of nothing.
pub fn wilson_interval(hits: usize, count: usize) -> [f64; 2] {
    if count == 0 {
        return [0.0, 1.0];
    }
    let (n, z) = (count as f64, NORMAL_QUANTILE);
    let share = hits as f64 / n;
    let centre = share + z * z / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    [(centre - spread) / scale, (centre + spread) / scale].map(|end| end.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    }

    /// `numpy.std(a, ddof=1)` and `scipy.stats.t.interval(.95, 2, mean, sem)` of SciPy 1.17.1.
    #[test]
    fn means_over_seeds_are_scipys() {
        let estimate = Estimate::of(&[0.91, 0.93, 0.90]).unwrap();
        near(estimate.mean, 0.913_333_333_333_333_3);
        near(estimate.deviation.unwrap(), 0.015_275_252_316_519_48);
        let [low, high] = estimate.interval.unwrap();
        near(low, 0.875_387_502_997_365_8);
        near(high, 0.951_279_163_669_300_9);
        let single = Estimate::of(&[0.5]).unwrap();
        assert_eq!((single.deviation, single.half_width()), (None, None));
        assert_eq!(Estimate::of(&[]), None);
    }

    /// `scipy.stats.ttest_rel(a, b).confidence_interval(.95)`.
    #[test]
    fn paired_differences_are_scipys() {
        let pairs = [[0.91, 0.87], [0.93, 0.86], [0.90, 0.88]];
        let difference = Estimate::of_differences(&pairs).unwrap();
        near(difference.mean, 0.043_333_333_333_333_37);
        let [low, high] = difference.interval.unwrap();
        near(low, -0.019_182_761_460_424_434);
        near(high, 0.105_849_428_127_091_17);
    }

    /// `scipy.stats.binomtest(k, n).proportion_ci(.95, "wilson")`.
    #[test]
    fn shares_are_scipys() {
        for (hits, count, low, high) in [
            (119, 120, 0.9543037087549504, 0.9985274442666578),
            (0, 10, 0.0, 0.27753279986288926),
            (10, 10, 0.7224672001371109, 1.0),
            (45, 100, 0.35614537979511984, 0.5475539700255787),
            (1, 1, 0.20654931437723745, 1.0),
        ] {
            let found = wilson_interval(hits, count);
            near(found[0], low);
            near(found[1], high);
        }
        assert_eq!(wilson_interval(0, 0), [0.0, 1.0]);
    }
}
