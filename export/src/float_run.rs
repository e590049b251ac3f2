//! The float model, run block by block over all images at once.
//!
//! Half a block's weights are in panels at a time, so that running a model takes little memory
//! beyond its weights; between blocks a quantiser sees what went into each linear layer. The kernels
//! are the CPU backend's, on f32.

use crate::FloatCodebook;
use crate::float_block::{Half, HalfRanges, Range as Magnitudes, Taps};
use crate::model::Weights;
use mimlet_format::{CodebookSpace, EncoderConfig, NormPart, Preprocess, TensorRole};
use mimlet_kernels::panel::{self, Panels};
use mimlet_kernels::{Level, layer_norm, nearest_centroid, normalize, patch_embed, patchify};
use rayon::prelude::*;
use std::ops::Range;

/// A run of the float model.
#[derive(Debug)]
pub(crate) struct FloatRun<'m> {
    encoder: &'m EncoderConfig,
    preprocess: &'m Preprocess,
    level: Level,
    images: Vec<Image<'m>>,
    /// The images that calibrate.
    calibration: Range<usize>,
    /// Every how many-th token of a calibration image is kept. Each image starts at another: a step that
    /// divides a row of patches would never come to some columns.
    stride: usize,
    /// Of the calibration images: the patch embedding, then each block's norm, qkv, proj, norm, fc1
    /// and fc2 as they are run, then the final norm.
    ranges: Vec<Magnitudes>,
}

#[derive(Debug)]
struct Image<'m> {
    /// `[height, width, 3]`.
    pixels: &'m [u8],
    /// `[tokens, embed_dim]`.
    stream: Vec<f32>,
}

/// The float model's answers for one image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// `[embed_dim]`.
    pub(crate) class: Vec<f32>,
    /// `[patches, embed_dim]`.
    pub(crate) patches: Vec<f32>,
    /// `[patches]`; empty without a codebook.
    pub(crate) tokens: Vec<u32>,
    /// `[patches]`; empty without a codebook.
    pub(crate) margins: Vec<f32>,
}

/// Centroids in panels.
#[derive(Debug)]
pub(crate) struct Centroids {
    space: CodebookSpace,
    params: nearest_centroid::Params,
    /// `Panel16 [centroids, dim]`.
    panels: Vec<f32>,
}

