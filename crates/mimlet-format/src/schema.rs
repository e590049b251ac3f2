//! The manifest's types: what a `.mim` file says about itself, in the order it says it.
//!
//! Field and variant order is the wire format (postcard): append variants, never reorder.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Everything in the file but the tensors' bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Shape of the encoder.
    pub encoder: EncoderConfig,
    /// How a photo becomes the encoder's input.
    pub preprocess: Preprocess,
    /// The codebook's shape and space; its centroids are the tensor [`TensorRole::Centroids`].
    pub codebook: Option<Codebook>,
    /// The test that every device runs before its results are believed.
    pub acceptance: AcceptanceTest,
    /// Where the file comes from.
    pub provenance: Provenance,
    /// How large numbers became on the calibration images, layer by layer; empty when unknown.
    pub ranges: Vec<ActivationRange>,
    /// What tokens look like where nothing is amiss; `None` without a codebook or when unknown.
    pub drift: Option<DriftReference>,
    /// The tensors, in file order.
    pub tensors: Vec<TensorEntry>,
}

/// Shape of a pre-norm ViT encoder (Dosovitskiy et al. 2021, arXiv 2010.11929).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Input height and width, pixels.
    pub image_size: [u32; 2],
    /// Side of a square patch, pixels.
    pub patch_size: u32,
    /// Width of the residual stream.
    pub embed_dim: u32,
    /// Number of blocks.
    pub depth: u32,
    /// Attention heads per block.
    pub num_heads: u32,
    /// Width of the MLP's hidden layer.
    pub mlp_dim: u32,
    /// Register tokens between the class token and the patches.
    pub register_tokens: u32,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f32,
    /// The MLP's activation.
    pub activation: Activation,
}

impl EncoderConfig {
    /// Colour channels of the input: red, green, blue.
    pub const CHANNELS: u32 = 3;

    /// Patches along height and width.
    pub fn grid(&self) -> [u32; 2] {
        self.image_size.map(|side| side / self.patch_size)
    }

    /// Patches per image.
    pub fn patches(&self) -> u32 {
        let [rows, columns] = self.grid();
        rows * columns
    }

    /// Tokens before the first patch: the class token and the registers.
    pub fn prefix_tokens(&self) -> u32 {
        1 + self.register_tokens
    }

    /// Rows of the residual stream: prefix tokens and patches.
    pub fn tokens(&self) -> u32 {
        self.prefix_tokens() + self.patches()
    }

    /// Values in one patch, all channels.
    pub fn patch_dim(&self) -> u32 {
        Self::CHANNELS * self.patch_size * self.patch_size
    }

    /// Width of one attention head.
    pub fn head_dim(&self) -> u32 {
        self.embed_dim / self.num_heads
    }
}

/// The MLP's non-linearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// `x * Phi(x)` with the exact error function (Hendrycks and Gimpel 2016, arXiv 1606.08415).
    Gelu,
}

/// Photo to input: resize the short side, crop the centre, scale to 0..1, subtract, divide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Short side after the resize, pixels; the crop is [`EncoderConfig::image_size`].
    pub resize_short_side: u32,
    /// Interpolation of the resize.
    pub resample: Resample,
    /// Per-channel mean, in units of 0..1.
    pub mean: [f32; 3],
    /// Per-channel standard deviation, in units of 0..1.
    pub std: [f32; 3],
}

/// Interpolation of a resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resample {
    /// Antialiased bicubic with a = -0.5 on u8, as Pillow's `BICUBIC`.
    Bicubic,
}

/// A k-means codebook: one discrete token per centroid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Codebook {
    /// Number of centroids K.
    pub size: u32,
    /// Width of a centroid.
    pub dim: u32,
    /// What the centroids are compared with.
    pub space: CodebookSpace,
    /// How nearness is measured.
    pub distance: Distance,
}

/// What a codebook's centroids live in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodebookSpace {
    /// Normalised pixels of a patch, stored (channel, row, column).
    Pixels,
    /// The encoder's patch features after the final norm.
    Features,
}

/// How a codebook measures nearness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Distance {
    /// `||x - c||`.
    Euclidean,
}

