//! Manifest to plan.

mod linear;

use super::{BufferId, BufferSpec, Per, Plan, PlanError, Step, rows_of};
use alloc::vec::Vec;
use linear::Layer;
use mimlet_format::{
    BlockTensor, Codebook, CodebookSpace, DType, EncoderConfig, Manifest, NormPart, TensorEntry,
    TensorRole,
};
use mimlet_kernels::nearest_centroid::{self, Storage};
use mimlet_kernels::{attention, layer_norm, patch_embed, patchify, quantize_rows};

/// Plans an encoder: see [`Plan::new`].
pub(super) fn plan(manifest: &Manifest) -> Result<Plan, PlanError> {
    let mut builder = Builder::new(manifest);
    let half = builder.is_half(TensorRole::PatchEmbedWeight)?;
    let of_pixels = |codebook: &Codebook| codebook.space == CodebookSpace::Pixels;
    // A codebook of pixels reads patches as they are.
    let short =
        half && builder.has_integers() && !manifest.codebook.as_ref().is_some_and(of_pixels);
    let patches = builder.patchify(short);
    let stream = builder.patch_embed(patches, half, short)?;
    let block = builder.block_buffers();
    for layer in 0..manifest.encoder.depth {
        builder.block(layer, stream, &block)?;
    }
    let last = |part| TensorRole::FinalNorm(part);
    builder.layer_norm(last, stream, block.normed)?;
    let tokens = match &manifest.codebook {
        Some(codebook) => Some(builder.nearest_centroid(codebook, patches, block.normed)?),
        None => None,
    };
    let weights = |entry: &&TensorEntry| !matches!(entry.role, TensorRole::Golden(_));
    let tensors = largest_bound_whole(&builder);
    Ok(Plan {
        config: manifest.encoder.clone(),
        image: builder.image,
        features: block.normed,
        tokens,
        weight_bytes: manifest
            .tensors
            .iter()
            .filter(weights)
            .map(|entry| entry.length)
            .sum(),
        largest_bound_whole: tensors,
        buffers: builder.buffers,
        steps: builder.steps,
    })
}

/// The largest tensor that a kernel binds whole, or the first of two that it binds as one, and their bytes.
fn largest_bound_whole(builder: &Builder<'_>) -> (TensorRole, u64) {
    let bytes = |role: &TensorRole| builder.entry(*role).map_or(0, |entry| entry.length);
    let tensors = builder.steps.iter().map(Step::other_tensors);
    let sized = tensors.filter_map(|roles| {
        let all = roles.iter().map(bytes).sum();
        roles.first().map(|role| (*role, all))
    });
    let largest = sized.max_by_key(|(_, bytes)| *bytes);
    largest.unwrap_or((TensorRole::TokenTable, 0))
}

/// The buffers every block works on.
struct BlockBuffers {
    /// `[tokens, embed_dim]`: normed rows, then attention's output.
    normed: BufferId,
    /// `[tokens, max(3 embed_dim, mlp_dim)]`: qkv, then the MLP's hidden layer.
    wide: BufferId,
    /// `[tokens, embed_dim]`: what is added to the residual stream.
    branch: BufferId,
    /// Quantised rows of either width; without integer weights it is empty.
    quantized: BufferId,
}

struct Builder<'a> {
    manifest: &'a Manifest,
    config: &'a EncoderConfig,
    buffers: Vec<BufferSpec>,
    steps: Vec<Step>,
    image: BufferId,
}

