//! The steps of a plan: which op, on which buffers and tensors.

use super::BufferId;
use alloc::vec::Vec;
use mimlet_format::TensorRole;
use mimlet_kernels::{
    Epilogue, PanelWeight, Variant, WgslKernel, attention, gelu, layer_norm, linear, linear_q4,
    linear_q8, nearest_centroid, patch_embed, patchify, quantize_rows, residual,
};

/// One op on its buffers. Fields named after tensors hold roles; all others that are not sizes are
/// buffers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Cuts the image into patches.
    Patchify {
        /// Shape.
        params: patchify::Params,
        /// Whether a CPU [shortens](patchify::shorten) patches.
        short: bool,
        /// Read.
        image: BufferId,
        /// Written.
        patches: BufferId,
    },
    /// Starts the residual stream.
    PatchEmbed {
        /// Shape.
        params: patch_embed::Params,
        /// Shape of the image.
        image_params: patchify::Params,
        /// Read by GPUs, which find patches there.
        image: BufferId,
        /// Read by the CPU.
        patches: BufferId,
        /// Weight.
        weight: TensorRole,
        /// Token table.
        table: TensorRole,
        /// Written.
        out: BufferId,
    },
    /// Normalises each row.
    LayerNorm {
        /// Shape.
        params: layer_norm::Params,
        /// Rows.
        rows: u32,
        /// Read.
        x: BufferId,
        /// Gain.
        weight: TensorRole,
        /// Offset.
        bias: TensorRole,
        /// Written.
        y: BufferId,
    },
    /// Quantises each row to bytes.
    QuantizeRows {
        /// Shape.
        params: quantize_rows::Params,
        /// Rows.
        rows: u32,
        /// Read.
        x: BufferId,
        /// Written: quantised rows.
        quantized: BufferId,
    },
    /// Linear layer with float weights.
    Linear {
        /// Shape.
        params: linear::Params,
        /// Rows.
        rows: u32,
        /// Read.
        x: BufferId,
        /// Weight.
        weight: TensorRole,
        /// Bias.
        bias: TensorRole,
        /// Written.
        y: BufferId,
    },
    /// Linear layer on bytes.
    LinearQ8 {
        /// Shape.
        params: linear_q8::Params,
        /// Rows.
        rows: u32,
        /// Read: quantised rows.
        x: BufferId,
        /// Weight.
        weight: TensorRole,
        /// Scale per output channel.
        scale: TensorRole,
        /// Bias.
        bias: TensorRole,
        /// Written.
        y: BufferId,
    },
    /// Linear layer on 4-bit weights.
    LinearQ4 {
        /// Shape.
        params: linear_q4::Params,
        /// Rows.
        rows: u32,
        /// Read: quantised rows.
        x: BufferId,
        /// Weight.
        weight: TensorRole,
        /// Scale per output channel and group of inputs.
        scale: TensorRole,
        /// Bias.
        bias: TensorRole,
        /// Written.
        y: BufferId,
    },
    /// Multi-head self-attention.
    Attention {
        /// Shape.
        params: attention::Params,
        /// Read: queries, keys, values.
        qkv: BufferId,
        /// Written.
        out: BufferId,
    },
    /// GELU in place.
    Gelu {
        /// Values.
        len: usize,
        /// Overwritten.
        x: BufferId,
    },
    /// Adds a branch to the residual stream.
    Residual {
        /// Values.
        len: usize,
        /// Read.
        branch: BufferId,
        /// Added to.
        x: BufferId,
    },
    /// Finds each row's token.
    NearestCentroid {
        /// Shape.
        params: nearest_centroid::Params,
        /// Type of the centroids.
        storage: nearest_centroid::Storage,
        /// Rows of x left out at the front.
        first: u32,
        /// Rows.
        rows: u32,
        /// Read.
        x: BufferId,
        /// Centroids.
        centroids: TensorRole,
        /// Scale per centroid, of those in bytes.
        scale: Option<TensorRole>,
        /// Written: u32 tokens.
        tokens: BufferId,
        /// Written: best and second-best distances.
        distances: BufferId,
    },
}

