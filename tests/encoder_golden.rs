//! The whole encoder against timm's, on the CPU.

use mimlet_format::Scheme;
use mimlet_image::Preprocessor;
use mimlet_runtime::acceptance;
use mimlet_tests::timm::{self, PHOTOS, TOLERANCE, largest_difference};
use mimlet_tests::{encoder_on_cpu, model_file, path};

#[test]
fn features_are_timms_to_2e_4() {
    let file = model_file(timm::packed(Scheme::F32));
    let mut encoder = encoder_on_cpu(&file.model(), 2);
    for photo in PHOTOS {
        let expected = timm::expected(photo);
        let encoding = encoder.encode(&expected.input).unwrap();
        let class = largest_difference(&expected.class, &encoding.class);
        let patches = largest_difference(&expected.patches, &encoding.patches);
        println!("{photo}: class {class:e}, patches {patches:e}");
        assert!(
            class <= TOLERANCE,
            "{photo}: class features are off by {class}"
        );
        assert!(
            patches <= TOLERANCE,
            "{photo}: patch features are off by {patches}"
        );
    }
}

#[test]
fn pixels_are_normalised_as_torchvision_does() {
    let file = model_file(timm::packed(Scheme::F32));
    let mut encoder = encoder_on_cpu(&file.model(), 1);
    for photo in PHOTOS {
        let expected = timm::expected(photo);
        let encoding = encoder.encode_pixels(&expected.pixels).unwrap();
        let class = largest_difference(&expected.class, &encoding.class);
        assert!(
            class <= TOLERANCE,
            "{photo}: class features are off by {class}"
        );
    }
}

/// The whole route of a user: a photo of any size, the file's own preprocessing, features.
#[test]
fn a_photo_becomes_timms_pixels_within_one_level() {
    let file = model_file(timm::packed(Scheme::F32));
    let manifest = file.model().manifest().clone();
    let preprocessor =
        Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size).unwrap();
    for photo in PHOTOS {
        let source = path(&format!(
            "../crates/mimlet-image/tests/fixtures/{photo}.png"
        ));
        let pixels = preprocessor.prepare(source).unwrap().pixels.unwrap();
        let expected = timm::expected(photo).pixels;
        assert_eq!(pixels.pixels().len(), expected.len());
        let levels = |(a, b): (&u8, &u8)| a.abs_diff(*b);
        let largest = pixels.pixels().iter().zip(&expected).map(levels).max();
        assert!(
            largest <= Some(1),
            "{photo}: a pixel is off by {largest:?} levels"
        );
    }
}

#[test]
fn every_scheme_passes_its_own_acceptance_test() {
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Int8, Scheme::Int4] {
        let file = model_file(timm::packed(scheme));
        let model = file.model();
        let verdict = acceptance::run(&model, &mut encoder_on_cpu(&model, 2)).unwrap();
        assert!(verdict.passed(), "{scheme:?}: {:?}", verdict.failures);
    }
}

/// The comparer itself: an error of the tolerance's size, a NaN and a missing value are seen.
#[test]
fn the_comparer_sees_planted_errors() {
    let expected = [1.0, -2.0, 3.0];
    let off = [1.0, -2.0 + 3e-4, 3.0];
    assert!(largest_difference(&expected, &expected) <= TOLERANCE);
    for wrong in [
        &off[..],
        &[1.0, f32::NAN, 3.0],
        &[f32::NAN, -2.0, 3.0],
        &[1.0, -2.0],
    ] {
        let passes = largest_difference(&expected, wrong) <= TOLERANCE;
        assert!(!passes, "{wrong:?}");
    }
}
