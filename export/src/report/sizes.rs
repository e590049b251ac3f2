//! What the bytes of a file are spent on.

use mimlet_format::{BlockTensor, LinearPart, Manifest, TensorEntry, TensorRole};
use serde::Serialize;

/// Bytes of a file by what they hold; all parts together are the file. Tensors count without the
/// padding of their layout.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SizeReport {
    /// Weights of the linear layers and of the patch embedding.
    pub weights: u64,
    /// What turns stored weights back into numbers.
    pub scales: u64,
    /// Norms and biases.
    pub norms: u64,
    /// Class token, registers and positions.
    pub positions: u64,
    /// Centroids.
    pub codebook: u64,
    /// The acceptance test's images and answers.
    pub golden: u64,
    /// Header and manifest.
    pub manifest: u64,
    /// Between tensors, and inside them where their layout asks for whole panels.
    pub padding: u64,
    /// Bits of all tensors' elements.
    pub stored_bits: u64,
    /// Bits of the file for each bit stored: 1.02 when headers and padding add 2 %.
    pub overhead: f64,
    /// Bytes of the same file with its weights in f32.
    pub float_bytes: u64,
}

impl SizeReport {
    /// Of a checked file.
    pub(crate) fn of(manifest: &Manifest, file_bytes: u64) -> Self {
        let mut sizes = Self::default();
        let (mut stored, mut elements) = (0, 0);
        for entry in &manifest.tensors {
            let bits = element_count(entry) * entry.dtype.bits();
            let bytes = bits.div_ceil(8);
            sizes.stored_bits += bits;
            stored += bytes;
            let part = sizes.part(entry.role);
            *part += bytes;
            if is_weight(entry.role) {
                elements += element_count(entry);
            }
        }
        let first = manifest.tensors.iter().map(|entry| entry.offset).min();
        sizes.manifest = first.unwrap_or(file_bytes);
        // A checked file has no overlaps: what is left lies between.
        sizes.padding = file_bytes - sizes.manifest - stored;
        sizes.overhead = (file_bytes * 8) as f64 / sizes.stored_bits.max(1) as f64;
        sizes.float_bytes = file_bytes - sizes.weights - sizes.scales + 4 * elements;
        sizes
    }

    /// Where a tensor counts.
    fn part(&mut self, role: TensorRole) -> &mut u64 {
        match role {
            TensorRole::PatchEmbedWeight => &mut self.weights,
            TensorRole::TokenTable => &mut self.positions,
            TensorRole::FinalNorm(_) => &mut self.norms,
            TensorRole::Centroids | TensorRole::CentroidScale => &mut self.codebook,
            TensorRole::Golden(_) => &mut self.golden,
            TensorRole::Block { tensor, .. } => match linear_part(tensor) {
                Some(LinearPart::Weight) => &mut self.weights,
                Some(LinearPart::Scale) => &mut self.scales,
                Some(LinearPart::Bias) | None => &mut self.norms,
            },
        }
    }

    /// The parts with their names, the largest first, those that are empty left out.
    pub(crate) fn parts(&self) -> Vec<(&'static str, u64)> {
        let mut parts = vec![
            ("weights", self.weights),
            ("scales", self.scales),
            ("norms and biases", self.norms),
            ("positions", self.positions),
            ("codebook", self.codebook),
            ("acceptance test", self.golden),
            ("manifest", self.manifest),
            ("padding", self.padding),
        ];
        parts.retain(|(_, bytes)| *bytes > 0);
        parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        parts
    }
}

/// Whether a tensor would be in f32 if the weights were.
fn is_weight(role: TensorRole) -> bool {
    match role {
        TensorRole::PatchEmbedWeight => true,
        TensorRole::Block { tensor, .. } => linear_part(tensor) == Some(LinearPart::Weight),
        _ => false,
    }
}

fn linear_part(tensor: BlockTensor) -> Option<LinearPart> {
    match tensor {
        BlockTensor::Qkv(part)
        | BlockTensor::Proj(part)
        | BlockTensor::Fc1(part)
        | BlockTensor::Fc2(part) => Some(part),
        BlockTensor::Norm1(_) | BlockTensor::Norm2(_) => None,
    }
}

fn element_count(entry: &TensorEntry) -> u64 {
    entry.shape.iter().map(|&side| u64::from(side)).product()
}
