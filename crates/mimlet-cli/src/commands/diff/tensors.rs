//! Two files' tensors, role by role.

use mimlet_format::{Model, TensorEntry, TensorRole, TensorView};
use serde::Serialize;

use super::fold::Factors;
use crate::dequantise::values;
use crate::progress::Progress;

/// How a tensor of one file relates to the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// The same bytes, of the same type in the same order.
    Same,
    /// Other values.
    Changed,
    /// Another element type or layout.
    Retyped,
    /// Another shape: values cannot be compared.
    Reshaped,
    /// B has none.
    OnlyInA,
    /// A has none.
    OnlyInB,
}

/// A tensor in both files.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Comparison {
    pub(super) role: String,
    pub(super) status: Status,
    pub(super) a: Option<Stored>,
    pub(super) b: Option<Stored>,
    /// Signal-to-noise ratio of B's values as A's, decibels; `None` when they are equal or cannot be
    /// compared.
    pub(super) snr_db: Option<f64>,
    /// Cosine between A's values and B's, each as one vector.
    pub(super) cosine: Option<f64>,
    /// Largest difference of a value.
    pub(super) max_change: Option<f64>,
    /// Channels whose power-of-two factor against a neighbouring layer was undone first.
    pub(super) rescaled_channels: usize,
}

/// How a tensor is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Stored {
    pub(super) dtype: String,
    pub(super) layout: String,
    pub(super) shape: Vec<u32>,
    pub(super) bytes: u64,
}

impl Stored {
    fn of(entry: &TensorEntry) -> Self {
        Self {
            dtype: entry.dtype.to_string(),
            layout: entry.layout.to_string(),
            shape: entry.shape.clone(),
            bytes: entry.length,
        }
    }
}

/// Every tensor of A in file order, then those that B alone has.
pub(super) fn compare(a: &Model<'_>, b: &Model<'_>) -> Vec<Comparison> {
    let only_b = b
        .tensors()
        .filter(|view| a.tensor(view.entry.role).is_none());
    let roles: Vec<TensorRole> = a
        .tensors()
        .chain(only_b)
        .map(|view| view.entry.role)
        .collect();
    let progress = Progress::new(roles.len(), "comparing tensors");
    let mut factors: Option<(u32, Option<Factors>)> = None;
    let compared = roles.into_iter().map(|role| {
        progress.step();
        if let TensorRole::Block { layer, .. } = role
            && factors.as_ref().is_none_or(|(known, _)| *known != layer)
        {
            factors = Some((layer, Factors::of(a, b, layer)));
        }
        let factors = factors.as_ref().and_then(|(_, factors)| factors.as_ref());
        compare_one(a, b, role, factors)
    });
    compared.collect()
}

fn compare_one(
    a: &Model<'_>,
    b: &Model<'_>,
    role: TensorRole,
    factors: Option<&Factors>,
) -> Comparison {
    let (of_a, of_b) = (a.tensor(role), b.tensor(role));
    let mut comparison = Comparison {
        role: role.to_string(),
        status: status(of_a.as_ref(), of_b.as_ref()),
        a: of_a.as_ref().map(|view| Stored::of(view.entry)),
        b: of_b.as_ref().map(|view| Stored::of(view.entry)),
        snr_db: None,
        cosine: None,
        max_change: None,
        rescaled_channels: 0,
    };
    let (Status::Changed | Status::Retyped, Some(of_a), Some(of_b)) =
        (comparison.status, of_a, of_b)
    else {
        return comparison;
    };
    let (of_a, mut of_b) = (values(a, &of_a), values(b, &of_b));
    if let Some(factors) = factors {
        comparison.rescaled_channels = factors.undo(role, &mut of_b);
    }
    let distance = Distance::between(&of_a, &of_b);
    comparison.snr_db = distance.snr_db();
    comparison.cosine = Some(distance.cosine());
    comparison.max_change = Some(distance.max_change);
    comparison
}

fn status(a: Option<&TensorView<'_, '_>>, b: Option<&TensorView<'_, '_>>) -> Status {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (_, None) => return Status::OnlyInA,
        (None, _) => return Status::OnlyInB,
    };
    if a.entry.shape != b.entry.shape {
        Status::Reshaped
    } else if (a.entry.dtype, a.entry.layout) != (b.entry.dtype, b.entry.layout) {
        Status::Retyped
    } else if a.bytes == b.bytes {
        Status::Same
    } else {
        Status::Changed
    }
}

/// How far apart two vectors are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Distance {
    dot: f64,
    square_a: f64,
    square_b: f64,
    noise: f64,
    /// Largest difference of a value; NaN when there was one.
    pub(super) max_change: f64,
}

impl Distance {
    /// Between vectors of the same length.
    pub(super) fn between(a: &[f32], b: &[f32]) -> Self {
        let mut distance = Self::default();
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            let change = (a - b).abs();
            distance.dot += a * b;
            distance.square_a += a * a;
            distance.square_b += b * b;
            distance.noise += change * change;
            // `max` would forget a NaN, and nothing is above one.
            if change.is_nan() || change > distance.max_change {
                distance.max_change = change;
            }
        }
        distance
    }

    /// `10 log10(|a|^2 / |a - b|^2)`; `None` when the two are equal.
    pub(super) fn snr_db(&self) -> Option<f64> {
        (self.noise != 0.0).then(|| 10.0 * (self.square_a / self.noise).log10())
    }

    /// Cosine of the angle between them; 1 between two zero vectors.
    pub(super) fn cosine(&self) -> f64 {
        if self.square_a == 0.0 && self.square_b == 0.0 {
            return 1.0;
        }
        self.dot / (self.square_a * self.square_b).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::Distance;

    #[test]
    fn distances_are_what_they_are_called() {
        let distance = Distance::between(&[3.0, 4.0], &[3.0, 4.5]);
        assert_eq!(distance.max_change, 0.5);
        assert_eq!(distance.snr_db(), Some(20.0));
        let cosine = 27.0 / (25.0_f64 * 29.25).sqrt();
        assert!((distance.cosine() - cosine).abs() < 1e-12);
        let same = Distance::between(&[1.0, 2.0], &[1.0, 2.0]);
        assert_eq!((same.snr_db(), same.max_change), (None, 0.0));
        assert_eq!(Distance::between(&[0.0], &[0.0]).cosine(), 1.0);
    }

    #[test]
    fn nan_is_never_forgotten() {
        let distance = Distance::between(&[1.0, 1.0, 1.0], &[1.0, f32::NAN, 5.0]);
        assert!(distance.max_change.is_nan());
        assert!(distance.cosine().is_nan());
        assert!(distance.snr_db().unwrap().is_nan());
    }
}
