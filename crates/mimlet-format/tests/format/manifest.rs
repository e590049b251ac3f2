//! Lies told in the manifest, the tensor table apart: the hash is good, the meaning is not.

use crate::forge::{self, assert_refused, forge};
use mimlet_format::limits::{MAX_DEPTH, MAX_DIM, MAX_IMAGE_SIDE, MAX_TOKENS, MAX_WINDOW};
use mimlet_format::{
    CodebookSpace, DriftReference, EncoderConfig, FormatError, Manifest, OwnAnswers, Thresholds,
};

fn out_of_range(field: &'static str, found: u64, min: u64, max: u64) -> FormatError {
    FormatError::OutOfRange {
        field,
        found,
        min,
        max,
    }
}

/// Asserts that a size set to each of `values` is out of `min..=max`.
fn assert_bounds(
    set: impl Fn(&mut Manifest, u32),
    field: &'static str,
    [min, max]: [u32; 2],
    values: &[u32],
) {
    for value in values {
        let file = forge(|manifest| set(manifest, *value));
        let [found, min, max] = [*value, min, max].map(u64::from);
        assert_refused(&file, &out_of_range(field, found, min, max));
    }
}

#[test]
fn image_sides_are_bounded() {
    for (side, field) in ["encoder.image_size[0]", "encoder.image_size[1]"]
        .into_iter()
        .enumerate()
    {
        assert_bounds(
            |manifest, value| manifest.encoder.image_size[side] = value,
            field,
            [1, MAX_IMAGE_SIDE],
            &[0, MAX_IMAGE_SIDE + 1, u32::MAX],
        );
    }
}

#[test]
fn patches_divide_the_image() {
    assert_bounds(
        |manifest, value| manifest.encoder.patch_size = value,
        "encoder.patch_size",
        [1, 16],
        &[0, 17, u32::MAX],
    );
    for (patch_size, field, found) in [
        (5, "encoder.image_size[0]", 24),
        (16, "encoder.image_size[0]", 24),
        (6, "encoder.image_size[1]", 16),
    ] {
        let file = forge(|manifest| manifest.encoder.patch_size = patch_size);
        let expected = FormatError::NotDivisible {
            field,
            found,
            divisor_field: "encoder.patch_size",
            divisor: patch_size,
        };
        assert_refused(&file, &expected);
    }
}

#[test]
fn a_patch_is_no_wider_than_a_dim() {
    let file = forge(|manifest| {
        manifest.encoder.image_size = [160, 160];
        manifest.encoder.patch_size = 160;
    });
    let expected = out_of_range("width of a patch", 3 * 160 * 160, 1, u64::from(MAX_DIM));
    assert_refused(&file, &expected);
}

#[test]
fn tokens_are_bounded() {
    assert_bounds(
        |manifest, value| manifest.encoder.register_tokens = value,
        "encoder.register_tokens",
        [0, MAX_TOKENS],
        &[MAX_TOKENS + 1, u32::MAX],
    );
    let max = u64::from(MAX_TOKENS);
    let registers = forge(|manifest| manifest.encoder.register_tokens = MAX_TOKENS);
    assert_refused(
        &registers,
        &out_of_range("number of tokens", max + 7, 1, max),
    );
    let patches = forge(|manifest| {
        manifest.encoder.image_size = [MAX_IMAGE_SIDE; 2];
        manifest.encoder.patch_size = 1;
    });
    let found = u64::from(MAX_IMAGE_SIDE).pow(2) + 2;
    assert_refused(&patches, &out_of_range("number of tokens", found, 1, max));
}

#[test]
fn widths_and_depth_are_bounded() {
    assert_bounds(
        |manifest, value| manifest.encoder.embed_dim = value,
        "encoder.embed_dim",
        [1, MAX_DIM],
        &[0, MAX_DIM + 1, u32::MAX],
    );
    assert_bounds(
        |manifest, value| manifest.encoder.mlp_dim = value,
        "encoder.mlp_dim",
        [1, MAX_DIM],
        &[0, MAX_DIM + 1, u32::MAX],
    );
    assert_bounds(
        |manifest, value| manifest.encoder.depth = value,
        "encoder.depth",
        [1, MAX_DEPTH],
        &[0, MAX_DEPTH + 1, u32::MAX],
    );
}