/// The test inside the file: golden images, the float model's answers, and what to hold to them.
/// The arrays are tensors with the role [`TensorRole::Golden`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcceptanceTest {
    /// Number of golden images, at least 1.
    pub images: u32,
    /// Class of each golden image; empty when unknown.
    pub labels: Vec<u32>,
    /// Names of the classes the labels point into; empty when unknown.
    pub class_names: Vec<String>,
    /// What a run must reach.
    pub thresholds: Thresholds,
    /// How near a run must come to what this very file answered where it was written; `None` when it
    /// was not run there.
    pub own: Option<OwnAnswers>,
}

/// The answers of the file itself, as it is quantised, beside those of the float model: a device may
/// be as far from the float model as quantisation takes it and still be wrong. Only their mean is kept,
/// the tensor [`GoldenTensor::OwnMeanFeature`]: rounding in another order moves each feature elsewhere,
/// a fault moves all of them alike, and a mean shows the one and not the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnAnswers {
    /// Largest distance of a device's mean patch feature over the golden images from the file's own, as
    /// a share of the root mean square of the golden patch features' norms. NaN never passes.
    pub max_deviation: f32,
}

/// What tokens and their distances look like on the images a model was exported with, and the bounds
/// that windows of such images keep but for one in ten thousand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftReference {
    /// Images the figures are of.
    pub images: u32,
    /// Images of a window.
    pub window: u32,
    /// How often each token occurred, `[size]` of the codebook.
    pub token_counts: Vec<u32>,
    /// Highest Jensen-Shannon divergence of a window's tokens from `token_counts`, bits, 0..1.
    pub max_divergence: f32,
    /// Lowest and highest perplexity of a window's tokens.
    pub perplexity: [f32; 2],
    /// Lowest and highest median over a window of an image's mean distance to its nearest centroids.
    pub median_distance: [f32; 2],
    /// The same of the 90th percentile.
    pub high_distance: [f32; 2],
}

/// What a run of the acceptance test must reach. NaN never passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Lowest cosine between any token's feature vector and its golden one.
    pub min_cosine: f32,
    /// Lowest share of patches whose token equals the golden one, 0..1.
    pub min_token_agreement: f32,
    /// A golden margin (Euclidean, second-best minus best distance) from which a flip is a fault
    /// rather than a near-tie.
    pub wide_margin: f32,
    /// Flips allowed at or above the wide margin.
    pub max_wide_margin_flips: u32,
    /// Highest TCAS over the golden images; `None` without labels or codebook.
    pub max_tcas: Option<f64>,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Model name, for people.
    pub name: String,
    /// Program and version that wrote the file.
    pub producer: String,
    /// File name of the checkpoint, or the command that made the weights.
    pub source: String,
    /// BLAKE3 of the checkpoint's bytes; zeros when there was none.
    pub source_hash: [u8; 32],
    /// How the weights were quantised.
    pub scheme: Scheme,
    /// Licence of the weights, as the checkpoint states it.
    pub licence: Option<String>,
}

/// How the four linear layers of each block are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Signed bytes with one scale per output channel; activations are quantised per row.
    Int8,
    /// Signed 4-bit integers with one scale per output channel and group of inputs; activations as
    /// for [`Int8`](Self::Int8).
    Int4,
    /// More than one of the others, chosen layer by layer.
    Mixed,
}

/// How large numbers became around one layer when the float model ran on the calibration images:
/// whether a device that computes in f16, which ends at 65,504, could overflow there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivationRange {
    /// The layer, by its weight: the patch embedding, a norm or a linear layer.
    pub role: TensorRole,
    /// Largest magnitude of a value that goes into the layer.
    pub max_input: f32,
    /// Largest magnitude of a value that comes out of it, its bias added.
    pub max_output: f32,
}

/// One tensor: what it is, how it is stored, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorEntry {
    /// What the tensor is for.
    pub role: TensorRole,
    /// Element type.
    pub dtype: DType,
    /// Order of the elements.
    pub layout: Layout,
    /// Logical shape, before any padding the layout adds.
    pub shape: Vec<u32>,
    /// First byte, from the start of the file; a multiple of 64.
    pub offset: u64,
    /// Bytes stored, layout padding included, section padding not.
    pub length: u64,
}

