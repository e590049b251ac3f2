//! Two models run on the same images.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use mimlet_format::{Model, TensorRole};
use mimlet_image::{FileProblem, Folder, ImageError, Preprocessor, images_in};
use mimlet_runtime::acceptance::golden_images;
use mimlet_runtime::{Encoder, Encoding};
use serde::Serialize;

use super::tensors::Distance;
use crate::error::Error;
use crate::progress::Progress;

/// How far apart two models' outputs are.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outputs {
    /// `golden images of A`, or the folder.
    pub(super) images_of: String,
    pub(super) images: usize,
    /// Cosine between the class features.
    pub(super) class_cosine: Cosines,
    /// Cosine between the features of each patch; `None` when the grids differ.
    pub(super) patch_cosine: Option<Cosines>,
    /// `None` when a model has no codebook, or the codebooks or grids are not alike.
    pub(super) tokens: Option<Tokens>,
}

/// Cosines between pairs of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Cosines {
    /// NaN when a feature was.
    pub(super) min: f64,
    pub(super) median: f64,
}

/// Tokens of the same patches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Tokens {
    /// Share that is equal, 0..1.
    pub(super) agreement: f64,
    /// Flips where A's margin is one that rounding may overturn.
    pub(super) near_tie_flips: u32,
    /// Flips where it is not.
    pub(super) wide_margin_flips: u32,
    /// The margin between the two: the wider of those that the files themselves call wide.
    pub(super) wide_margin: f32,
    /// Whether both have the same centroids; otherwise a token may name other things in each.
    pub(super) same_codebook: bool,
}

/// What both models can be run on.
#[derive(Debug)]
pub(super) enum Run {
    /// A's golden images.
    Golden,
    /// Photos, each prepared as its model says.
    Photos(String, Vec<PathBuf>),
}

impl Run {
    /// Finds images for both, or says why their outputs cannot be compared.
    ///
    /// # Errors
    /// What is wrong with the folder.
    pub(super) fn new(
        a: &Model<'_>,
        b: &Model<'_>,
        data: Option<&Path>,
    ) -> Result<Result<Self, String>, Error> {
        let [of_a, of_b] = [a, b].map(|model| &model.manifest().encoder);
        if of_a.embed_dim != of_b.embed_dim {
            return Ok(Err(format!(
                "features are {} wide in A, {} in B",
                of_a.embed_dim, of_b.embed_dim
            )));
        }
        if let Some(folder) = data {
            let photos = photos(folder)?;
            return Ok(Ok(Self::Photos(folder.display().to_string(), photos)));
        }
        let ([height, width], [height_b, width_b]) = (of_a.image_size, of_b.image_size);
        if [height, width] != [height_b, width_b] {
            return Ok(Err(format!(
                "A takes {width} x {height} pixels, B {width_b} x {height_b}; give photos with --data"
            )));
        }
        Ok(Ok(Self::Golden))
    }

    /// Runs both on the CPU.
    ///
    /// # Errors
    /// A photo that cannot be read.
    pub(super) fn compare(&self, a: &Model<'_>, b: &Model<'_>) -> Result<Outputs, Error> {
        let threads = available_parallelism().map_or(1, usize::from);
        let mut encoders = [Encoder::on_cpu(a, threads)?, Encoder::on_cpu(b, threads)?];
        let mut tally = Tally::new(a, b);
        match self {
            Self::Golden => {
                let images = golden_images(a);
                let progress = Progress::new(images.len(), "running both models");
                for pixels in images {
                    let [first, second] = &mut encoders;
                    tally.add(first.encode_pixels(pixels)?, second.encode_pixels(pixels)?);
                    progress.step();
                }
            }
            Self::Photos(_, photos) => {
                let preprocessor = |model: &Model<'_>| {
                    let manifest = model.manifest();
                    Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size)
                };
                let [for_a, for_b] = [preprocessor(a)?, preprocessor(b)?];
                let progress = Progress::new(photos.len(), "running both models");
                for path in photos {
                    let [first, second] = &mut encoders;
                    let (image_a, image_b) = (for_a.prepare(path)?, for_b.prepare(path)?);
                    tally.add(
                        first.encode(&image_a.input)?,
                        second.encode(&image_b.input)?,
                    );
                    progress.step();
                }
            }
        }
        Ok(tally.outputs(match self {
            Self::Golden => "golden images of A".to_string(),
            Self::Photos(folder, _) => folder.clone(),
        }))
    }
}

