//! A report's figures are those that the file itself gives when it is run once more, and its page
//! shows them without letting a name become markup.

use crate::checkpoint::{options as import_options, timm};
use crate::well_formed::check;
use mimlet_export::{
    ExportError, ExportOptions, Exported, FloatCodebook, FloatModel, Report, export, import,
    random_codebook, synthetic_golden,
};
use mimlet_format::{GoldenTensor, Model, Scheme, TensorRole, Thresholds};
use mimlet_runtime::Encoder;

/// Thresholds that every file meets, but for a margin that counts as wide.
pub(crate) fn lenient() -> Thresholds {
    Thresholds {
        min_cosine: 0.5,
        min_token_agreement: 0.0,
        wide_margin: 0.05,
        max_wide_margin_flips: u32::MAX,
        max_tcas: None,
    }
}

/// timm's model with tokens that flip easily.
pub(crate) fn parts() -> (FloatModel, FloatCodebook) {
    let model = import(&timm(), &import_options()).unwrap();
    let codebook = random_codebook(&model, 40, 4).unwrap();
    (model, codebook)
}

pub(crate) fn options(model: &FloatModel, scheme: Scheme) -> ExportOptions<'static> {
    let size = model.encoder.image_size;
    let mut options = ExportOptions::new(scheme, model.preprocess.resolve(size));
    options.golden = synthetic_golden(size, 6, 5);
    options.thresholds = Some(lenient());
    options
}

fn exported() -> Exported {
    let (model, codebook) = parts();
    export(&model, Some(&codebook), &options(&model, Scheme::Int8)).unwrap()
}

