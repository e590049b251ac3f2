//! The encoder: a model on a backend, with its input checked.

use crate::backend::{Backend, BackendError, Encoding, WorkCost};
use crate::cpu::CpuBackend;
use crate::plan::{Plan, PlanError};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use mimlet_format::{Model, Preprocess};
use mimlet_kernels::{Level, normalize};

/// A model on a backend. One encoder runs an image, or several, at a time; threads that encode at once each
/// take an encoder over the same [`Model`], whose weights they share.
///
/// ```
/// use mimlet_format::Model;
/// use mimlet_runtime::{Encoder, acceptance};
///
/// # fn show(bytes: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let model = Model::parse(bytes)?;
/// let mut encoder = Encoder::on_cpu(&model, 2)?;
/// let verdict = acceptance::run(&model, &mut encoder)?;
/// assert!(verdict.passed(), "{}: {:?}", verdict.backend, verdict.failures);
///
/// let [height, width] = model.manifest().encoder.image_size.map(|side| side as usize);
/// let grey = vec![0.0; 3 * height * width];
/// let encoding = encoder.encode(&grey)?;
/// println!("token {} of the first patch, margin {}", encoding.tokens[0], encoding.margins[0]);
/// # Ok(())
/// # }
/// ```
pub struct Encoder<'m> {
    preprocess: Preprocess,
    backend: Box<dyn Backend + 'm>,
    input: Vec<f32>,
    /// Of several images given as pixels; empty until there are some.
    inputs: Vec<f32>,
    encoding: Encoding,
}

impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("backend", &self.describe())
            .finish_non_exhaustive()
    }
}

/// Why an image was not encoded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The input has another size than the model's.
    #[error("the model takes {expected} values per image, not {actual}: resize and crop first")]
    WrongLength {
        /// Values the model takes.
        expected: usize,
        /// Values given.
        actual: usize,
    },
    /// The input has a NaN or an infinity.
    #[error("value {0} of the input is not finite")]
    NotFinite(usize),
    /// The device failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl<'m> Encoder<'m> {
    /// A model on the CPU, on `threads` threads (at least 1; without `std` always 1): the caller's, and
    /// others that sleep between images. On Linux those keep off the core that the caller runs on, if there
    /// are others enough for them; the caller's own is left alone.
    ///
    /// # Errors
    /// [`PlanError`]: never for a parsed model.
    pub fn on_cpu(model: &Model<'m>, threads: usize) -> Result<Self, PlanError> {
        let plan = Plan::new(model.manifest())?;
        let backend = CpuBackend::new(model, &plan, Level::detect(), threads)?;
        Ok(Self::new(model, &plan, Box::new(backend)))
    }

    /// A model on a backend made for its plan.
    #[must_use]
    pub fn new(model: &Model<'m>, plan: &Plan, backend: Box<dyn Backend + 'm>) -> Self {
        Self {
            preprocess: model.manifest().preprocess.clone(),
            backend,
            input: vec![0.0; plan.buffers()[plan.image().index()].words],
            inputs: Vec::new(),
            encoding: Encoding::zeros(plan),
        }
    }

    /// What runs the steps.
    #[must_use]
    pub fn describe(&self) -> String {
        self.backend.describe()
    }

    /// What the last image was encoded to; zeros before the first.
    #[must_use]
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// Encodes an image: f32 `[3, height, width]`, normalised as the model's preprocessing says.
    ///
    /// # Errors
    /// [`EncodeError`]; the previous encoding is lost then.
    pub fn encode(&mut self, image: &[f32]) -> Result<&Encoding, EncodeError> {
        self.check(image)?;
        self.backend.run(image, &mut self.encoding)?;
        Ok(&self.encoding)
    }

    /// Encodes several images, as [`Encoder::encode`] takes them, into as many encodings, which become of
    /// the model's shape: a GPU runs them [together](Backend::run_batch), another backend one after the other.
    /// [`Encoder::encoding`] stays what it was.
    ///
    /// # Errors
    /// [`EncodeError`]; which encodings are filled then is not said.
    ///
    /// # Panics
    /// When there are not as many encodings as images.
    pub fn encode_batch(
        &mut self,
        images: &[&[f32]],
        encodings: &mut [Encoding],
    ) -> Result<(), EncodeError> {
        images.iter().try_for_each(|image| self.check(image))?;
        self.shape(encodings);
        Ok(self.backend.run_batch(images, encodings)?)
    }

    /// As [`Encoder::encode_batch`], of images as [`Encoder::encode_pixels`] takes them.
    ///
    /// # Errors
    /// As [`Encoder::encode_batch`].
    ///
    /// # Panics
    /// As [`Encoder::encode_batch`].
    pub fn encode_pixels_batch(
        &mut self,
        images: &[&[u8]],
        encodings: &mut [Encoding],
    ) -> Result<(), EncodeError> {
        let len = self.input.len();
        images.iter().try_for_each(|i| self.check_length(i.len()))?;
        self.shape(encodings);
        if self.inputs.len() < images.len() * len {
            self.inputs.resize(images.len() * len, 0.0);
        }
        let Preprocess { mean, std, .. } = self.preprocess;
        for (pixels, input) in images.iter().zip(self.inputs.chunks_exact_mut(len)) {
            normalize::cpu(Level::detect(), pixels, mean, std, input);
        }
        let inputs = self.inputs.chunks_exact(len).take(images.len());
        let inputs: Vec<&[f32]> = inputs.collect();
        Ok(self.backend.run_batch(&inputs, encodings)?)
    }

    /// How many images at once are [best](Backend::images_at_once), where there are many.
    #[must_use]
    pub fn images_at_once(&self) -> usize {
        self.backend.images_at_once()
    }

    fn check(&self, image: &[f32]) -> Result<(), EncodeError> {
        self.check_length(image.len())?;
        match image.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(EncodeError::NotFinite(index)),
            None => Ok(()),
        }
    }

    fn check_length(&self, actual: usize) -> Result<(), EncodeError> {
        let expected = self.input.len();
        match actual == expected {
            true => Ok(()),
            false => Err(EncodeError::WrongLength { expected, actual }),
        }
    }

    /// Gives encodings that are of another shape the model's.
    fn shape(&self, encodings: &mut [Encoding]) {
        let other = encodings
            .iter_mut()
            .filter(|e| !e.is_shaped_as(&self.encoding));
        other.for_each(|encoding| encoding.clone_from(&self.encoding));
    }

    /// Encodes a grey image and says what each piece of work cost: see [`Backend::profile`].
    ///
    /// # Errors
    /// [`BackendError`] when the device fails.
    pub fn profile(&mut self) -> Result<Vec<WorkCost>, BackendError> {
        self.input.fill(0.0);
        self.backend.profile(&self.input)
    }

    /// Encodes an image of the model's size: u8 `[height, width, 3]`.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn encode_pixels(&mut self, pixels: &[u8]) -> Result<&Encoding, EncodeError> {
        self.check_length(pixels.len())?;
        let Self {
            preprocess,
            backend,
            input,
            encoding,
            ..
        } = self;
        backend.run_pixels(pixels, preprocess, input, encoding)?;
        Ok(&self.encoding)
    }
}