/// The photos of a folder, in class folders or not.
fn photos(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    match Folder::open(folder) {
        Ok(found) => Ok(found.images.into_iter().map(|(path, _)| path).collect()),
        Err(ImageError::File {
            problem: FileProblem::NoClasses,
            ..
        }) => Ok(images_in(folder)?),
        Err(error) => Err(error.into()),
    }
}

/// What has been seen so far.
struct Tally {
    dim: usize,
    wide_margin: f32,
    same_grid: bool,
    /// `None` when tokens cannot be compared, else whether the centroids are the same.
    codebook: Option<bool>,
    images: usize,
    class: Vec<f64>,
    patches: Vec<f64>,
    tokens: u32,
    near_tie_flips: u32,
    wide_margin_flips: u32,
}

impl Tally {
    fn new(a: &Model<'_>, b: &Model<'_>) -> Self {
        let [of_a, of_b] = [a, b].map(Model::manifest);
        let same_grid = of_a.encoder.grid() == of_b.encoder.grid();
        let alike = of_a.codebook.is_some() && of_a.codebook == of_b.codebook && same_grid;
        let centroids = |model: &Model<'_>| {
            let tensor = model.tensor(TensorRole::Centroids);
            tensor.map(|tensor| tensor.bytes.to_vec())
        };
        let wide_margin = of_a.acceptance.thresholds.wide_margin;
        Self {
            dim: of_a.encoder.embed_dim as usize,
            wide_margin: wide_margin.max(of_b.acceptance.thresholds.wide_margin),
            same_grid,
            codebook: alike.then(|| centroids(a) == centroids(b)),
            images: 0,
            class: Vec::new(),
            patches: Vec::new(),
            tokens: 0,
            near_tie_flips: 0,
            wide_margin_flips: 0,
        }
    }

    fn add(&mut self, a: &Encoding, b: &Encoding) {
        self.images += 1;
        self.class
            .push(Distance::between(&a.class, &b.class).cosine());
        if self.same_grid {
            let rows = a.patches.chunks_exact(self.dim);
            let pairs = rows.zip(b.patches.chunks_exact(self.dim));
            self.patches
                .extend(pairs.map(|(a, b)| Distance::between(a, b).cosine()));
        }
        if self.codebook.is_none() {
            return;
        }
        for ((token, other), &margin) in a.tokens.iter().zip(&b.tokens).zip(&a.margins) {
            self.tokens += 1;
            if token == other {
                continue;
            }
            if margin < self.wide_margin {
                self.near_tie_flips += 1;
            } else {
                self.wide_margin_flips += 1;
            }
        }
    }

    fn outputs(self, images_of: String) -> Outputs {
        let flips = self.near_tie_flips + self.wide_margin_flips;
        Outputs {
            images_of,
            images: self.images,
            class_cosine: Cosines::of(self.class),
            patch_cosine: self.same_grid.then(|| Cosines::of(self.patches)),
            tokens: self.codebook.map(|same_codebook| Tokens {
                agreement: 1.0 - f64::from(flips) / f64::from(self.tokens.max(1)),
                near_tie_flips: self.near_tie_flips,
                wide_margin_flips: self.wide_margin_flips,
                wide_margin: self.wide_margin,
                same_codebook,
            }),
        }
    }
}

impl Cosines {
    fn of(mut cosines: Vec<f64>) -> Self {
        if cosines.iter().any(|cosine| cosine.is_nan()) || cosines.is_empty() {
            return Self {
                min: f64::NAN,
                median: f64::NAN,
            };
        }
        cosines.sort_by(f64::total_cmp);
        Self {
            min: cosines[0],
            median: cosines[(cosines.len() - 1) / 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cosines;

    #[test]
    fn a_nan_is_the_minimum() {
        let found = Cosines::of(vec![0.9, 0.5, 0.7]);
        assert_eq!((found.min, found.median), (0.5, 0.7));
        assert!(Cosines::of(vec![0.9, f64::NAN]).min.is_nan());
    }
}
