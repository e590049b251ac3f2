//! The plan: an encoder as data. Built once from a manifest, run by every backend.

mod build;
mod fold;
mod limits;
mod step;

use alloc::vec::Vec;
use mimlet_format::{CodebookSpace, EncoderConfig, Manifest, TensorRole};

pub use fold::FoldedStep;
pub use limits::DeviceLimits;
pub use step::Step;

/// Index of a buffer of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub(crate) usize);

impl BufferId {
    /// Position in [`Plan::buffers`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// A buffer that steps read and write: 32-bit words, floats unless a step says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferSpec {
    /// What it holds, for labels and errors.
    pub name: &'static str,
    /// Length in words.
    pub words: usize,
    /// What its rows belong to.
    pub per: Per,
    /// Words of one row.
    pub row_words: usize,
}

/// What a row of a buffer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// The image: the buffer has one row.
    Image,
    /// A token, prefix tokens included.
    Token,
    /// A patch.
    Patch,
}

impl BufferSpec {
    /// Length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.words as u64 * 4
    }
}

/// An encoder's steps in order, and the buffers they work on. No tensor or buffer is touched before
/// its size is known here, so whether a model fits a device is found without the device:
///
/// ```
/// use mimlet_runtime::{DeviceLimits, Plan};
///
/// # fn show(model: &mimlet_format::Model<'_>) -> Result<(), mimlet_runtime::PlanError> {
/// let plan = Plan::new(model.manifest())?;
/// println!("{} steps, {} bytes of buffers", plan.steps().len(), plan.activation_bytes());
/// plan.fits(&DeviceLimits { memory_bytes: Some(64 << 20), ..DeviceLimits::DOWNLEVEL })
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    config: EncoderConfig,
    buffers: Vec<BufferSpec>,
    steps: Vec<Step>,
    image: BufferId,
    features: BufferId,
    tokens: Option<(BufferId, BufferId)>,
    weight_bytes: u64,
    largest_bound_whole: (TensorRole, u64),
}

impl Plan {
    /// Plans the encoder of a manifest, and its tokens when it has a codebook.
    ///
    /// # Errors
    /// [`PlanError`] when a tensor the encoder needs is absent or of a type no step takes. A manifest
    /// from a parsed file always has a plan.
    pub fn new(manifest: &Manifest) -> Result<Self, PlanError> {
        build::plan(manifest)
    }

    /// Shape of the encoder.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The buffers; a [`BufferId`] indexes them.
    #[must_use]
    pub fn buffers(&self) -> &[BufferSpec] {
        &self.buffers
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where the input goes: f32 `[3, height, width]`, normalised.
    #[must_use]
    pub fn image(&self) -> BufferId {
        self.image
    }

    /// Where the features are afterwards: f32 `[tokens, embed_dim]`, the class token first, patches
    /// last.
    #[must_use]
    pub fn features(&self) -> BufferId {
        self.features
    }

    /// Where the tokens u32 `[patches]` are afterwards, and the distances f32 `[patches, 2]` to the
    /// best and second-best centroid; `None` without a codebook.
    #[must_use]
    pub fn tokens(&self) -> Option<(BufferId, BufferId)> {
        self.tokens
    }

    /// The buffers that hold results afterwards: [`Plan::features`], and those of [`Plan::tokens`].
    pub fn outputs(&self) -> impl Iterator<Item = BufferId> {
        let tokens = self.tokens.into_iter();
        let tokens = tokens.flat_map(|(tokens, distances)| [tokens, distances]);
        core::iter::once(self.features).chain(tokens)
    }

    /// Bytes of all buffers, for one image.
    #[must_use]
    pub fn activation_bytes(&self) -> u64 {
        self.buffers.iter().map(BufferSpec::bytes).sum()
    }

    /// Bytes of all weights the steps read, as stored in the file.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }
}

/// Why a manifest has no plan, or a plan does not fit a device.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A step needs a tensor that the manifest does not list.
    #[error("tensor {0} is missing: export the model again")]
    MissingTensor(TensorRole),
    /// A tensor is stored in a way that no step reads.
    #[error("tensor {0} is stored as {1}, which no kernel reads: export the model again")]
    UnsupportedStorage(TensorRole, &'static str),
    /// A buffer, a tensor, or the smallest part of one that can be bound, is larger than a device binds at
    /// once.
    #[error("{what} takes {needed} bytes, but the device binds at most {limit} at once")]
    BindingTooLarge {
        /// The buffer, the tensor or the part of it.
        what: alloc::string::String,
        /// Its bytes.
        needed: u64,
        /// The device's limit.
        limit: u64,
    },
    /// A step asks for more of something than a device has.
    #[error("step {step} needs {needed} {resource}, but the device has {limit}")]
    StepTooLarge {
        /// The op.
        step: &'static str,
        /// What there is too little of.
        resource: &'static str,
        /// What the step needs.
        needed: u64,
        /// What the device has.
        limit: u64,
    },
    /// Weights and buffers together exceed a device's memory.
    #[error("weights and buffers take {needed} bytes, but the device has {limit}")]
    OutOfMemory {
        /// Bytes of weights and buffers.
        needed: u64,
        /// Bytes of the device.
        limit: u64,
    },
}

/// What a codebook's centroids are compared with, as a plan's buffer.
pub(crate) fn rows_of(space: CodebookSpace, config: &EncoderConfig) -> (u32, u32) {
    match space {
        CodebookSpace::Pixels => (0, config.patch_dim()),
        CodebookSpace::Features => (config.prefix_tokens(), config.embed_dim),
    }
}