impl<'m> FloatRun<'m> {
    /// Embeds images `[height, width, 3]`; those of `calibration` will be tapped, for about `rows`
    /// rows in all.
    pub(crate) fn new(
        encoder: &'m EncoderConfig,
        weights: &Weights<'_>,
        preprocess: &'m Preprocess,
        images: &[&'m [u8]],
        (calibration, rows): (Range<usize>, usize),
    ) -> Self {
        let level = Level::detect();
        let cut = cut(encoder);
        let embed = patch_embed::Params {
            prefix: encoder.prefix_tokens() as usize,
            patches: cut.patches(),
            patch_dim: cut.patch_dim(),
            embed_dim: encoder.embed_dim as usize,
            half: false,
            fused: true,
        };
        let weight = weights.get(TensorRole::PatchEmbedWeight);
        let weight = panels(embed.embed_dim, embed.patch_dim, weight);
        let table = weights.get(TensorRole::TokenTable);
        let start = |(index, pixels): (usize, &&'m [u8])| {
            let patches = patches_of(level, &cut, preprocess, pixels);
            let mut stream = vec![0.0; table.len()];
            let weight = Panels::F32(&weight);
            patch_embed::cpu(
                level,
                &embed,
                &patches,
                weight,
                table,
                0,
                &mut [],
                &mut stream,
            );
            let range = calibration.contains(&index);
            let range = range.then(|| Magnitudes::of(&patches, &stream));
            (Image { pixels, stream }, range.unwrap_or_default())
        };
        let started: Vec<_> = images.par_iter().enumerate().map(start).collect();
        let range = started.iter().map(|(_, range)| *range);
        let range = range.fold(Magnitudes::default(), Magnitudes::join);
        let tokens = encoder.tokens() as usize;
        let kept = (rows / calibration.len().max(1)).max(1);
        Self {
            encoder,
            preprocess,
            level,
            images: started.into_iter().map(|(image, _)| image).collect(),
            calibration,
            stride: tokens.div_ceil(kept),
            ranges: vec![range],
        }
    }

    /// Runs block `layer`; blocks must be run in order, each once.
    pub(crate) fn block(&mut self, weights: &Weights<'_>, layer: u32) -> Taps {
        let attention = Half::attention_of(self.encoder, weights, layer);
        let Taps { qkv, proj, .. } = self.half(&attention);
        drop(attention);
        let mlp = Half::mlp_of(self.encoder, weights, layer);
        let Taps { fc1, fc2, .. } = self.half(&mlp);
        Taps {
            qkv,
            proj,
            fc1,
            fc2,
        }
    }

    fn half(&mut self, half: &Half) -> Taps {
        let (calibration, stride) = (&self.calibration, self.stride);
        let run = |(index, image): (usize, &mut Image<'_>)| {
            let calibrates = calibration.contains(&index);
            let kept = calibrates.then_some((index % stride, stride));
            half.run(&mut image.stream, kept)
        };
        let mut ranges = HalfRanges::default();
        let mut taps = Taps::default();
        let images = self.images.par_iter_mut().enumerate();
        let seen: Vec<_> = images.map(run).collect();
        for seen in seen {
            for (range, of_image) in ranges.iter_mut().zip(seen.ranges) {
                *range = range.join(of_image);
            }
            taps.extend(seen.taps);
        }
        self.ranges.extend(ranges);
        taps
    }

    /// The answers for the first `count` images, after the last block, and the ranges of every
    /// layer: the patch embedding, each block's norm, qkv, proj, norm, fc1 and fc2, the final norm.
    pub(crate) fn answers(
        self,
        weights: &Weights<'_>,
        count: usize,
        centroids: Option<&Centroids>,
    ) -> (Vec<Answer>, Vec<Magnitudes>) {
        let answer = |(index, image): (usize, &Image<'_>)| {
            let features = final_norm(self.encoder, weights, &image.stream);
            let range = self.calibration.contains(&index);
            let range = range.then(|| Magnitudes::of(&image.stream, &features));
            let answer = (index < count).then(|| self.answer(image, features, centroids));
            (answer, range.unwrap_or_default())
        };
        let answered: Vec<_> = self.images.par_iter().enumerate().map(answer).collect();
        let range = answered.iter().map(|(_, range)| *range);
        let range = range.fold(Magnitudes::default(), Magnitudes::join);
        let mut ranges = self.ranges;
        ranges.push(range);
        let answers = answered.into_iter().filter_map(|(answer, _)| answer);
        (answers.collect(), ranges)
    }

    fn answer(
        &self,
        image: &Image<'_>,
        mut class: Vec<f32>,
        centroids: Option<&Centroids>,
    ) -> Answer {
        let dim = self.encoder.embed_dim as usize;
        let patches = class.split_off(self.encoder.prefix_tokens() as usize * dim);
        class.truncate(dim);
        let (tokens, margins) = match centroids {
            Some(centroids) if centroids.space == CodebookSpace::Pixels => {
                let cut = cut(self.encoder);
                let pixels = patches_of(self.level, &cut, self.preprocess, image.pixels);
                centroids.tokenize(self.level, &pixels)
            }
            Some(centroids) => centroids.tokenize(self.level, &patches),
            None => Default::default(),
        };
        Answer {
            class,
            patches,
            tokens,
            margins,
        }
    }

    /// The residual streams of the images that calibrate.
    pub(crate) fn calibration_streams(&self) -> impl Iterator<Item = &[f32]> {
        let images = self.images[self.calibration.clone()].iter();
        images.map(|image| image.stream.as_slice())
    }
}

/// How images are cut into patches.
fn cut(encoder: &EncoderConfig) -> patchify::Params {
    let [height, width] = encoder.image_size.map(|side| side as usize);
    patchify::Params {
        height,
        width,
        patch: encoder.patch_size as usize,
    }
}

/// An image's patches `[patches, patch_dim]`, normalised.
fn patches_of(
    level: Level,
    cut: &patchify::Params,
    preprocess: &Preprocess,
    pixels: &[u8],
) -> Vec<f32> {
    let mut input = vec![0.0; pixels.len()];
    normalize::cpu(level, pixels, preprocess.mean, preprocess.std, &mut input);
    let mut patches = vec![0.0; cut.patches() * cut.patch_dim()];
    patchify::cpu(cut, &input, 0, &mut patches);
    patches
}

/// Features of a residual stream `[tokens, embed_dim]` after the last block.
pub(crate) fn final_norm(
    encoder: &EncoderConfig,
    weights: &Weights<'_>,
    stream: &[f32],
) -> Vec<f32> {
    let [gain, offset] =
        [NormPart::Weight, NormPart::Bias].map(|part| weights.get(TensorRole::FinalNorm(part)));
    let params = layer_norm::Params {
        dim: encoder.embed_dim as usize,
        eps: encoder.layer_norm_eps,
    };
    let mut features = vec![0.0; stream.len()];
    layer_norm::cpu(
        Level::detect(),
        &params,
        stream,
        gain,
        offset,
        &mut features,
    );
    features
}

impl Centroids {
    /// A codebook's centroids.
    pub(crate) fn new(codebook: &FloatCodebook) -> Self {
        let (size, dim) = (codebook.size as usize, codebook.dim as usize);
        Self {
            space: codebook.space,
            params: nearest_centroid::Params {
                dim,
                centroids: size,
            },
            panels: panels(size, dim, &codebook.centroids),
        }
    }

