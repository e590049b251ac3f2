//! A model's features against what another library made of the same input.

use crate::checkpoint::{Checkpoint, fixture};
use mimlet_export::{ExportOptions, FloatModel, ImportOptions, export, import, synthetic_golden};
use mimlet_format::{Model, Scheme};
use mimlet_runtime::Encoder;
use std::path::Path;

/// Largest difference of a feature.
pub(crate) const TOLERANCE: f32 = 2e-4;

/// What a library made of its inputs, by name.
pub(crate) fn expected(name: &str) -> Checkpoint {
    Checkpoint::of(&fixture(name))
}

/// A model that needs no word of the user.
pub(crate) fn imported(path: &Path) -> FloatModel {
    import(path, &ImportOptions::default()).unwrap()
}

/// Holds class and patch features to `expected`, whose tensors have `prefix` before their names.
pub(crate) fn assert_features(model: &FloatModel, expected: &Checkpoint, prefix: &str) {
    let size = model.encoder.image_size;
    let mut options = ExportOptions::new(Scheme::F32, model.preprocess.resolve(size));
    options.golden = synthetic_golden(size, 1, 1);
    let exported = export(model, None, &options).unwrap();
    let parsed = Model::parse(&exported.bytes).unwrap();
    let mut encoder = Encoder::on_cpu(&parsed, 1).unwrap();
    let values = |part: &str| expected.tensors[&format!("{prefix}{part}")].values();
    let encoding = encoder.encode(&values("input")).unwrap();
    for (found, part) in [
        (&encoding.class, "cls"),
        (&encoding.patches, "patch_tokens"),
    ] {
        let worst = largest_difference(found, &values(part));
        println!("{prefix}{part}: {worst:e}");
        assert!(worst <= TOLERANCE, "{prefix}{part} is off by {worst}");
    }
}

/// The largest difference of two arrays, infinite when one has a NaN or another length.
fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() {
        return f32::INFINITY;
    }
    let errors = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let error_or_infinity = |error: f32| if error.is_nan() { f32::INFINITY } else { error };
    errors.map(error_or_infinity).fold(0.0, f32::max)
}

#[test]
fn the_comparer_sees_planted_errors() {
    let expected = [1.0, -2.0, 3.0];
    assert!(largest_difference(&expected, &expected) <= TOLERANCE);
    for wrong in [
        &[1.0, -2.0003, 3.0][..],
        &[1.0, f32::NAN, 3.0],
        &[1.0, -2.0],
    ] {
        assert!(
            largest_difference(wrong, &expected) > TOLERANCE,
            "{wrong:?}"
        );
    }
}
