//! Images at the model's size, as a device would see them: resized and centre-cropped.

use mimlet_format::{Preprocess, Resample};
use mimlet_image::Preprocessor;

use super::prefetch::{Ahead, ordered};
use super::{Source, faults};
use crate::config::ModelConfig;
use crate::error::TrainError;

/// Some images at the model's size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// Which images of the source.
    pub indices: Vec<usize>,
    /// Their classes.
    pub labels: Vec<u32>,
    /// u8 `[images, image_size, image_size, 3]`.
    pub pixels: Vec<u8>,
}

impl Block {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    fn append(&mut self, piece: Self) {
        self.indices.extend(piece.indices);
        self.labels.extend(piece.labels);
        self.pixels.extend(piece.pixels);
    }

    /// Each image's pixels, u8 `[image_size, image_size, 3]`.
    pub fn images(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.pixels.len() / self.len().max(1);
        self.pixels.chunks_exact(bytes.max(1))
    }
}

/// Images a worker reads at a time: enough that handing them over costs nothing beside it.
const PIECE: usize = 16;

/// What prepares images for `model` on a device, and here alike.
pub(crate) fn preprocessor(model: &ModelConfig) -> Result<Preprocessor, TrainError> {
    let preprocess = Preprocess {
        resize_short_side: model.resize as u32,
        resample: Resample::Bicubic,
        mean: model.mean,
        std: model.std,
    };
    Ok(Preprocessor::new(
        &preprocess,
        [model.image_size as u32; 2],
    )?)
}

/// Gives the images of `indices`, resized and cropped as `model` says by the code that prepares
/// images on a device, to `visit` in order, `block` at a time. Bad images that are tolerated are
/// left out, so a block may be shorter; there is no empty one.
///
/// Threads of their own read ahead while `visit` is at work.
///
/// # Errors
/// What reading an image or `visit` reports.
pub fn for_each_block(
    source: &dyn Source,
    model: &ModelConfig,
    indices: &[usize],
    block: usize,
    mut visit: impl FnMut(Block) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let preprocessor = preprocessor(model)?;
    let block = block.max(1);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let ahead = Ahead {
        workers,
        tasks: 2 * workers + block.div_ceil(PIECE),
    };
    // Pieces never cross a block's border.
    let pieces = indices.chunks(block).flat_map(|block| {
        let count = block.len().div_ceil(PIECE);
        let pieces = block.chunks(PIECE).enumerate();
        pieces.map(move |(at, piece)| (piece, at + 1 == count))
    });
    let make = |(piece, last): (&[usize], bool)| {
        let piece = read_piece(source, &preprocessor, piece)?;
        Ok((piece, last))
    };
    ordered(pieces, ahead, make, |pieces| {
        let mut full = Block::default();
        for piece in pieces {
            let (piece, last) = piece?;
            full.append(piece);
            if last && !full.is_empty() {
                visit(std::mem::take(&mut full))?;
            }
        }
        Ok(())
    })
}

/// A few images, prepared.
fn read_piece(
    source: &dyn Source,
    preprocessor: &Preprocessor,
    indices: &[usize],
) -> Result<Block, TrainError> {
    let mut piece = Block::default();
    for &index in indices {
        if let Some(image) = faults::read(source, index)? {
            let view = preprocessor.resize_and_crop(&image);
            piece.indices.push(index);
            piece.labels.push(source.label(index));
            piece.pixels.extend_from_slice(view.pixels());
        }
    }
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageSet, Tolerant};
    use crate::pretrain::tiny;

    /// Forty images of 2 x 1 pixels, whose values say which they are.
    fn set() -> ImageSet {
        let pixels = (0..40).flat_map(|index| [index; 6]).collect();
        let labels = (0..40).map(|index| index % 4).collect();
        let names = ["a", "b", "c", "d"].map(String::from).to_vec();
        ImageSet::new([1, 2], pixels, labels, names).unwrap()
    }

    #[test]
    fn blocks_hold_the_asked_images_in_order() {
        let model = tiny::config().model;
        let indices: Vec<usize> = (0..40).rev().chain([7, 7]).collect();
        for (block, lengths) in [(17, vec![17, 17, 8]), (42, vec![42]), (0, vec![1; 42])] {
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            for_each_block(&set(), &model, &indices, block, |block| {
                assert_eq!(block.images().count(), block.len());
                for (image, (&index, &label)) in
                    block.images().zip(block.indices.iter().zip(&block.labels))
                {
                    assert_eq!(image, [index as u8; 64 * 64 * 3]);
                    assert_eq!(label, index as u32 % 4);
                }
                found.push(block.len());
                seen.extend(block.indices);
                Ok(())
            })
            .unwrap();
            assert_eq!((found, &seen), (lengths, &indices));
        }
    }

    #[test]
    fn what_visit_reports_ends_it() {
        let model = tiny::config().model;
        let indices: Vec<usize> = (0..40).collect();
        let mut visits = 0;
        let outcome = for_each_block(&set(), &model, &indices, 4, |_| {
            visits += 1;
            Err(TrainError::Config("enough".into()))
        });
        assert!(outcome.is_err_and(|error| error.to_string().contains("enough")));
        assert_eq!(visits, 1);
    }

    #[test]
    fn bad_images_are_left_out_and_no_block_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        for name in 0..8 {
            let path = folder.path().join(format!("a/{name}.png"));
            if name == 2 || name == 3 || name == 5 {
                std::fs::write(&path, b"torn").unwrap();
            } else {
                image::RgbImage::new(4, 4).save(&path).unwrap();
            }
        }
        let source = crate::data::FolderSource::open(folder.path()).unwrap();
        let source = Tolerant::new(Box::new(source), Some(3));
        let mut seen = Vec::new();
        let indices: Vec<usize> = (0..8).collect();
        for_each_block(&source, &tiny::config().model, &indices, 2, |block| {
            seen.push(block.indices);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [vec![0, 1], vec![4], vec![6, 7]]);
        assert_eq!(source.faults().count(), 3);
    }
}
