//! Safetensors files to test with: timm's fixture, and copies of it with something changed.

use mimlet_export::{ExportError, FloatModel, ImportOptions, import};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// A file of the repository's `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

/// timm's checkpoint.
pub(crate) fn timm() -> PathBuf {
    fixture("timm_vit_64_p8_d64_l3_h4.safetensors")
}

/// What timm's checkpoint does not say.
pub(crate) fn options() -> ImportOptions {
    ImportOptions {
        heads: Some(4),
        ..ImportOptions::default()
    }
}

/// A tensor to be written.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Raw {
    pub(crate) fn f32(shape: &[usize], values: &[f32]) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        }
    }

    pub(crate) fn values(&self) -> Vec<f32> {
        let numbers = self.bytes.chunks_exact(4);
        numbers
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }
}

/// Tensors by name, and metadata.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoint {
    pub(crate) tensors: BTreeMap<String, Raw>,
    pub(crate) metadata: HashMap<String, String>,
}

impl Checkpoint {
    /// A copy of a file.
    pub(crate) fn of(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let raw = |view: TensorView<'_>| Raw {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        };
        Self {
            tensors: file
                .tensors()
                .into_iter()
                .map(|(name, view)| (name, raw(view)))
                .collect(),
            metadata: HashMap::new(),
        }
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let view = |raw: &'_ Raw| {
            TensorView::new(
                raw.dtype,
                raw.shape.clone(),
                Box::leak(raw.bytes.clone().into()),
            )
            .unwrap()
        };
        let views = self
            .tensors
            .iter()
            .map(|(name, raw)| (name.as_str(), view(raw)));
        serialize(views, Some(self.metadata.clone())).unwrap()
    }

    /// Imports the file with timm's options.
    pub(crate) fn import(&self) -> Result<FloatModel, ExportError> {
        import_bytes(&self.bytes())
    }
}

/// Writes bytes to a file of a folder of its own and imports it.
pub(crate) fn import_bytes(bytes: &[u8]) -> Result<FloatModel, ExportError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    std::fs::write(&path, bytes).unwrap();
    import(&path, &options())
}