#[test]
fn margins_flips_and_cosines_are_those_of_another_run() {
    let exported = exported();
    let report = &exported.report;
    let model = Model::parse(&exported.bytes).unwrap();
    let golden = |tensor| model.tensor(TensorRole::Golden(tensor)).unwrap();
    let pixels = golden(GoldenTensor::Images).u8().unwrap();
    let tokens = golden(GoldenTensor::Tokens).u32().unwrap();
    let margins = golden(GoldenTensor::Margins).f32().unwrap();
    let class = golden(GoldenTensor::ClassFeatures).f32().unwrap();
    let mut encoder = Encoder::on_cpu(&model, 1).unwrap();
    let (images, dim) = (report.golden_images, class.len() / report.golden_images);
    let patches = tokens.len() / images;
    let mut flips = Vec::new();
    for image in 0..images {
        let found = encoder
            .encode_pixels(&pixels[image * pixels.len() / images..][..pixels.len() / images])
            .unwrap();
        for (patch, &token) in found.tokens.iter().enumerate() {
            let index = image * patches + patch;
            if token != tokens[index] {
                flips.push((margins[index], token, index));
            }
        }
        let cosine = cosine(&class[image * dim..][..dim], &found.class);
        assert!(report.images[image].min_cosine <= cosine + 1e-12);
        assert!(report.images[image].median_cosine >= report.images[image].min_cosine);
    }
    flips.sort_by(|a, b| b.0.total_cmp(&a.0));
    let found = report.margins.as_ref().unwrap();
    assert!(!flips.is_empty(), "nothing flips: the test shows nothing");
    let columns = model.manifest().encoder.grid()[1] as usize;
    let listed = found.flips.iter().map(|flip| {
        let patch = flip.row as usize * columns + flip.column as usize;
        assert_eq!(flip.wide, flip.float_margin >= 0.05);
        (
            flip.float_margin,
            flip.packed_token,
            flip.image as usize * patches + patch,
        )
    });
    assert_eq!(listed.collect::<Vec<_>>(), flips);
    let wide = found.flips.iter().filter(|flip| flip.wide).count();
    assert_eq!(wide, report.verdict.wide_margin_flips as usize);
    for bars in [&found.float, &found.packed] {
        assert_eq!(bars.iter().sum::<u32>() as usize, tokens.len());
    }
    let lowest = report.images.iter().map(|image| image.min_cosine);
    let lowest = lowest.fold(f64::INFINITY, f64::min);
    assert!((lowest - report.verdict.min_cosine).abs() < 1e-12);
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn a_file_s_parts_are_the_file() {
    let exported = exported();
    let sizes = &exported.report.sizes;
    let model = Model::parse(&exported.bytes).unwrap();
    let stored: u64 = model
        .tensors()
        .map(|tensor| {
            let sides = tensor.entry.shape.iter().map(|&side| u64::from(side));
            sides.product::<u64>() * tensor.entry.dtype.bits()
        })
        .sum();
    assert_eq!(sizes.stored_bits, stored);
    let parts = sizes.weights
        + sizes.scales
        + sizes.norms
        + sizes.positions
        + sizes.codebook
        + sizes.golden
        + sizes.manifest
        + sizes.padding;
    assert_eq!(parts, exported.bytes.len() as u64);
    assert_eq!(sizes.overhead, (8 * parts) as f64 / stored as f64);
    // Three blocks of qkv, proj, fc1 and fc2 in bytes, and the patch embedding in halves.
    assert_eq!(sizes.weights, 3 * 12 * 64 * 64 + 2 * 64 * 192);
    // 64 patches and the class token; forty centroids; and of each block two norms, with qkv's, proj's,
    // fc1's and fc2's biases, the last norm besides.
    assert_eq!(sizes.positions, 4 * 65 * 64);
    assert_eq!(sizes.codebook, 4 * 40 * 64);
    assert_eq!(sizes.norms, 4 * 64 * (3 * (4 + 3 + 1 + 4 + 1) + 2));
    assert_eq!(sizes.scales, 4 * 64 * 3 * (3 + 1 + 4 + 1));
    assert_eq!(
        sizes.float_bytes - parts,
        4 * (3 * 12 * 64 * 64 + 64 * 192) - sizes.weights - sizes.scales
    );
}

/// A report whose every name is hostile.
fn hostile(scheme: Scheme, thresholds: Thresholds) -> Result<Exported, ExportError> {
    const NAME: &str = "</title></style><script>alert('1')</script>\" onload=\"x&";
    let (mut model, codebook) = parts();
    model.name = NAME.to_owned();
    model.source = NAME.to_owned();
    model.licence = Some(NAME.to_owned());
    model.ignored = vec![NAME.to_owned()];
    let mut options = options(&model, scheme);
    options.thresholds = Some(thresholds);
    options.class_names = vec![NAME.to_owned(), "plain".to_owned()];
    for (index, image) in options.golden.iter_mut().enumerate() {
        image.label = Some(index as u32 % 2);
    }
    export(&model, Some(&codebook), &options)
}

#[test]
fn no_name_becomes_markup() {
    let page = hostile(Scheme::Int8, lenient()).unwrap().report.to_html();
    let elements = check(&page).unwrap();
    assert!(!page.contains("<script"));
    assert!(
        page.contains("&lt;script&gt;alert(&#39;1&#39;)"),
        "escaped, not dropped"
    );
    assert_eq!(elements.iter().filter(|name| *name == "svg").count(), 4);
}

#[test]
fn a_refused_export_still_says_what_was_found() {
    let strict = Thresholds {
        min_cosine: 1.0,
        ..lenient()
    };
    let error = hostile(Scheme::Int8, strict).unwrap_err();
    assert!(error.is_refusal());
    let report: Report = error.into_report().unwrap();
    assert!(!report.passed() && report.worst_layer.is_some());
    let page = report.to_html();
    check(&page).unwrap();
    assert!(page.contains("refused") && page.contains("lowest feature cosine"));
}

#[test]
fn a_page_without_tokens_or_noise_has_no_such_plots() {
    let (model, _) = parts();
    let report = export(&model, None, &options(&model, Scheme::F32))
        .unwrap()
        .report;
    assert!(report.margins.is_none() && report.worst_layer.is_none());
    let elements = check(&report.to_html()).unwrap();
    assert_eq!(elements.iter().filter(|name| *name == "svg").count(), 2);
}
