//! What values a tensor has.

use mimlet_format::{Model, TensorView};
use serde::Serialize;

use crate::dequantise::{Scales, values};

/// The values of a tensor, dequantised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Range {
    /// Smallest finite value; `None` without one.
    pub(super) min: Option<f32>,
    /// Largest finite value.
    pub(super) max: Option<f32>,
    /// Mean magnitude of the finite values.
    pub(super) mean_abs: f64,
    /// Values that are zero.
    pub(super) zeros: u64,
    /// Values that are NaN or infinite.
    pub(super) not_finite: u64,
    /// All values.
    pub(super) values: u64,
    /// Smallest and largest scale of a weight in integers.
    pub(super) scale: Option<[f32; 2]>,
}

impl Range {
    /// Of a tensor.
    pub(super) fn of(model: &Model<'_>, view: &TensorView<'_, '_>) -> Self {
        let scale = extremes(&Scales::of(model, view).values);
        Self {
            scale,
            ..Self::of_values(&values(model, view))
        }
    }

    fn of_values(values: &[f32]) -> Self {
        let bounds = extremes(values);
        let finite = values.iter().filter(|value| value.is_finite());
        let count = finite.clone().count() as u64;
        let sum: f64 = finite.map(|value| f64::from(value.abs())).sum();
        Self {
            min: bounds.map(|[min, _]| min),
            max: bounds.map(|[_, max]| max),
            mean_abs: sum / count.max(1) as f64,
            zeros: values.iter().filter(|value| **value == 0.0).count() as u64,
            not_finite: values.len() as u64 - count,
            values: values.len() as u64,
            scale: None,
        }
    }
}

/// Smallest and largest finite value.
fn extremes(values: &[f32]) -> Option<[f32; 2]> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    finite.fold(None, |bounds, value| {
        let [min, max] = bounds.unwrap_or([value; 2]);
        Some([f32::min(min, value), f32::max(max, value)])
    })
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn what_is_not_finite_is_counted_apart() {
        let values = [-3.0, 0.0, f32::NAN, 1.0, f32::INFINITY, -0.0];
        let range = Range::of_values(&values);
        assert_eq!((range.min, range.max), (Some(-3.0), Some(1.0)));
        assert_eq!((range.zeros, range.not_finite, range.values), (2, 2, 6));
        assert_eq!(range.mean_abs, 1.0);
        assert_eq!(Range::of_values(&[f32::NAN]).min, None);
    }
}