#[test]
fn heads_divide_the_width() {
    assert_bounds(
        |manifest, value| manifest.encoder.num_heads = value,
        "encoder.num_heads",
        [1, 10],
        &[0, 11, u32::MAX],
    );
    let file = forge(|manifest| manifest.encoder.num_heads = 3);
    let expected = FormatError::NotDivisible {
        field: "encoder.embed_dim",
        found: 10,
        divisor_field: "encoder.num_heads",
        divisor: 3,
    };
    assert_refused(&file, &expected);
}

/// Asserts that each of `values` is refused for a number.
fn assert_number(
    set: impl Fn(&mut Manifest, f64),
    field: &'static str,
    allowed: &'static str,
    values: &[f64],
) {
    for value in values {
        let file = forge(|manifest| set(manifest, *value));
        let found = *value;
        let expected = FormatError::BadNumber {
            field,
            found,
            allowed,
        };
        assert_refused(&file, &expected);
    }
}

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

#[test]
fn epsilon_is_positive() {
    assert_number(
        |manifest, value| manifest.encoder.layer_norm_eps = value as f32,
        "encoder.layer_norm_eps",
        "finite and above 0",
        &[0.0, -0.5, NAN, INF, -INF],
    );
}

#[test]
fn normalisation_divides_by_something() {
    for channel in 0..3 {
        assert_number(
            |manifest, value| manifest.preprocess.mean[channel] = value as f32,
            "preprocess.mean",
            "finite",
            &[NAN, INF, -INF],
        );
        let subnormal = f64::from(f32::MIN_POSITIVE / 2.0);
        assert_number(
            |manifest, value| manifest.preprocess.std[channel] = value as f32,
            "preprocess.std",
            "finite and above 0",
            &[0.0, -0.5, subnormal, NAN, INF],
        );
    }
}

#[test]
fn the_crop_fits_the_resized_image() {
    assert_bounds(
        |manifest, value| manifest.preprocess.resize_short_side = value,
        "preprocess.resize_short_side",
        [24, MAX_IMAGE_SIDE],
        &[0, 23, MAX_IMAGE_SIDE + 1, u32::MAX],
    );
}

#[test]
fn a_codebook_has_two_centroids_as_wide_as_its_space() {
    assert_bounds(
        |manifest, value| manifest.codebook.as_mut().unwrap().size = value,
        "codebook.size",
        [2, MAX_DIM],
        &[0, 1, MAX_DIM + 1, u32::MAX],
    );
    let file = forge(|manifest| manifest.codebook.as_mut().unwrap().dim = 11);
    let (found, expected) = (11, 10);
    assert_refused(&file, &FormatError::CodebookDim { found, expected });
    let file = forge(|manifest| {
        manifest.codebook.as_mut().unwrap().space = CodebookSpace::Pixels;
    });
    let (found, expected) = (10, 192);
    assert_refused(&file, &FormatError::CodebookDim { found, expected });
}

#[test]
fn there_is_a_golden_image() {
    assert_bounds(
        |manifest, value| manifest.acceptance.images = value,
        "acceptance.images",
        [1, u32::MAX],
        &[0],
    );
}

#[test]
fn labels_are_for_all_images_or_none() {
    for labels in [vec![0], vec![0, 1, 0]] {
        let file = forge(|manifest| manifest.acceptance.labels = labels.clone());
        let found = labels.len() as u64;
        assert_refused(&file, &FormatError::LabelCount { found, images: 2 });
    }
}