    /// Tokens and margins of an image's patches, by their pixels or their features.
    fn tokenize(&self, level: Level, rows: &[f32]) -> (Vec<u32>, Vec<f32>) {
        let count = rows.len() / self.params.dim;
        let mut tokens = vec![0; count];
        let mut distances = vec![0.0; count * 2];
        nearest_centroid::cpu(
            level,
            &self.params,
            rows,
            nearest_centroid::Centroids::F32(&self.panels),
            &mut tokens,
            &mut distances,
        );
        let margins = distances.chunks_exact(2).map(|two| two[1] - two[0]);
        (tokens, margins.collect())
    }
}

/// A row-major matrix `[n, k]` in panels.
pub(crate) fn panels(n: usize, k: usize, matrix: &[f32]) -> Vec<f32> {
    let mut packed = vec![0.0; panel::len16(n, k)];
    panel::pack16(n, k, matrix, &mut packed);
    packed
}

#[cfg(test)]
mod tests {
    use super::{FloatRun, Taps};
    use crate::model::Weights;
    use crate::random_model::small;
    use crate::synthetic_golden;
    use std::collections::BTreeSet;

    const IMAGES: usize = 4;

    /// What goes into the first block, with about so many rows kept.
    fn first_taps(rows: usize) -> Taps {
        let model = small::plain(3);
        let preprocess = model.preprocess.resolve(model.encoder.image_size);
        let images = synthetic_golden(model.encoder.image_size, IMAGES, 1);
        let images: Vec<&[u8]> = images.iter().map(|image| &image.pixels[..]).collect();
        let weights = Weights::Lent(&model.weights);
        let calibration = (0..IMAGES, rows);
        let mut run = FloatRun::new(&model.encoder, &weights, &preprocess, &images, calibration);
        run.block(&weights, 0)
    }

    /// Else a layer is rounded for some columns of an image and not for others.
    #[test]
    fn rows_kept_for_calibration_come_from_every_token() {
        let (dim, tokens) = (
            small::SHAPE.embed_dim as usize,
            small::SHAPE.tokens() as usize,
        );
        let all = first_taps(IMAGES * tokens).qkv;
        // Every fourth token, of a grid four patches wide.
        let kept = first_taps(IMAGES * tokens.div_ceil(4)).qkv;
        assert!(
            kept.len() * 3 < all.len(),
            "{} of {}",
            kept.len(),
            all.len()
        );
        let token_of = |row: &[f32]| all.chunks_exact(dim).position(|other| other == row);
        let seen: BTreeSet<usize> = kept
            .chunks_exact(dim)
            .map(|row| token_of(row).unwrap() % tokens)
            .collect();
        assert_eq!(seen.len(), tokens, "{seen:?}");
    }
}