impl Step {
    /// The kernel that every GPU runs; its name is the op's.
    #[must_use]
    pub fn kernel(&self) -> &'static WgslKernel {
        match self {
            Self::Patchify { .. } => &patchify::KERNEL,
            Self::PatchEmbed { .. } => &patch_embed::KERNEL,
            Self::LayerNorm { .. } => &layer_norm::KERNEL,
            Self::QuantizeRows { .. } => &quantize_rows::KERNEL,
            Self::Linear { .. } => &linear::KERNEL,
            Self::LinearQ8 { .. } => &linear_q8::KERNEL,
            Self::LinearQ4 { .. } => &linear_q4::KERNEL,
            Self::Attention { .. } => &attention::KERNEL,
            Self::Gelu { .. } => &gelu::KERNEL,
            Self::Residual { .. } => &residual::KERNEL,
            Self::NearestCentroid { .. } => &nearest_centroid::KERNEL,
        }
    }

    /// The ways to run it on a GPU for `images` images at once, which lie one after the other in every
    /// buffer; the first with [`Step::kernel`]. `epilogue` is for linear layers. What a variant computes of
    /// an image does not depend on how many there are, unless it [splits sums](Variant::splits_sums).
    #[must_use]
    pub fn variants(&self, epilogue: Epilogue, images: u32) -> Vec<Variant> {
        let of_all = |rows: &u32| rows * images;
        let values_of_all = |len: &usize| len * images as usize;
        let single = |call| Vec::from([Variant::single(self.kernel(), call)]);
        match self {
            Self::Patchify { params, .. } => single(patchify::call(params, images as usize)),
            Self::PatchEmbed {
                params,
                image_params,
                ..
            } => patch_embed::variants(params, image_params, images as usize),
            Self::LayerNorm { params, rows, .. } => layer_norm::variants(params, of_all(rows)),
            Self::QuantizeRows { params, rows, .. } => {
                quantize_rows::variants(params, of_all(rows))
            }
            Self::Linear { params, rows, .. } => linear::variants(params, of_all(rows), epilogue),
            Self::LinearQ8 { params, rows, .. } => {
                linear_q8::variants(params, of_all(rows), epilogue)
            }
            Self::LinearQ4 { params, rows, .. } => {
                linear_q4::variants(params, of_all(rows), epilogue)
            }
            Self::Attention { params, .. } => attention::variants(params, images as usize),
            Self::Gelu { len, .. } => single(gelu::call(values_of_all(len))),
            Self::Residual { len, .. } => single(residual::call(values_of_all(len))),
            Self::NearestCentroid {
                params,
                storage,
                first,
                rows,
                ..
            } => nearest_centroid::variants(params, *storage, [*first, *rows], images),
        }
    }

    /// The weight that a GPU may take in parts: the step's first variant can.
    #[must_use]
    pub fn panel_weight(&self) -> Option<(TensorRole, PanelWeight)> {
        Some(match self {
            Self::PatchEmbed { params, weight, .. } => (*weight, patch_embed::panel_weight(params)),
            Self::Linear { params, weight, .. } => (*weight, linear::panel_weight(params)),
            Self::LinearQ8 { params, weight, .. } => (*weight, linear_q8::panel_weight(params)),
            Self::LinearQ4 { params, weight, .. } => (*weight, linear_q4::panel_weight(params)),
            Self::NearestCentroid {
                params,
                storage,
                centroids,
                ..
            } => (*centroids, nearest_centroid::panel_weight(params, *storage)),
            _ => return None,
        })
    }

    /// The tensors beside it, which a kernel binds as one.
    pub(super) fn other_tensors(&self) -> Vec<TensorRole> {
        match *self {
            Self::PatchEmbed { table, .. } => Vec::from([table]),
            Self::LayerNorm { weight, bias, .. } => Vec::from([weight, bias]),
            Self::Linear { bias, .. } => Vec::from([bias]),
            Self::LinearQ8 { scale, bias, .. } | Self::LinearQ4 { scale, bias, .. } => {
                Vec::from([scale, bias])
            }
            _ => Vec::new(),
        }
    }

    /// Whether this is a linear layer of integers.
    pub(super) fn is_of_integers(&self) -> bool {
        matches!(self, Self::LinearQ8 { .. } | Self::LinearQ4 { .. })
    }

    /// Where a linear layer writes.
    pub(super) fn linear_output(&self) -> Option<BufferId> {
        match *self {
            Self::Linear { y, .. } | Self::LinearQ8 { y, .. } | Self::LinearQ4 { y, .. } => Some(y),
            _ => None,
        }
    }
}
