//! What integers cost: the trained model in int8 and int4 against itself in f32, over all its check
//! images.

use mimlet_format::Scheme;
use mimlet_runtime::acceptance;
use mimlet_tests::{Agreement, encoder_on_cpu, model_file, shapes};

/// A quantised file held to the f32 file over every check image, the golden ones and the others.
fn agreement(scheme: Scheme) -> Agreement {
    let [float, quantised] = [Scheme::F32, scheme].map(|s| model_file(shapes::packed(s)));
    let wide_margin = quantised
        .model()
        .manifest()
        .acceptance
        .thresholds
        .wide_margin;
    let mut agreement = Agreement::new(wide_margin);
    let mut reference = encoder_on_cpu(&float.model(), 2);
    let mut encoder = encoder_on_cpu(&quantised.model(), 2);
    let (images, _) = shapes::check_images();
    assert!(images.len() >= 120);
    for image in &images {
        let reference = reference.encode_pixels(&image.pixels).unwrap();
        agreement.add(reference, encoder.encode_pixels(&image.pixels).unwrap());
    }
    println!(
        "{} images: {agreement:?}, tokens {}",
        images.len(),
        agreement.token_agreement()
    );
    agreement
}

#[test]
fn int8_keeps_the_features_and_tokens_of_f32() {
    let agreement = agreement(Scheme::Int8);
    assert!(agreement.min_cosine >= 0.999, "{agreement:?}");
    assert!(agreement.token_agreement() >= 0.995, "{agreement:?}");
    assert_eq!(agreement.wide_flips, 0, "{agreement:?}");
}

#[test]
fn int4_keeps_most_of_the_features_and_tokens_of_f32() {
    let agreement = agreement(Scheme::Int4);
    assert!(agreement.min_cosine >= 0.99, "{agreement:?}");
    assert!(agreement.token_agreement() >= 0.97, "{agreement:?}");
    assert_eq!(agreement.wide_flips, 0, "{agreement:?}");
}

/// The codebook knows the classes: the bound is in the file, and every device can hold itself to it.
#[test]
fn the_packed_model_carries_a_tcas_bound_that_it_meets() {
    let file = model_file(shapes::packed(Scheme::Int8));
    let model = file.model();
    let bound = model.manifest().acceptance.thresholds.max_tcas.unwrap();
    let verdict = acceptance::run(&model, &mut encoder_on_cpu(&model, 2)).unwrap();
    assert!(verdict.passed(), "{:?}", verdict.failures);
    assert!(verdict.tcas.unwrap() <= bound);
}
