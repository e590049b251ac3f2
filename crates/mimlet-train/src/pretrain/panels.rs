//! What the network makes of a few fixed images: a picture for people.
//!
//! A row an image: the image, what the encoder sees of it, what the decoder makes of the hidden
//! patches, and what it should have made of them.

use burn::tensor::{Device, Tensor};
use image::{Rgb, RgbImage};

use super::batch::HostBatch;
use super::look::{Tile, pixels, tile};
use super::step::on_device;
use super::targets::{HostTargets, Targets};
use crate::config::{Config, ModelConfig};
use crate::data::{Source, prepared};
use crate::error::TrainError;
use crate::masking::mask;
use crate::nn::mae::Mae;
use crate::nn::state::host_values;
use crate::patches::write_patches;

/// Images shown.
const ROWS: usize = 6;
/// Pixels a side that an image is shown with at least.
const SHOWN: usize = 128;
/// White pixels between images.
const GAP: usize = 6;
/// A hidden patch.
const HIDDEN: [u8; 3] = [190, 190, 190];
/// The epoch of the fixed masks: no run gets there.
const EPOCH: u64 = u64::MAX;

/// The images of a run's panels, with masks that never change.
#[derive(Debug)]
pub(crate) struct Panels {
    batch: HostBatch,
}

/// An image, patch by patch.
type Tiles = Vec<Tile>;

impl Panels {
    /// Images spread evenly over `source`.
    ///
    /// # Errors
    /// As [`prepared::for_each_block`].
    pub(crate) fn new(config: &Config, source: &dyn Source) -> Result<Self, TrainError> {
        let model = &config.model;
        let rows = ROWS.min(source.len());
        // A step off the even spacing, so that interleaved classes show more than one of them.
        let indices: Vec<usize> = (0..rows)
            .map(|row| (row * (source.len() / rows) + row) % source.len())
            .collect();
        let (visible, _) = config.visible_and_masked();
        let mut batch = HostBatch::default();
        prepared::for_each_block(source, model, &indices, ROWS, |block| {
            for ((image, &label), &index) in block.images().zip(&block.labels).zip(&block.indices) {
                let start = batch.patches.len();
                batch.patches.resize(start + image.len(), 0.0);
                write_patches(model, image, &mut batch.patches[start..]);
                batch.labels.push(label);
                let seed = config.train.seed;
                let mask = mask(seed, EPOCH, index as u64, model.patches(), visible);
                batch.visible.extend(mask.visible);
                batch.masked.extend(mask.masked);
            }
            Ok(())
        })?;
        Ok(Self { batch })
    }

    /// The picture of what `mae` makes of the images now.
    ///
    /// # Errors
    /// What the tokenizer reports.
    pub(crate) fn draw(
        &self,
        config: &Config,
        targets: &Targets,
        mae: &Mae,
        device: &Device,
    ) -> Result<RgbImage, TrainError> {
        let model = &config.model;
        let images = self.batch.len();
        let mut picture = Sheet::new(model, images);
        if images == 0 {
            return Ok(picture.canvas);
        }
        let outputs = mae.forward(on_device(config, &self.batch, device));
        let guesses = guesses(targets, outputs);
        let rows: Vec<usize> = (0..images * model.patches()).collect();
        let truth = targets.of_rows(model, &self.batch, &rows)?;
        let per_image = self.batch.masked.len() / images;
        for image in 0..images {
            let patches = self.patches(model, image);
            let whole: Tiles = patches.iter().map(|patch| pixels(model, patch)).collect();
            let right: Tiles = patches
                .iter()
                .enumerate()
                .map(|(at, patch)| {
                    let row = image * model.patches() + at;
                    tile(model, targets, &truth, row, patch)
                })
                .collect();
            let (mut seen, mut answer) = (whole.clone(), right.clone());
            let masked = &self.batch.masked[image * per_image..(image + 1) * per_image];
            for (hidden, &at) in masked.iter().enumerate() {
                let (row, at) = (image * per_image + hidden, at as usize);
                seen[at] = HIDDEN.repeat(model.patch_size.pow(2));
                answer[at] = tile(model, targets, &guesses, row, patches[at]);
            }
            for (column, tiles) in [&whole, &seen, &answer, &right].into_iter().enumerate() {
                picture.paste(model, [image, column], tiles);
            }
        }
        Ok(picture.canvas)
    }

    /// The normalised patches of one image.
    fn patches(&self, model: &ModelConfig, image: usize) -> Vec<&[f32]> {
        let width = model.patch_dim();
        let values = model.patches() * width;
        self.batch.patches[image * values..(image + 1) * values]
            .chunks_exact(width)
            .collect()
    }
}

/// Everything on white.
struct Sheet {
    canvas: RgbImage,
    zoom: usize,
}

impl Sheet {
    fn new(model: &ModelConfig, rows: usize) -> Self {
        let zoom = SHOWN.div_ceil(model.image_size);
        let pitch = model.image_size * zoom + GAP;
        let side = |count: usize| (count * pitch + GAP) as u32;
        Self {
            canvas: RgbImage::from_pixel(side(4), side(rows), Rgb([255; 3])),
            zoom,
        }
    }

    fn paste(&mut self, model: &ModelConfig, [row, column]: [usize; 2], tiles: &Tiles) {
        let (side, zoom) = (model.patch_size, self.zoom);
        let pitch = model.image_size * zoom + GAP;
        let grid = model.image_size / side;
        let [top, left] = [row * pitch + GAP, column * pitch + GAP];
        for y in 0..model.image_size * zoom {
            for x in 0..model.image_size * zoom {
                let (py, px) = (y / zoom, x / zoom);
                let tile = &tiles[py / side * grid + px / side];
                let at = (py % side * side + px % side) * 3;
                let colour = Rgb([tile[at], tile[at + 1], tile[at + 2]]);
                self.canvas
                    .put_pixel((left + x) as u32, (top + y) as u32, colour);
            }
        }
    }
}

/// The decoder's answers, on the host.
fn guesses(targets: &Targets, outputs: Tensor<2>) -> HostTargets {
    let [_, width] = outputs.dims();
    let values = host_values(outputs);
    match targets {
        Targets::Tokens(_) => HostTargets::Tokens(
            values
                .chunks_exact(width)
                .map(|row| {
                    let best = (0..width).fold(0, |a, b| if row[b] > row[a] { b } else { a });
                    best as u32
                })
                .collect(),
        ),
        Targets::Pixels => HostTargets::Pixels(values),
    }
}