impl<'a> Builder<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let config = &manifest.encoder;
        let [height, width] = config.image_size;
        let words = (EncoderConfig::CHANNELS * height * width) as usize;
        Self {
            manifest,
            config,
            buffers: Vec::from([BufferSpec {
                name: "image",
                words,
                per: Per::Image,
                row_words: words,
            }]),
            steps: Vec::new(),
            image: BufferId(0),
        }
    }

    fn buffer(&mut self, name: &'static str, per: Per, row_words: usize) -> BufferId {
        let rows = match per {
            Per::Image => 1,
            Per::Token => self.config.tokens(),
            Per::Patch => self.config.patches(),
        };
        self.buffers.push(BufferSpec {
            name,
            words: rows as usize * row_words,
            per,
            row_words,
        });
        BufferId(self.buffers.len() - 1)
    }

    fn entry(&self, role: TensorRole) -> Result<&TensorEntry, PlanError> {
        let mut entries = self.manifest.tensors.iter();
        entries
            .find(|entry| entry.role == role)
            .ok_or(PlanError::MissingTensor(role))
    }

    fn dtype(&self, role: TensorRole) -> Result<DType, PlanError> {
        self.entry(role).map(|entry| entry.dtype)
    }

    /// Whether a float weight is stored in half precision.
    fn is_half(&self, role: TensorRole) -> Result<bool, PlanError> {
        match self.dtype(role)? {
            DType::F32 => Ok(false),
            DType::F16 => Ok(true),
            _ => Err(PlanError::UnsupportedStorage(role, "integers")),
        }
    }

    /// Whether any layer multiplies integers.
    fn has_integers(&self) -> bool {
        let multiplies_bytes = |entry: &TensorEntry| {
            matches!(entry.role, TensorRole::Block { .. })
                && matches!(entry.dtype, DType::I8 | DType::I4)
        };
        self.manifest.tensors.iter().any(multiplies_bytes)
    }

    fn image_params(&self) -> patchify::Params {
        let [height, width] = self.config.image_size.map(|side| side as usize);
        patchify::Params {
            height,
            width,
            patch: self.config.patch_size as usize,
        }
    }

    fn patchify(&mut self, short: bool) -> BufferId {
        let params = self.image_params();
        let patches = self.buffer("patches", Per::Patch, params.patch_dim());
        self.steps.push(Step::Patchify {
            params,
            short,
            image: self.image,
            patches,
        });
        patches
    }

    fn patch_embed(
        &mut self,
        patches: BufferId,
        half: bool,
        short: bool,
    ) -> Result<BufferId, PlanError> {
        let (weight, table) = (TensorRole::PatchEmbedWeight, TensorRole::TokenTable);
        let params = patch_embed::Params {
            prefix: self.config.prefix_tokens() as usize,
            patches: self.config.patches() as usize,
            patch_dim: self.config.patch_dim() as usize,
            embed_dim: self.config.embed_dim as usize,
            half,
            fused: short || !self.has_integers(),
        };
        self.dtype(table)?;
        let out = self.buffer("stream", Per::Token, params.embed_dim);
        self.steps.push(Step::PatchEmbed {
            params,
            image_params: self.image_params(),
            image: self.image,
            patches,
            weight,
            table,
            out,
        });
        Ok(out)
    }

    fn block_buffers(&mut self) -> BlockBuffers {
        let dim = self.config.embed_dim as usize;
        let mlp_dim = self.config.mlp_dim as usize;
        let row_words = if self.has_integers() {
            quantize_rows::row_words(dim.max(mlp_dim))
        } else {
            0
        };
        BlockBuffers {
            normed: self.buffer("normed", Per::Token, dim),
            wide: self.buffer("wide", Per::Token, mlp_dim.max(3 * dim)),
            branch: self.buffer("branch", Per::Token, dim),
            quantized: self.buffer("quantized", Per::Token, row_words),
        }
    }

    /// `x += attention(norm1(x)); x += mlp(norm2(x))`.
    fn block(&mut self, layer: u32, stream: BufferId, b: &BlockBuffers) -> Result<(), PlanError> {
        let dim = self.config.embed_dim;
        let linear = |tensor, inputs, outputs| Layer {
            layer,
            tensor,
            inputs,
            outputs,
        };
        let norm1 = |part| TensorRole::Block {
            layer,
            tensor: BlockTensor::Norm1(part),
        };
        self.layer_norm(norm1, stream, b.normed)?;
        self.linear(
            &linear(BlockTensor::Qkv, dim, 3 * dim),
            b.normed,
            b.wide,
            b.quantized,
        )?;
        let params = attention::Params {
            tokens: self.config.tokens() as usize,
            heads: self.config.num_heads as usize,
            head_dim: self.config.head_dim() as usize,
            exact: self.steps.last().is_some_and(Step::is_of_integers),
        };
        self.steps.push(Step::Attention {
            params,
            qkv: b.wide,
            out: b.normed,
        });
        self.linear(
            &linear(BlockTensor::Proj, dim, dim),
            b.normed,
            b.branch,
            b.quantized,
        )?;
        self.residual(b.branch, stream);

        let mlp_dim = self.config.mlp_dim;
        let norm2 = |part| TensorRole::Block {
            layer,
            tensor: BlockTensor::Norm2(part),
        };
        self.layer_norm(norm2, stream, b.normed)?;
        self.linear(
            &linear(BlockTensor::Fc1, dim, mlp_dim),
            b.normed,
            b.wide,
            b.quantized,
        )?;
        let len = (self.config.tokens() * mlp_dim) as usize;
        self.steps.push(Step::Gelu { len, x: b.wide });
        self.linear(
            &linear(BlockTensor::Fc2, mlp_dim, dim),
            b.wide,
            b.branch,
            b.quantized,
        )?;
        self.residual(b.branch, stream);
        Ok(())
    }

    fn layer_norm(
        &mut self,
        role: impl Fn(NormPart) -> TensorRole,
        x: BufferId,
        y: BufferId,
    ) -> Result<(), PlanError> {
        let (weight, bias) = (role(NormPart::Weight), role(NormPart::Bias));
        self.dtype(weight)?;
        self.dtype(bias)?;
        let params = layer_norm::Params {
            dim: self.config.embed_dim as usize,
            eps: self.config.layer_norm_eps,
        };
        let rows = self.config.tokens();
        self.steps.push(Step::LayerNorm {
            params,
            rows,
            x,
            weight,
            bias,
            y,
        });
        Ok(())
    }

    fn residual(&mut self, branch: BufferId, x: BufferId) {
        let len = (self.config.tokens() * self.config.embed_dim) as usize;
        self.steps.push(Step::Residual { len, branch, x });
    }

    fn nearest_centroid(
        &mut self,
        codebook: &Codebook,
        patches: BufferId,
        features: BufferId,
    ) -> Result<(BufferId, BufferId), PlanError> {
        let storage = match self.dtype(TensorRole::Centroids)? {
            DType::I8 => Storage::I8,
            DType::F16 => Storage::F16,
            _ => Storage::F32,
        };
        let scale = (storage == Storage::I8).then_some(TensorRole::CentroidScale);
        scale.map(|scale| self.dtype(scale)).transpose()?;
        let rows = self.config.patches();
        let (first, dim) = rows_of(codebook.space, self.config);
        let x = match codebook.space {
            CodebookSpace::Pixels => patches,
            CodebookSpace::Features => features,
        };
        let params = nearest_centroid::Params {
            dim: dim as usize,
            centroids: codebook.size as usize,
        };
        let tokens = self.buffer("tokens", Per::Patch, 1);
        let distances = self.buffer("distances", Per::Patch, 2);
        let centroids = TensorRole::Centroids;
        self.steps.push(Step::NearestCentroid {
            params,
            storage,
            first,
            rows,
            x,
            centroids,
            scale,
            tokens,
            distances,
        });
        Ok((tokens, distances))
    }
}
