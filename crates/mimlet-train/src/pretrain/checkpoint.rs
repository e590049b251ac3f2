//! A run's checkpoint: weights, optimiser and progress in one file, so that one rename makes the
//! whole of it new.

use std::path::Path;

use burn::tensor::Device;

use super::optim::AdamW;
use crate::config::Config;
use crate::encoder;
use crate::error::TrainError;
use crate::nn::mae::Mae;
use crate::nn::state::{read_state, with_state};
use crate::tensors::{self, Precision};

/// The checkpoint's name in a run's folder.
pub const FILE: &str = "checkpoint.safetensors";

/// A run as it stands.
#[derive(Debug)]
pub struct Checkpoint {
    /// The network.
    pub model: Mae,
    /// The optimiser.
    pub optimizer: AdamW,
    /// Steps taken.
    pub step: usize,
    /// Optimiser updates made; fewer than `step` when steps were skipped.
    pub updates: usize,
    /// Steps skipped because loss or gradient were not finite.
    pub skipped: usize,
}

/// Writes the run's state into `folder`.
///
/// # Errors
/// [`TrainError::Io`].
pub fn save(
    folder: &Path,
    config: &Config,
    targets_id: &str,
    run: &Checkpoint,
) -> Result<(), TrainError> {
    let mut state = read_state(&run.model);
    state.extend(run.optimizer.state());
    let mut metadata = encoder::metadata(&config.model);
    metadata.insert("run", fingerprint(config, targets_id)?);
    metadata.insert("step", run.step.to_string());
    metadata.insert("updates", run.updates.to_string());
    metadata.insert("skipped", run.skipped.to_string());
    tensors::write(&folder.join(FILE), &state, &metadata, Precision::F32)
}

/// Takes the run in `folder` up again, into the freshly made `model`.
///
/// # Errors
/// [`TrainError::Io`] without a checkpoint, [`TrainError::Content`] when it belongs to another
/// configuration or other targets.
pub fn load(
    folder: &Path,
    config: &Config,
    targets_id: &str,
    model: Mae,
    device: &Device,
) -> Result<Checkpoint, TrainError> {
    let path = folder.join(FILE);
    let (state, metadata) = tensors::read(&path)?;
    let wrong = |reason: &str| TrainError::Content {
        path: path.clone(),
        reason: reason.into(),
    };
    if metadata.get("run") != Some(&fingerprint(config, targets_id)?) {
        return Err(wrong(
            "was made with another configuration, codebook or teacher; give those it was made with",
        ));
    }
    let number = |key: &str| {
        let value = metadata
            .get(key)
            .and_then(|text| text.parse::<usize>().ok());
        value.ok_or_else(|| {
            wrong("its metadata lacks the run's progress; start anew without --resume")
        })
    };
    let updates = number("updates")?;
    Ok(Checkpoint {
        model: with_state(model, &state)?,
        optimizer: AdamW::resume(&state, updates, device),
        step: number("step")?,
        updates,
        skipped: number("skipped")?,
    })
}

/// What must not change between a run's parts.
fn fingerprint(config: &Config, targets_id: &str) -> Result<String, TrainError> {
    let text = serde_json::to_string(config)
        .map_err(|error| TrainError::Config(format!("cannot be written down: {error}")))?;
    let digest = blake3::hash(format!("{text}{targets_id}").as_bytes());
    Ok(digest.to_hex().to_string())
}