/// Element types. All are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// Signed byte.
    I8,
    /// Unsigned byte.
    U8,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 4-bit integer in two's complement, -8 to 7: element `e` is in byte `e / 2`, in its
    /// low half when `e` is even.
    I4,
}

impl DType {
    /// Bits per element.
    pub const fn bits(self) -> u64 {
        match self {
            Self::F32 | Self::U32 => 32,
            Self::F16 => 16,
            Self::I8 | Self::U8 => 8,
            Self::I4 => 4,
        }
    }
}

/// Order of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layout {
    /// Last axis fastest, no padding.
    RowMajor,
    /// A matrix `[n, k]` as `[ceil(n/16)][k][16]`: sixteen rows side by side for each column, so a
    /// matrix product reads it front to back. Missing rows are zero.
    Panel16,
    /// A matrix `[n, k]` as `[ceil(n/16)][ceil(k/4)][16][4]`: as `Panel16`, with four columns of a
    /// row together for four-way byte dot products. Missing rows and columns are zero.
    Panel16x4,
    /// A matrix `[n, k]` as `[ceil(n/16)][ceil(k/8)][16][4][2]`: two neighbouring column quads of
    /// `Panel16x4`, interleaved. In 4-bit integers, the low halves of its bytes are the first quad
    /// of `Panel16x4` and the high halves the second. Missing rows and columns are zero.
    Panel16x8,
}

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TensorRole {
    /// `[embed_dim, patch_dim]`, a patch flattened (channel, row, column): f32 or f16 in `Panel16`.
    PatchEmbedWeight,
    /// `[tokens, embed_dim]`, f32: what each row of the residual stream starts from. The class token and
    /// registers with their positions, then each patch position plus the patch embedding's bias.
    TokenTable,
    /// A tensor of one block.
    Block {
        /// Index of the block, from 0.
        layer: u32,
        /// Which of the block's tensors.
        tensor: BlockTensor,
    },
    /// The norm after the last block.
    FinalNorm(NormPart),
    /// `[size, dim]` of the codebook: f32, f16 or i8 in `Panel16`.
    Centroids,
    /// `[size]`, f32: the per-centroid scale of i8 centroids; absent otherwise.
    CentroidScale,
    /// An array of the acceptance test.
    Golden(GoldenTensor),
}

/// The tensors of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BlockTensor {
    /// Norm before attention.
    Norm1(NormPart),
    /// Queries, keys and values as one linear layer of `3 * embed_dim` outputs.
    Qkv(LinearPart),
    /// Attention's output projection.
    Proj(LinearPart),
    /// Norm before the MLP.
    Norm2(NormPart),
    /// The MLP's first layer, `mlp_dim` outputs.
    Fc1(LinearPart),
    /// The MLP's second layer, `embed_dim` outputs.
    Fc2(LinearPart),
}

/// The tensors of a layer norm, each `[embed_dim]`, f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NormPart {
    /// Gain.
    Weight,
    /// Offset.
    Bias,
}

/// The tensors of a linear layer `[out, in]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LinearPart {
    /// `[out, in]`: f32 or f16 in `Panel16`, i8 in `Panel16x4`, i4 in `Panel16x8`.
    Weight,
    /// `[out]`, f32.
    Bias,
    /// Of i8 weights `[out]`, f32: one scale per channel. Of i4 weights `[out, groups]`, f16 in
    /// `Panel16`: one per channel and [group](crate::group_size) of inputs. Absent otherwise.
    Scale,
}

/// The arrays of the acceptance test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GoldenTensor {
    /// `[images, height, width, 3]`, u8.
    Images,
    /// `[images, embed_dim]`, f32: the class feature after the final norm.
    ClassFeatures,
    /// `[images, patches, embed_dim]`, f16: patch features after the final norm.
    PatchFeatures,
    /// `[images, patches]`, u32.
    Tokens,
    /// `[images, patches]`, f32: distance to the second-best centroid minus the best.
    Margins,
    /// `[embed_dim]`, f32: the mean, over all golden images and patches, of the patch features that
    /// this file gave where it was written.
    OwnMeanFeature,
}
