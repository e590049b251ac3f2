//! What bytes cost: the trained model in int8 against itself in f32, over all its check images.

use mimlet_format::Scheme;
use mimlet_runtime::acceptance;
use mimlet_tests::{Agreement, encoder_on_cpu, model_file, shapes};

#[test]
fn int8_keeps_the_features_and_tokens_of_f32() {
    let [float, bytes] = [Scheme::F32, Scheme::Int8].map(|s| model_file(shapes::packed(s)));
    let wide_margin = bytes.model().manifest().acceptance.thresholds.wide_margin;
    let mut agreement = Agreement::new(wide_margin);
    let mut reference = encoder_on_cpu(&float.model(), 2);
    let mut quantised = encoder_on_cpu(&bytes.model(), 2);
    let (images, _) = shapes::check_images();
    for image in &images {
        let reference = reference.encode_pixels(&image.pixels).unwrap();
        agreement.add(reference, quantised.encode_pixels(&image.pixels).unwrap());
    }
    println!(
        "{} images: {agreement:?}, tokens {}",
        images.len(),
        agreement.token_agreement()
    );
    assert!(images.len() >= 120);
    assert!(agreement.min_cosine >= 0.999, "{agreement:?}");
    assert!(agreement.token_agreement() >= 0.99, "{agreement:?}");
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
