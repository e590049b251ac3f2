//! A small random model with nothing round about it: a wide image, a register token, widths that are
//! no multiple of 16.

use mimlet_format::{
    AcceptanceTest, Activation, AlignedBytes, BlockTensor, Codebook, CodebookSpace, DType,
    Distance, EncoderConfig, GoldenTensor, Layout, LinearPart, ModelWriter, NormPart, Preprocess,
    Provenance, Resample, Scheme, TensorRole, Thresholds, expected_shape, required_roles,
};
use mimlet_kernels::case::Stream;
use mimlet_kernels::patchify;
use std::collections::BTreeMap;

use crate::store::{rounded, store};

/// The model's float weights by role, row-major, as its file rounds them, and an image for it.
pub(crate) struct RandomModel {
    pub(crate) encoder: EncoderConfig,
    pub(crate) codebook: Codebook,
    pub(crate) tensors: BTreeMap<TensorRole, Vec<f32>>,
    pub(crate) image: Vec<f32>,
    /// Golden images, u8 `[images, height, width, 3]`.
    pub(crate) golden: Vec<u8>,
    /// Element type of the weights; `None` for one of each in every block.
    dtype: Option<DType>,
}

/// Golden images in the file.
pub(crate) const GOLDEN_IMAGES: u32 = 3;

/// What the acceptance test asks of features `[class, patches]` and tokens.
pub(crate) struct Golden {
    pub(crate) class: Vec<f32>,
    pub(crate) patches: Vec<f32>,
    pub(crate) tokens: Vec<u32>,
    pub(crate) margins: Vec<f32>,
    pub(crate) thresholds: Thresholds,
}

/// Height and width of 12 rows: 10 patches, a class token and a register.
const SMALL: [u32; 2] = [16, 40];

/// Height and width whose 242 rows are more than one block of the CPU backend, on one thread too.
const LARGE: [u32; 2] = [120, 128];

impl RandomModel {
    /// Weights of one type, as far as their roles may be that.
    pub(crate) fn new(dtype: DType, space: CodebookSpace) -> Self {
        Self::stored(Some(dtype), space, SMALL)
    }

    /// Weights of every type in each block.
    pub(crate) fn mixed(space: CodebookSpace) -> Self {
        Self::stored(None, space, SMALL)
    }

    /// As [`RandomModel::new`] with a codebook of features, for a large image.
    pub(crate) fn large(dtype: DType) -> Self {
        Self::stored(Some(dtype), CodebookSpace::Features, LARGE)
    }

    fn stored(dtype: Option<DType>, space: CodebookSpace, image_size: [u32; 2]) -> Self {
        let values = 3 * image_size[0] * image_size[1];
        let encoder = EncoderConfig {
            image_size,
            patch_size: 8,
            embed_dim: 36,
            depth: 2,
            num_heads: 3,
            mlp_dim: 70,
            register_tokens: 1,
            layer_norm_eps: 1e-6,
            activation: Activation::Gelu,
        };
        let dim = match space {
            CodebookSpace::Pixels => encoder.patch_dim(),
            CodebookSpace::Features => encoder.embed_dim,
        };
        let mut stream = Stream::new(5);
        let mut model = Self {
            codebook: Codebook {
                size: 21,
                dim,
                space,
                distance: Distance::Euclidean,
            },
            tensors: BTreeMap::new(),
            image: stream.values(values as usize, 2.0),
            golden: (0..GOLDEN_IMAGES * values)
                .map(|_| (stream.bits() >> 56) as u8)
                .collect(),
            encoder,
            dtype,
        };
        let manifest = model.writer(model.any_result()).manifest().clone();
        for role in required_roles(&manifest) {
            let shape = expected_shape(role, &manifest).unwrap();
            let len = shape.iter().product::<u32>() as usize;
            let scale = if shape.len() == 2 {
                2.0 / (shape[1] as f32).sqrt()
            } else {
                0.3
            };
            let mut values = stream.values(
                len,
                if role == TensorRole::Centroids {
                    1.5
                } else {
                    scale
                },
            );
            if is_gain(role) {
                values.iter_mut().for_each(|value| *value += 1.0);
            }
            if !matches!(role, TensorRole::Golden(_)) {
                values = rounded(role, &shape, values, model.dtype_of(role));
            }
            model.tensors.insert(role, values);
        }
        model
    }

