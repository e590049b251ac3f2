//! What runs a plan.

use crate::plan::Plan;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use mimlet_format::Preprocess;
use mimlet_kernels::{Level, normalize};

/// Runs the plan it was made for, on an image or on several.
pub trait Backend: Send {
    /// What runs the steps, for people: `cpu avx512, 2 threads`.
    fn describe(&self) -> String;

    /// Runs every step on `image` (f32 `[3, height, width]`, normalised) and fills `encoding`, which
    /// has the plan's shape. On an error `encoding` is not to be used.
    ///
    /// # Errors
    /// [`BackendError`] when the device fails; never because of the image's values.
    fn run(&mut self, image: &[f32], encoding: &mut Encoding) -> Result<(), BackendError>;

    /// As [`Backend::run`], on u8 `[height, width, 3]`, which `preprocess` normalises; `input` has
    /// room for the normalised image.
    ///
    /// # Errors
    /// As [`Backend::run`].
    fn run_pixels(
        &mut self,
        pixels: &[u8],
        preprocess: &Preprocess,
        input: &mut [f32],
        encoding: &mut Encoding,
    ) -> Result<(), BackendError> {
        let Preprocess { mean, std, .. } = *preprocess;
        normalize::cpu(Level::detect(), pixels, mean, std, input);
        self.run(input, encoding)
    }

    /// As [`Backend::run`], on several images, and fills as many encodings. One after the other, unless a
    /// backend runs several at once; results are the same, but for rounding where it says so.
    ///
    /// # Errors
    /// As [`Backend::run`]; then none of the encodings is to be used.
    ///
    /// # Panics
    /// When there are not as many encodings as images.
    fn run_batch(
        &mut self,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), BackendError> {
        assert_eq!(images.len(), encodings.len());
        let mut each = images.iter().zip(encodings);
        each.try_for_each(|(image, encoding)| self.run(image, encoding))
    }

    /// How many images at once [`Backend::run_batch`] is best given, where there are many: 1 of a backend
    /// that gains nothing by several.
    fn images_at_once(&self) -> usize {
        1
    }

    /// Runs every step on `image` and says what each piece of work cost, in order. Empty from a
    /// backend whose steps are not apart.
    ///
    /// # Errors
    /// As [`Backend::run`].
    fn profile(&mut self, _image: &[f32]) -> Result<Vec<WorkCost>, BackendError> {
        Ok(Vec::new())
    }
}

/// What one piece of a run's work costs: a dispatch, or a copy between two of them.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkCost {
    /// The kernel, or `copy`.
    pub name: &'static str,
    /// Its constants, `rows 197, inputs 192`; empty for a copy.
    pub shape: String,
    /// Bytes of everything a GPU's dispatch binds; of a CPU's step, those of its tensors.
    pub bytes: u64,
    /// By the device's own clock, where it has one.
    pub ms: Option<f64>,
}

/// A device failed. The model and the image are not at fault: another backend can take over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{backend}: {reason}")]
pub struct BackendError {
    /// What failed, as [`Backend::describe`] names it.
    pub backend: String,
    /// What happened and what to do.
    pub reason: String,
}

/// What an encoder makes of an image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoding {
    /// The class feature after the final norm, `[embed_dim]`.
    pub class: Vec<f32>,
    /// The patch features after the final norm, `[patches, embed_dim]`.
    pub patches: Vec<f32>,
    /// The token of each patch, `[patches]`; empty without a codebook.
    pub tokens: Vec<u32>,
    /// How much farther the second-best centroid is than the best, `[patches]`, Euclidean; empty
    /// without a codebook.
    pub margins: Vec<f32>,
    /// Euclidean distance of each patch to its centroid, `[patches]`; empty without a codebook.
    pub distances: Vec<f32>,
}

impl Encoding {
    /// Zeros in a plan's shape.
    #[must_use]
    pub fn zeros(plan: &Plan) -> Self {
        let config = plan.config();
        let (dim, patches) = (config.embed_dim as usize, config.patches() as usize);
        let tokens = if plan.tokens().is_some() { patches } else { 0 };
        Self {
            class: vec![0.0; dim],
            patches: vec![0.0; patches * dim],
            tokens: vec![0; tokens],
            margins: vec![0.0; tokens],
            distances: vec![0.0; tokens],
        }
    }

    /// Whether it is of another's shape.
    pub(crate) fn is_shaped_as(&self, other: &Self) -> bool {
        let lengths = |e: &Self| {
            [
                e.class.len(),
                e.patches.len(),
                e.tokens.len(),
                e.margins.len(),
            ]
        };
        lengths(self) == lengths(other) && self.distances.len() == other.distances.len()
    }

    /// Fills the encoding from a plan's outputs: all rows of features `[tokens, embed_dim]`, and
    /// tokens `[patches]` with distances `[patches, 2]` when there is a codebook.
    ///
    /// # Panics
    /// When a slice is not of the encoding's shape.
    pub fn fill(&mut self, features: &[f32], tokens: Option<(&[u32], &[f32])>) {
        let prefix = (features.len() - self.patches.len()) / self.class.len();
        self.fill_rows(0, prefix, features);
        if let Some((tokens, distances)) = tokens {
            self.fill_tokens(0, tokens, distances);
        }
    }

    /// Fills the features of the tokens from `first` on; of the `prefix` tokens only the class is
    /// kept.
    pub(crate) fn fill_rows(&mut self, first: usize, prefix: usize, features: &[f32]) {
        let dim = self.class.len();
        if first == 0 {
            self.class.copy_from_slice(&features[..dim]);
        }
        let skipped = prefix.saturating_sub(first) * dim;
        if let Some(features) = features.get(skipped..) {
            let start = first.saturating_sub(prefix) * dim;
            self.patches[start..start + features.len()].copy_from_slice(features);
        }
    }

    /// Fills the tokens of the patches from `first` on, with distances `[patches, 2]`.
    pub(crate) fn fill_tokens(&mut self, first: usize, tokens: &[u32], distances: &[f32]) {
        self.tokens[first..first + tokens.len()].copy_from_slice(tokens);
        let margins = self.margins[first..].iter_mut();
        let nearest = self.distances[first..].iter_mut();
        for ((margin, nearest), distances) in margins.zip(nearest).zip(distances.chunks_exact(2)) {
            *margin = distances[1] - distances[0];
            *nearest = distances[0];
        }
    }
}
