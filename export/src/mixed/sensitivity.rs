//! What each linear layer's narrowing does to the features.

use crate::float_block::{Half, Linear};
use crate::float_run::{FloatRun, final_norm};
use crate::model::Weights;
use crate::quantize::QuantizedBlock;
use mimlet_format::{EncoderConfig, Preprocess};
use rayon::prelude::*;

/// Tokens that sensitivity is measured on, in whole images.
const TOKENS: usize = 1024;

/// The float model over a few images, ready to be run again from any block on.
#[derive(Debug)]
pub(crate) struct Sensitivity<'m> {
    encoder: &'m EncoderConfig,
    blocks: Vec<[Half; 2]>,
    /// Residual stream before each block: `[depth][images]`.
    streams: Vec<Vec<Vec<f32>>>,
    /// Final features of each image.
    features: Vec<Vec<f32>>,
}

impl<'m> Sensitivity<'m> {
    /// Runs the float model over the first of these images.
    pub(crate) fn new(
        encoder: &'m EncoderConfig,
        weights: &Weights<'_>,
        preprocess: &'m Preprocess,
        images: &[&'m [u8]],
    ) -> Self {
        let count = (TOKENS / encoder.tokens() as usize).clamp(1, images.len());
        let run = FloatRun::new(
            encoder,
            weights,
            preprocess,
            &images[..count],
            (0..count, 0),
        );
        let mut stream: Vec<Vec<f32>> = run.calibration_streams().map(<[f32]>::to_vec).collect();
        let mut sensitivity = Self {
            encoder,
            blocks: Vec::new(),
            streams: Vec::new(),
            features: Vec::new(),
        };
        for layer in 0..encoder.depth {
            sensitivity.streams.push(stream.clone());
            let halves = Half::both(encoder, weights, layer);
            stream.par_iter_mut().for_each(|stream| {
                for half in &halves {
                    half.run(stream, None);
                }
            });
            sensitivity.blocks.push(halves);
        }
        let features = stream.par_iter();
        let features = features.map(|stream| final_norm(encoder, weights, stream));
        sensitivity.features = features.collect();
        sensitivity
    }

    /// Measures every variant of block `layer`'s linear layers alone in the float model, and notes
    /// it in their reports.
    pub(crate) fn measure(&self, weights: &Weights<'_>, layer: u32, block: &mut QuantizedBlock) {
        let Some(float) = &block.float else { return };
        for (index, variants) in block.linears.iter_mut().enumerate() {
            for variant in variants {
                if let Some(stand_in) = variant.stand_in.take() {
                    let halves = with(float, index, &stand_in);
                    let error = self.feature_error(weights, layer, &halves);
                    variant.report.feature_error = Some(error);
                }
            }
        }
    }

    /// Squared error of the features relative to their squared length, with other halves of a block.
    fn feature_error(&self, weights: &Weights<'_>, layer: u32, halves: &[Half; 2]) -> f64 {
        let layer = layer as usize;
        let images = self.streams[layer].par_iter().zip(&self.features);
        let sums: Vec<[f64; 2]> = images
            .map(|(stream, expected)| {
                let mut stream = stream.clone();
                for half in halves
                    .iter()
                    .chain(self.blocks[layer + 1..].iter().flatten())
                {
                    half.run(&mut stream, None);
                }
                let found = final_norm(self.encoder, weights, &stream);
                let mut sums = [0.0; 2];
                for (&found, &expected) in found.iter().zip(expected) {
                    sums[0] += (f64::from(found) - f64::from(expected)).powi(2);
                    sums[1] += f64::from(expected).powi(2);
                }
                sums
            })
            .collect();
        let sum = |part: usize| sums.iter().map(|sums| sums[part]).sum::<f64>();
        sum(0) / sum(1).max(f64::MIN_POSITIVE)
    }
}

/// A block with one of qkv, proj, fc1 and fc2 replaced.
fn with([attention, mlp]: &[Half; 2], index: usize, linear: &Linear) -> [Half; 2] {
    match index {
        0 | 1 => [attention.with(index, linear), mlp.clone()],
        _ => [attention.clone(), mlp.with(index - 2, linear)],
    }
}
