//! What the benches share: the model they measure, and how they sum up times.

mod timing;

pub use timing::{RUNS_PER_TURN, Times, interleaved};

use mimlet_export::{Arch, ExportOptions, FloatModel, export, random, synthetic_golden};
use mimlet_format::{AlignedBytes, Scheme};

/// Input side of the measured model, pixels.
pub const IMAGE_SIZE: u32 = 224;
/// Seed of its weights.
pub const SEED: u64 = 1;

/// ViT-Tiny/16 at 224 pixels with random weights: 5.5 million of them, 22 MB in f32.
#[must_use]
pub fn vit_tiny() -> FloatModel {
    random(Arch::VitTiny16, IMAGE_SIZE, SEED)
}

/// The model as a file with one golden image.
///
/// # Panics
/// When the export refuses the model.
#[must_use]
pub fn packed(model: &FloatModel, scheme: Scheme) -> AlignedBytes {
    let size = model.encoder.image_size;
    let mut options = ExportOptions::new(scheme, model.preprocess.resolve(size));
    options.golden = synthetic_golden(size, 1, SEED);
    export(model, None, &options)
        .expect("a random model passes its acceptance test")
        .bytes
}

/// An input for the model: f32 `[3, height, width]`.
#[must_use]
pub fn input(model: &FloatModel) -> Vec<f32> {
    let [height, width] = model.encoder.image_size;
    mimlet_kernels::case::Stream::new(SEED).values((3 * height * width) as usize, 2.0)
}
