//! A small random model with nothing round about it: a wide image, a register token, widths that are
//! no multiple of 16.

use mimlet_format::{
    AcceptanceTest, Activation, AlignedBytes, BlockTensor, Codebook, CodebookSpace, DType,
    Distance, EncoderConfig, GoldenTensor, Layout, LinearPart, ModelWriter, NormPart, Preprocess,
    Provenance, Resample, Scheme, TensorRole, Thresholds, expected_shape, layout_for,
    required_roles, scale_of,
};
use mimlet_kernels::case::Stream;
use mimlet_kernels::panel;
use std::collections::BTreeMap;

/// The model's float weights by role, row-major, and an image for it.
pub(crate) struct RandomModel {
    pub(crate) encoder: EncoderConfig,
    pub(crate) codebook: Codebook,
    pub(crate) tensors: BTreeMap<TensorRole, Vec<f32>>,
    pub(crate) image: Vec<f32>,
    /// Golden images, u8 `[images, height, width, 3]`.
    pub(crate) golden: Vec<u8>,
    dtype: DType,
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

impl RandomModel {
    pub(crate) fn new(dtype: DType, space: CodebookSpace) -> Self {
        let encoder = EncoderConfig {
            image_size: [16, 40],
            patch_size: 8,
            embed_dim: 36,
            depth: 2,
            num_heads: 3,
            mlp_dim: 50,
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
            image: stream.values(3 * 16 * 40, 2.0),
            golden: (0..GOLDEN_IMAGES * 3 * 16 * 40)
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
            model.tensors.insert(role, values);
        }
        model
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
            let shape = expected_shape(role, &manifest).unwrap();
            let scale = scale_of(role).filter(|_| self.dtype == DType::I8);
            if let Some(scale) = scale {
                let (quantized, scales) = quantize(values, shape[1] as usize);
                let [n, k] = [shape[0] as usize, shape[1] as usize];
                let mut packed = vec![0i8; panel::len16x4(n, k)];
                panel::pack16x4(n, k, &quantized, &mut packed);
                let packed: Vec<u8> = packed.iter().map(|byte| byte.cast_unsigned()).collect();
                writer.tensor(role, DType::I8, Layout::Panel16x4, &shape, packed);
                writer.tensor(
                    scale,
                    DType::F32,
                    Layout::RowMajor,
                    &shape[..1],
                    bytes(&scales),
                );
                continue;
            }
            let is_half = self.dtype != DType::F32 && layout_for(role, DType::F16).is_some();
            let dtype = if is_half { DType::F16 } else { DType::F32 };
            let layout = layout_for(role, dtype).unwrap();
            let values = match layout {
                Layout::RowMajor => values.clone(),
                _ => {
                    let [n, k] = [shape[0] as usize, shape[1] as usize];
                    let mut packed = vec![0.0; panel::len16(n, k)];
                    panel::pack16(n, k, values, &mut packed);
                    packed
                }
            };
            let bytes = if is_half {
                half(&values)
            } else {
                bytes(&values)
            };
            writer.tensor(role, dtype, layout, &shape, bytes);
        }
        writer.finish().unwrap()
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
                resize_short_side: 40,
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
            },
            Provenance {
                name: "random".into(),
                producer: "test".into(),
                source: "seed 5".into(),
                source_hash: [0; 32],
                scheme: match self.dtype {
                    DType::F16 => Scheme::F16,
                    DType::I8 => Scheme::Int8,
                    _ => Scheme::F32,
                },
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

/// Signed bytes by the largest magnitude of each row of `columns` values, and the rows' scales.
fn quantize(matrix: &[f32], columns: usize) -> (Vec<i8>, Vec<f32>) {
    let mut bytes = Vec::new();
    let mut scales = Vec::new();
    for row in matrix.chunks(columns) {
        let scale = row.iter().fold(0.0f32, |largest, v| largest.max(v.abs())) / 127.0;
        bytes.extend(row.iter().map(|v| (v / scale).round_ties_even() as i8));
        scales.push(scale);
    }
    (bytes, scales)
}

/// The role of a linear layer's bias beside its weight.
pub(crate) fn linear(layer: u32, tensor: fn(LinearPart) -> BlockTensor) -> [TensorRole; 2] {
    [LinearPart::Weight, LinearPart::Bias].map(|part| TensorRole::Block {
        layer,
        tensor: tensor(part),
    })
}
