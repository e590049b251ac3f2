//! One optimiser step: micro-batches forward and backward, one sum over the run's processes, one
//! update.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::batch::HostBatch;
use super::checkpoint::Checkpoint;
use super::gradients;
use super::optim::StepSize;
use super::targets::Targets;
use crate::collective::Collective;
use crate::config::Config;
use crate::error::TrainError;
use crate::nn::mae::{Mae, MaskedImages};
use crate::nn::state::host_values;
use crate::schedule::learning_rate;

/// What a step needs besides the state it changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stepper<'a> {
    pub(crate) config: &'a Config,
    pub(crate) targets: &'a Targets,
    pub(crate) collective: &'a dyn Collective,
    /// With autodiff.
    pub(crate) device: &'a Device,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Mean loss over the images of all processes.
    pub(crate) loss: f64,
    /// Global norm of the gradient before the clip.
    pub(crate) norm: f64,
    /// Learning rate.
    pub(crate) rate: f64,
}

impl Outcome {
    /// Whether the update was made.
    pub(crate) fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.norm.is_finite()
    }
}

impl Stepper<'_> {
    /// Takes a step on `batch`, this process's share of the step's images. A step whose loss or
    /// gradient is not finite, on any process, changes nothing but the step's number.
    pub(crate) fn take(
        &self,
        mut state: Checkpoint,
        batch: &HostBatch,
    ) -> Result<(Checkpoint, Outcome), TrainError> {
        let train = &self.config.train;
        let (gradients, loss) = self.gradients(&state.model, batch)?;
        let size = StepSize {
            rate: learning_rate(train, state.step),
            weight_decay: train.weight_decay,
            clip: train.clip,
        };
        let mut norm = f64::NAN;
        if loss.is_finite() {
            (state.model, norm) = state.optimizer.step(state.model, gradients, size);
        }
        state.step += 1;
        let outcome = Outcome {
            loss,
            norm,
            rate: size.rate,
        };
        if outcome.is_finite() {
            state.updates += 1;
        } else {
            state.skipped += 1;
        }
        Ok((state, outcome))
    }

    /// Gradient and mean loss over the images of all processes.
    fn gradients(
        &self,
        model: &Mae,
        batch: &HostBatch,
    ) -> Result<(GradientsParams, f64), TrainError> {
        let micro = self.config.train.micro_batch.unwrap_or(batch.len());
        let all = (batch.len() * self.collective.world()) as f64;
        let mut sum = GradientsAccumulator::<Mae>::new();
        let mut loss = 0.0;
        for part in batch.parts(micro) {
            let targets = self.targets.of(&self.config.model, &part)?;
            let outputs = model.forward(on_device(self.config, &part, self.device));
            // Every image weighs the same, however the step is cut up.
            let share = targets.loss(outputs, self.device) * (part.len() as f64 / all);
            loss += f64::from(host_values(share.clone().inner())[0]);
            sum.accumulate(model, GradientsParams::from_grads(share.backward(), model));
        }
        gradients::sum_over_processes(model, sum.grads(), loss, self.collective)
    }
}

/// What the encoder sees of `batch`, on the device.
pub(crate) fn on_device(config: &Config, batch: &HostBatch, device: &Device) -> MaskedImages {
    let (patches, width) = (config.model.patches(), config.model.patch_dim());
    let per_image = batch.visible.len() / batch.len();
    let mut seen = Vec::with_capacity(batch.visible.len() * width);
    for (image, visible) in batch.visible.chunks_exact(per_image).enumerate() {
        for &at in visible {
            let row = image * patches + at as usize;
            seen.extend_from_slice(&batch.patches[row * width..(row + 1) * width]);
        }
    }
    let rows = batch.visible.len();
    MaskedImages {
        batch: batch.len(),
        patches: Tensor::from_data(TensorData::new(seen, [rows, width]), device),
        visible: indices(&batch.visible, device),
        masked: indices(&batch.masked, device),
    }
}

fn indices(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
