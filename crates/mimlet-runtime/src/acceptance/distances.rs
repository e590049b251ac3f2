//! Whether the distances that a backend gives are those of its own features: the file keeps golden tokens,
//! and a token can be right where the distances beside it are not.

use crate::backend::Encoding;
use crate::tokenizer::Tokenizer;
use alloc::vec;
use alloc::vec::Vec;
use mimlet_format::{CodebookSpace, Manifest, Model};
use mimlet_kernels::{Level, normalize, patchify};

/// Computes distances again, on the CPU.
#[derive(Debug)]
pub(super) struct Distances<'m> {
    tokenizer: Tokenizer<'m>,
    /// The nearest centroid's and the next one's, `[patches, 2]`.
    found: Vec<f32>,
    tokens: Vec<u32>,
    /// Patches so far whose distances are others.
    wrong: u32,
}

impl<'m> Distances<'m> {
    /// `None` without a codebook.
    pub(super) fn new(model: &Model<'m>) -> Option<Self> {
        let patches = model.manifest().encoder.patches() as usize;
        Some(Self {
            tokenizer: Tokenizer::new(model)?,
            found: vec![0.0; 2 * patches],
            tokens: vec![0; patches],
            wrong: 0,
        })
    }

    /// Looks at the encoding of an image, u8 `[height, width, 3]`.
    pub(super) fn add(&mut self, manifest: &Manifest, image: &[u8], encoding: &Encoding) {
        let codebook = self.tokenizer.codebook();
        let dim = codebook.dim as usize;
        let cut;
        let rows = match codebook.space {
            CodebookSpace::Features => &encoding.patches,
            CodebookSpace::Pixels => {
                cut = patches(manifest, image);
                &cut
            }
        };
        let (tokens, found) = (&mut self.tokens, &mut self.found);
        self.tokenizer.tokenize(rows, tokens, found);
        let given = encoding.distances.iter().zip(&encoding.margins);
        let found = self.found.chunks_exact(2).zip(rows.chunks_exact(dim));
        for ((&distance, &margin), (found, row)) in given.zip(found) {
            let allowed = rounding(row, found[1]);
            let near = |given: f32, found: f32| (given - found).abs() <= allowed;
            // NaN is near nothing.
            let right = near(distance, found[0]) && near(margin, found[1] - found[0]);
            self.wrong += u32::from(!right);
        }
    }

    /// Patches whose distances were others.
    pub(super) fn wrong(&self) -> u32 {
        self.wrong
    }
}

/// By how much two sound computations of a row's distances may differ: an f32 sum of `dim` squares is off by
/// a share of `dim 2^-24`, and a centroid's values, which are no larger than the row and the distance
/// together, by `2^-24` each. Twice, as there are two, and twice for margins of two distances.
fn rounding(row: &[f32], farthest: f32) -> f32 {
    let squares: f32 = row.iter().map(|value| value * value).sum();
    let size = libm::sqrtf(squares) + farthest;
    // `f32::EPSILON` is 2^-23.
    (row.len() + 8) as f32 * 2.0 * f32::EPSILON * size
}

/// The patches of an image, `[patches, 3 * patch_size^2]`.
fn patches(manifest: &Manifest, image: &[u8]) -> Vec<f32> {
    let (encoder, preprocess) = (&manifest.encoder, &manifest.preprocess);
    let mut input = vec![0.0; image.len()];
    let (mean, std) = (preprocess.mean, preprocess.std);
    normalize::cpu(Level::detect(), image, mean, std, &mut input);
    let [height, width] = encoder.image_size.map(|side| side as usize);
    let params = patchify::Params {
        height,
        width,
        patch: encoder.patch_size as usize,
    };
    let mut patches = vec![0.0; encoder.patches() as usize * encoder.patch_dim() as usize];
    patchify::cpu(&params, &input, 0, &mut patches);
    patches
}