#[test]
fn labels_point_into_the_classes() {
    let file = forge(|manifest| manifest.acceptance.labels[1] = 2);
    let out_of = |index, label, classes| FormatError::LabelOutOfRange {
        index,
        label,
        classes,
    };
    assert_refused(&file, &out_of(1, 2, 2));
    let file = forge(|manifest| manifest.acceptance.class_names.clear());
    assert_refused(&file, &out_of(0, 1, 0));
}

#[test]
fn thresholds_can_be_met_and_missed() {
    let threshold = |set: fn(&mut Thresholds, f64)| {
        move |manifest: &mut Manifest, value| set(&mut manifest.acceptance.thresholds, value)
    };
    assert_number(
        threshold(|thresholds, value| thresholds.min_cosine = value as f32),
        "acceptance.thresholds.min_cosine",
        "-1 to 1",
        &[-1.5, 1.5, NAN, INF],
    );
    assert_number(
        threshold(|thresholds, value| thresholds.min_token_agreement = value as f32),
        "acceptance.thresholds.min_token_agreement",
        "0 to 1",
        &[-0.5, 1.5, NAN, INF],
    );
    assert_number(
        threshold(|thresholds, value| thresholds.wide_margin = value as f32),
        "acceptance.thresholds.wide_margin",
        "finite and not negative",
        &[-0.5, NAN, INF],
    );
    assert_number(
        threshold(|thresholds, value| thresholds.max_tcas = Some(value)),
        "acceptance.thresholds.max_tcas",
        "finite and not negative",
        &[-0.5, NAN, INF],
    );
}

#[test]
fn a_tcas_bound_needs_labels_and_tokens() {
    let unlabelled = forge(|manifest| manifest.acceptance.labels.clear());
    assert_refused(&unlabelled, &FormatError::TcasBoundWithoutTokens);
    let tokenless = forge(|manifest| manifest.codebook = None);
    assert_refused(&tokenless, &FormatError::TcasBoundWithoutTokens);
}

/// Writes a text into a field of the manifest.
type SetText = fn(&mut Manifest, String);

#[test]
fn texts_hold_no_control_characters() {
    let lies: [(&str, SetText); 5] = [
        ("provenance.name", |manifest, text| {
            manifest.provenance.name = text
        }),
        ("provenance.producer", |manifest, text| {
            manifest.provenance.producer = text
        }),
        ("provenance.source", |manifest, text| {
            manifest.provenance.source = text
        }),
        ("provenance.licence", |manifest, text| {
            manifest.provenance.licence = Some(text)
        }),
        ("acceptance.class_names", |manifest, text| {
            manifest.acceptance.class_names[1] = text
        }),
    ];
    for (field, set) in lies {
        for text in ["\x1b[2Jpassed", "two\nlines", "\u{9b}1m"] {
            let file = forge(|manifest| set(manifest, text.into()));
            assert_refused(&file, &FormatError::ControlCharacter { field });
        }
    }
}

#[test]
fn ranges_are_of_every_layer_in_order_or_of_none() {
    let none = forge(|manifest| manifest.ranges.clear());
    mimlet_format::Model::parse(&none).unwrap();
    // The patch embedding, two norms and four linear layers in each of two blocks, the last norm.
    let expected = 14;
    let short = forge(|manifest| manifest.ranges.truncate(13));
    let count = |found| FormatError::RangeCount { found, expected };
    assert_refused(&short, &count(13));
    let long = forge(|manifest| {
        let last = manifest.ranges[13].clone();
        manifest.ranges.push(last);
    });
    assert_refused(&long, &count(15));
    let swapped = forge(|manifest| manifest.ranges.swap(3, 4));
    let honest = forge::manifest().ranges;
    let error = FormatError::RangeRole {
        index: 3,
        found: honest[4].role,
        expected: honest[3].role,
    };
    assert_refused(&swapped, &error);
}

#[test]
fn ranges_are_magnitudes() {
    let bad = [-0.5, NAN, INF, -INF];
    assert_number(
        |manifest, value| manifest.ranges[13].max_input = value as f32,
        "ranges.max_input",
        "finite and not negative",
        &bad,
    );
    assert_number(
        |manifest, value| manifest.ranges[0].max_output = value as f32,
        "ranges.max_output",
        "finite and not negative",
        &bad,
    );
}

