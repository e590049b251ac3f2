//! How far a device's answers are, on the whole, from those the file itself gave where it was written.

use alloc::vec;
use alloc::vec::Vec;

/// The mean of patch features, and the size of the golden ones.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanFeature {
    /// Sum over rows, `[dim]`.
    sum: Vec<f64>,
    rows: u64,
    /// Sum of the golden features' squares.
    golden_squares: f64,
}

impl MeanFeature {
    /// Of no feature yet, `dim` wide.
    #[must_use]
    pub fn new(dim: usize) -> Self {
        Self {
            sum: vec![0.0; dim],
            rows: 0,
            golden_squares: 0.0,
        }
    }

    /// Takes in an image's patch features `[patches, dim]`, and the golden ones.
    pub fn add(&mut self, found: &[f32], golden: impl Iterator<Item = f32>) {
        for row in found.chunks_exact(self.sum.len()) {
            for (sum, &value) in self.sum.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
            self.rows += 1;
        }
        let squares = golden.map(|value| f64::from(value) * f64::from(value));
        self.golden_squares += squares.sum::<f64>();
    }

    /// The mean, `[dim]`. NaN without a feature.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        let rows = self.rows as f64;
        self.sum.iter().map(|sum| (sum / rows) as f32).collect()
    }

    /// Its distance from the file's own, as a share of the golden features' root mean square norm. NaN
    /// when a feature was.
    #[must_use]
    pub fn deviation(&self, own: &[f32]) -> f64 {
        let mean = self.mean();
        let squares = mean.iter().zip(own).map(|(&mean, &own)| {
            let difference = f64::from(mean) - f64::from(own);
            difference * difference
        });
        libm::sqrt(squares.sum::<f64>() / (self.golden_squares / self.rows as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::MeanFeature;

    fn golden() -> impl Iterator<Item = f32> {
        [3.0, 4.0, 3.0, 4.0].into_iter()
    }

    #[test]
    fn what_cancels_is_rounding_and_what_stays_is_a_fault() {
        let mut rounding = MeanFeature::new(2);
        rounding.add(&[3.5, 4.0, 2.5, 4.0], golden());
        assert_eq!(rounding.deviation(&[3.0, 4.0]), 0.0);
        let mut fault = MeanFeature::new(2);
        fault.add(&[3.5, 4.0, 3.5, 4.0], golden());
        assert!((fault.deviation(&[3.0, 4.0]) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_nan_stays() {
        let mut mean = MeanFeature::new(2);
        mean.add(&[3.0, f32::NAN, 3.0, 4.0], golden());
        assert!(mean.deviation(&[3.0, 4.0]).is_nan());
    }
}
