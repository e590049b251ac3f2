//! What is done to a vector before it meets the centroids.

use clap::ValueEnum;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Added to a patch's variance, as in MAE's `norm_pix_loss`.
const EPSILON: f64 = 1e-6;

/// What is done to a vector before it meets the centroids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Nothing.
    #[default]
    None,
    /// Length 1, for spherical k-means: nearness is the cosine.
    L2,
    /// Mean 0 and variance 1 over the vector's own values: patches that differ in brightness and
    /// contrast only become one.
    PerPatch,
}

impl Normalise {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::L2 => "l2",
            Self::PerPatch => "per-patch",
        }
    }

    /// The one called `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        let mut all = [Self::None, Self::L2, Self::PerPatch].into_iter();
        all.find(|normalise| normalise.name() == name)
    }

    /// Normalises each row of `vectors`, `[rows, dim]`. A vector of zeros stays one.
    pub fn apply(self, vectors: &mut [f32], dim: usize) {
        let each = match self {
            Self::None => return,
            Self::L2 => to_unit_length,
            Self::PerPatch => standardise,
        };
        vectors
            .par_chunks_exact_mut(dim)
            .with_min_len(64)
            .for_each(each);
    }
}

fn to_unit_length(vector: &mut [f32]) {
    let norm = vector
        .iter()
        .map(|&v| f64::from(v).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm > 0.0 {
        vector
            .iter_mut()
            .for_each(|v| *v = (f64::from(*v) / norm) as f32);
    }
}

fn standardise(vector: &mut [f32]) {
    let count = vector.len() as f64;
    let mean = vector.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let squares: f64 = vector.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
    let scale = (squares / count + EPSILON).sqrt().recip();
    vector
        .iter_mut()
        .for_each(|v| *v = ((f64::from(*v) - mean) * scale) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_and_zeros() {
        let normalised = |normalise: Normalise, values: [f32; 4]| {
            let mut values = values;
            normalise.apply(&mut values, 2);
            values
        };
        assert_eq!(
            normalised(Normalise::None, [3.0, 4.0, 0.0, 0.0]),
            [3.0, 4.0, 0.0, 0.0]
        );
        assert_eq!(
            normalised(Normalise::L2, [3.0, 4.0, 0.0, 0.0]),
            [0.6, 0.8, 0.0, 0.0]
        );
        let [low, high, still, as_still] = normalised(Normalise::PerPatch, [10.0, 14.0, 7.0, 7.0]);
        assert!((low + 1.0).abs() < 1e-6 && (high - 1.0).abs() < 1e-6);
        assert_eq!([still, as_still], [0.0, 0.0]);
    }

    #[test]
    fn names_read_back() {
        for normalise in [Normalise::None, Normalise::L2, Normalise::PerPatch] {
            assert_eq!(Normalise::by_name(normalise.name()), Some(normalise));
        }
        assert_eq!(Normalise::by_name("L2"), None);
    }
}