#[test]
fn the_largest_sizes_do_not_overflow() {
    let encoder = EncoderConfig {
        image_size: [MAX_IMAGE_SIDE, MAX_IMAGE_SIDE],
        patch_size: 1,
        register_tokens: MAX_TOKENS,
        ..forge::manifest().encoder
    };
    assert_eq!(
        encoder.tokens(),
        MAX_IMAGE_SIDE * MAX_IMAGE_SIDE + MAX_TOKENS + 1
    );
    let whole = EncoderConfig {
        patch_size: MAX_IMAGE_SIDE,
        ..encoder
    };
    assert_eq!(whole.patch_dim(), 3 * MAX_IMAGE_SIDE * MAX_IMAGE_SIDE);
}

#[test]
fn own_answers_can_be_met_and_missed() {
    fn own(manifest: &mut Manifest) -> &mut OwnAnswers {
        manifest.acceptance.own.as_mut().unwrap()
    }
    for found in [f32::NAN, f32::INFINITY, -0.001] {
        let file = forge(|manifest| own(manifest).max_deviation = found);
        let expected = FormatError::BadNumber {
            field: "acceptance.own.max_deviation",
            found: found.into(),
            allowed: "finite and not negative",
        };
        assert_refused(&file, &expected);
    }
}

#[test]
fn drift_is_measured_against_figures_of_this_codebook() {
    fn drift(manifest: &mut Manifest) -> &mut DriftReference {
        manifest.drift.as_mut().unwrap()
    }
    let short = forge(|manifest| drift(manifest).token_counts.truncate(4));
    assert_refused(&short, &FormatError::DriftTokens { found: 4, size: 5 });
    let none = forge(|manifest| drift(manifest).token_counts.fill(0));
    let expected = out_of_range("sum of drift.token_counts", 0, 1, u64::MAX);
    assert_refused(&none, &expected);
    for window in [0, MAX_WINDOW + 1] {
        let file = forge(|manifest| drift(manifest).window = window);
        let max = MAX_WINDOW.into();
        assert_refused(&file, &out_of_range("drift.window", window.into(), 1, max));
    }
    let file = forge(|manifest| drift(manifest).images = 0);
    assert_refused(&file, &out_of_range("drift.images", 0, 1, u32::MAX.into()));
}

#[test]
fn bounds_of_drift_can_be_kept_and_left() {
    fn refused(
        lie: impl Fn(&mut DriftReference),
        field: &'static str,
        found: f32,
        allowed: &'static str,
    ) {
        let file = forge(|manifest| lie(manifest.drift.as_mut().unwrap()));
        let found = found.into();
        assert_refused(
            &file,
            &FormatError::BadNumber {
                field,
                found,
                allowed,
            },
        );
    }
    for found in [f32::NAN, -0.5, 1.5] {
        refused(
            |drift| drift.max_divergence = found,
            "drift.max_divergence",
            found,
            "0 to 1",
        );
    }
    let places: [(&str, fn(&mut DriftReference) -> &mut [f32; 2]); 3] = [
        ("drift.perplexity", |drift| &mut drift.perplexity),
        ("drift.median_distance", |drift| &mut drift.median_distance),
        ("drift.high_distance", |drift| &mut drift.high_distance),
    ];
    for (field, place) in places {
        let low = "finite and not negative";
        refused(|drift| place(drift)[0] = -1.0, field, -1.0, low);
        refused(|drift| place(drift)[0] = f32::NAN, field, f32::NAN, low);
        let high = "finite, the higher one second";
        refused(|drift| place(drift)[1] = 0.5, field, 0.5, high);
        refused(
            |drift| place(drift)[1] = f32::INFINITY,
            field,
            f32::INFINITY,
            high,
        );
    }
}