    /// The image's patches by the oracle, `[patches, patch_dim]`.
    pub(crate) fn patches(&self) -> Vec<f32> {
        let [height, width] = self.encoder.image_size.map(|side| side as usize);
        let params = patchify::Params {
            height,
            width,
            patch: self.encoder.patch_size as usize,
        };
        let mut patches = vec![0.0; self.image.len()];
        patchify::reference(&params, &self.image, &mut patches);
        patches
    }

    /// The file, with an acceptance test that anything passes.
    pub(crate) fn pack(&self) -> AlignedBytes {
        self.pack_with(self.any_result())
    }

    /// The file with an acceptance test.
    pub(crate) fn pack_with(&self, golden: Golden) -> AlignedBytes {
        let half = |values: &[f32]| {
            values
                .iter()
                .flat_map(|v| half::f16::from_f32(*v).to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let bytes =
            |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let arrays = [
            (GoldenTensor::Images, DType::U8, self.golden.clone()),
            (
                GoldenTensor::ClassFeatures,
                DType::F32,
                bytes(&golden.class),
            ),
            (
                GoldenTensor::PatchFeatures,
                DType::F16,
                half(&golden.patches),
            ),
            (
                GoldenTensor::Tokens,
                DType::U32,
                golden.tokens.iter().flat_map(|t| t.to_le_bytes()).collect(),
            ),
            (GoldenTensor::Margins, DType::F32, bytes(&golden.margins)),
        ];
        let mut writer = self.writer(golden);
        let manifest = writer.manifest().clone();
        for (tensor, dtype, bytes) in arrays {
            let role = TensorRole::Golden(tensor);
            let shape = expected_shape(role, &manifest).unwrap();
            writer.tensor(role, dtype, Layout::RowMajor, &shape, bytes);
        }
        for (&role, values) in &self.tensors {
            if matches!(role, TensorRole::Golden(_)) {
                continue;
            }
            store(&mut writer, role, values, self.dtype_of(role));
        }
        writer.finish().unwrap()
    }

    fn dtype_of(&self, role: TensorRole) -> DType {
        use BlockTensor::{Fc1, Fc2, Proj};
        self.dtype.unwrap_or(match role {
            TensorRole::Block { tensor, .. } => match tensor {
                Proj(_) => DType::F32,
                Fc1(_) => DType::I8,
                Fc2(_) => DType::F16,
                _ => DType::I4,
            },
            _ => DType::F32,
        })
    }

    fn any_result(&self) -> Golden {
        let patches = (GOLDEN_IMAGES * self.encoder.patches()) as usize;
        let dim = self.encoder.embed_dim as usize;
        Golden {
            class: vec![1.0; GOLDEN_IMAGES as usize * dim],
            patches: vec![1.0; patches * dim],
            tokens: vec![0; patches],
            margins: vec![0.0; patches],
            thresholds: Thresholds {
                min_cosine: -1.0,
                min_token_agreement: 0.0,
                wide_margin: 1.0,
                max_wide_margin_flips: u32::MAX,
                max_tcas: None,
            },
        }
    }

    fn writer(&self, golden: Golden) -> ModelWriter<'static> {
        ModelWriter::new(
            self.encoder.clone(),
            Preprocess {
                resize_short_side: self.encoder.image_size[1],
                resample: Resample::Bicubic,
                mean: [0.485, 0.456, 0.406],
                std: [0.229, 0.224, 0.225],
            },
            Some(self.codebook.clone()),
            AcceptanceTest {
                images: GOLDEN_IMAGES,
                labels: vec![0, 1, 1],
                class_names: vec!["left".into(), "right".into()],
                thresholds: golden.thresholds,
                own: None,
            },
            Provenance {
                name: "random".into(),
                producer: "test".into(),
                source: "seed 5".into(),
                source_hash: [0; 32],
                // Decides nothing.
                scheme: Scheme::F32,
                licence: None,
            },
        )
    }
}

fn is_gain(role: TensorRole) -> bool {
    matches!(
        role,
        TensorRole::FinalNorm(NormPart::Weight)
            | TensorRole::Block {
                tensor: BlockTensor::Norm1(NormPart::Weight) | BlockTensor::Norm2(NormPart::Weight),
                ..
            }
    )
}

/// The role of a linear layer's bias beside its weight.
pub(crate) fn linear(layer: u32, tensor: fn(LinearPart) -> BlockTensor) -> [TensorRole; 2] {
    [LinearPart::Weight, LinearPart::Bias].map(|part| TensorRole::Block {
        layer,
        tensor: tensor(part),
    })
}
