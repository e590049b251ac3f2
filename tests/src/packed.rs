//! Packed files: opened, run, and written again with a fault in them.

use mimlet_format::{AlignedBytes, FormatError, Model, ModelFile, ModelWriter, TensorRole};
use mimlet_runtime::Encoder;

/// A checked file of bytes that an export made.
///
/// # Panics
/// When the bytes are no `.mim` file.
#[must_use]
pub fn model_file(bytes: AlignedBytes) -> ModelFile {
    ModelFile::from_aligned(bytes).expect("an export is a valid file")
}

/// An encoder on the CPU.
///
/// # Panics
/// When the model has no plan.
#[must_use]
pub fn encoder_on_cpu<'m>(model: &Model<'m>, threads: usize) -> Encoder<'m> {
    Encoder::on_cpu(model, threads).expect("a parsed model has a plan")
}

/// The same file with other bytes in its tensors, and a content hash that fits them: a fault that
/// only the acceptance test can find.
///
/// # Errors
/// When the reader finds the fault by itself, such as a negative scale.
pub fn rebuilt(
    model: &Model<'_>,
    change: impl Fn(TensorRole, &mut Vec<u8>),
) -> Result<AlignedBytes, FormatError> {
    let manifest = model.manifest().clone();
    let mut writer = ModelWriter::new(
        manifest.encoder,
        manifest.preprocess,
        manifest.codebook,
        manifest.acceptance,
        manifest.provenance,
    );
    writer.ranges(manifest.ranges);
    for tensor in model.tensors() {
        let entry = tensor.entry;
        let mut bytes = tensor.bytes.to_vec();
        change(entry.role, &mut bytes);
        writer.tensor(entry.role, entry.dtype, entry.layout, &entry.shape, bytes);
    }
    writer.finish()
}
