//! PyTorch checkpoints, as `torch.save` writes them. No code of theirs is run: what is no tensor
//! is passed over.

use std::path::Path;

use half::{bf16, f16};
use pytorch_reader::{DType, PytorchReader, Tensor};

use crate::error::TrainError;
use crate::nn::state::{Array, State};

/// Names that training scripts put weights under, in the order they are looked for.
const CONTAINERS: [&str; 3] = ["model.", "state_dict.", "model_state_dict."];

/// Whether a file that starts so is one: a zip archive, or a bare pickle of protocol 2 or later.
pub(crate) fn is_pytorch(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") || matches!(start, [0x80, 2..=5, ..])
}

/// Every floating-point tensor, widened or narrowed to f32, without the name of the dictionary
/// that holds the weights.
///
/// # Errors
/// [`TrainError::Content`] for what is no such file or holds no weights.
pub(crate) fn read(path: &Path) -> Result<State, TrainError> {
    let wrong = TrainError::content(path, "not a PyTorch checkpoint");
    let tensors = PytorchReader::new(path).map_err(wrong)?.into_tensors();
    let container = CONTAINERS
        .into_iter()
        .find(|prefix| tensors.keys().any(|name| name.starts_with(prefix)));
    let mut state = State::new();
    for (name, tensor) in tensors {
        let name = match container {
            Some(prefix) => match name.strip_prefix(prefix) {
                Some(rest) => rest.to_owned(),
                // The optimiser's moments and whatever else lies beside the weights.
                None => continue,
            },
            None => name,
        };
        if let Some(values) = floats(path, &tensor)? {
            let shape = tensor.shape().to_vec();
            state.insert(name, Array { shape, values });
        }
    }
    if state.is_empty() {
        return Err(TrainError::Content {
            path: path.to_owned(),
            reason: "holds no floating-point tensors; is it a model's checkpoint?".into(),
        });
    }
    Ok(state)
}

/// A tensor's values; `None` when it holds integers.
fn floats(path: &Path, tensor: &Tensor) -> Result<Option<Vec<f32>>, TrainError> {
    let dtype = tensor.dtype();
    if !matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
        return Ok(None);
    }
    let bytes = tensor
        .read()
        .map_err(TrainError::content(path, "a tensor cannot be read"))?;
    // The reader gives native order.
    let values = bytes.chunks_exact(dtype.size()).map(|b| match dtype {
        DType::F16 => f16::from_ne_bytes([b[0], b[1]]).to_f32(),
        DType::BF16 => bf16::from_ne_bytes([b[0], b[1]]).to_f32(),
        DType::F64 => f64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32,
        _ => f32::from_ne_bytes([b[0], b[1], b[2], b[3]]),
    });
    Ok(Some(values.collect()))
}
