//! A step of a small model on the device and on the CPU, compared before a run is trusted to the
//! device. Drivers and kernels that are chosen by trial have been seen to compute wrong gradients
//! under which the loss still falls.

#[cfg(all(test, feature = "vulkan"))]
mod vulkan;

use std::fmt;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::Config;
use crate::device::{describe, trial::quietly};
use crate::error::TrainError;
use crate::nn::init::Init;
use crate::nn::mae::{Mae, MaskedImages, cross_entropy};
use crate::nn::state::{Array, State, checkpoint_name, host_values};
use crate::pretrain::tiny;
use crate::random::Stream;
use serde::Serialize;

/// Largest relative difference of the loss, and of a parameter's gradient (distance over norm).
/// Sums in another order differ by 1e-6; products in TF32, which NVIDIA's GPUs take for f32, by
/// 1e-3; wrong kernels by 1e-1 and more.
pub const TOLERANCE: f64 = 1e-2;

/// A gradient below this share of the global norm is rounding noise, and so is its difference.
const NOISE: f64 = 1e-6;

/// Images in the step.
const BATCH: usize = 3;

/// Loss and gradients of a step.
#[derive(Debug, Clone)]
struct Step {
    loss: f64,
    gradients: State,
}

/// By how much a device that passed differs from the CPU. Displayed, it is a line for the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// The device's own name.
    pub device: String,
    /// Relative difference of the loss.
    pub loss: f64,
    /// Largest relative difference of a parameter's gradient.
    pub gradient: f64,
    /// The parameter it is of.
    pub parameter: String,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "self-test of {}: loss within {:.1e} and gradients within {:.1e} ({}) of the CPU's",
            self.device, self.loss, self.gradient, self.parameter
        )
    }
}

/// Takes the same step on `device` and on the CPU, in f32. `None` for the CPU itself, which is the
/// measure.
///
/// # Errors
/// [`TrainError::SelfTest`] naming the first parameter whose gradient differs by more than
/// [`TOLERANCE`].
pub fn check(device: &Device) -> Result<Option<Agreement>, TrainError> {
    if *device == Device::flex() {
        return Ok(None);
    }
    let failed = |reason| TrainError::SelfTest {
        device: describe(device),
        reason,
    };
    let there = quietly(|| step(device)).map_err(failed)?;
    let (loss, gradient, parameter) =
        compare(&step(&Device::flex()), &there, TOLERANCE).map_err(failed)?;
    Ok(Some(Agreement {
        device: describe(device),
        loss,
        gradient,
        parameter,
    }))
}

/// Wider than the tests' model and of odd sizes, so that tiles have edges.
fn shape() -> Config {
    let mut config = tiny::config();
    config.model.dim = 60;
    config.model.heads = 3;
    config.model.mlp = 150;
    config.decoder.dim = 36;
    config.codebook.tokens = 101;
    config
}

/// One step of the same model on the same input, wherever it is taken.
fn step(device: &Device) -> Step {
    let device = device.clone().autodiff();
    let config = shape();
    let model = Mae::new(&config, config.codebook.tokens, &mut Init::new(1, &device));
    let (input, targets) = input(&config, &device);
    let loss = cross_entropy(model.forward(input), targets);
    let value = host_values(loss.clone().inner())[0];
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut reader = Reader {
        path: Vec::new(),
        gradients: &gradients,
        state: State::new(),
    };
    model.visit(&mut reader);
    Step {
        loss: f64::from(value),
        gradients: reader.state,
    }
}

/// Random patches, a mask of its own for each image, and random tokens `[BATCH * masked]`.
fn input(config: &Config, device: &Device) -> (MaskedImages, Tensor<1, Int>) {
    let mut random = Stream::new(&[0x7365_6c66]);
    let (visible, hidden) = config.visible_and_masked();
    let (mut seen, mut masked) = (Vec::new(), Vec::new());
    for _ in 0..BATCH {
        let mut order: Vec<i32> = (0..(visible + hidden) as i32).collect();
        random.shuffle(&mut order);
        seen.extend_from_slice(&order[..visible]);
        masked.extend_from_slice(&order[visible..]);
    }
    let (rows, width) = (seen.len(), config.model.patch_dim());
    let patches: Vec<f32> = (0..rows * width).map(|_| random.normal()).collect();
    let tokens = |_| random.below(config.codebook.tokens) as i32;
    let targets: Vec<i32> = masked.iter().map(tokens).collect();
    let indices = |values: Vec<i32>| {
        let count = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [count]), device)
    };
    let input = MaskedImages {
        batch: BATCH,
        patches: Tensor::from_data(TensorData::new(patches, [rows, width]), device),
        visible: indices(seen),
        masked: indices(masked),
    };
    (input, indices(targets))
}

/// Copies each parameter's gradient to the host.
struct Reader<'a> {
    path: Vec<String>,
    gradients: &'a GradientsParams,
    state: State,
}

impl ModuleVisitor for Reader<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let array = Array {
                shape: gradient.dims().to_vec(),
                values: host_values(gradient),
            };
            self.state.insert(checkpoint_name(&self.path), array);
        }
    }
}

/// The relative differences of the loss and of the gradient that differs most, with its name.
///
/// # Errors
/// What differs by more than `tolerance`, in words: the loss, else the first gradient by name.
fn compare(cpu: &Step, there: &Step, tolerance: f64) -> Result<(f64, f64, String), String> {
    let loss = (there.loss - cpu.loss).abs() / cpu.loss.abs();
    let differs = |difference: f64| difference.is_nan() || difference > tolerance;
    if differs(loss) {
        return Err(format!(
            "the loss is {} where the CPU's is {}",
            there.loss, cpu.loss
        ));
    }
    let global = norm(cpu.gradients.values().flat_map(|array| &array.values));
    let mut worst = (0.0, String::new());
    for (name, array) in &cpu.gradients {
        let other = there
            .gradients
            .get(name)
            .filter(|it| it.shape == array.shape);
        let other = other.ok_or_else(|| format!("{name} has no gradient of its shape"))?;
        let distance = norm_of_difference(&array.values, &other.values);
        let own = norm(&array.values);
        let difference = distance / own.max(NOISE * global);
        if differs(difference) {
            return Err(format!(
                "the gradient of {name} is {difference:.1e} of its norm away from the CPU's (norm \
                 {:.3e}, the CPU's {own:.3e}), more than {tolerance}",
                norm(&other.values)
            ));
        }
        if difference > worst.0 {
            worst = (difference, name.clone());
        }
    }
    Ok((loss, worst.0, worst.1))
}

fn norm<'a>(values: impl IntoIterator<Item = &'a f32>) -> f64 {
    let squares = values.into_iter().map(|&v| f64::from(v) * f64::from(v));
    squares.sum::<f64>().sqrt()
}

fn norm_of_difference(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(&a, &b)| {
        let difference = f64::from(a) - f64::from(b);
        difference * difference
    });
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_the_measure() {
        assert_eq!(check(&Device::flex()).unwrap(), None);
    }

    #[test]
    fn every_parameter_that_is_trained_is_compared() {
        let step = step(&Device::flex());
        let names: Vec<_> = step.gradients.keys().map(String::as_str).collect();
        for name in [
            "cls_token",
            "mask_token",
            "patch_embed.proj.weight",
            "blocks.1.attn.qkv.bias",
            "decoder_blocks.0.mlp.fc2.weight",
            "decoder_pred.bias",
        ] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        assert!(!names.contains(&"decoder_pos_embed"));
    }

    #[test]
    fn a_planted_error_is_found_and_named() {
        let cpu = step(&Device::flex());
        let verdict = |plant: fn(&mut Step)| {
            let mut there = cpu.clone();
            plant(&mut there);
            compare(&cpu, &there, TOLERANCE)
        };
        let (loss, gradient, _) = verdict(|_| ()).unwrap();
        assert_eq!((loss, gradient), (0.0, 0.0));

        let name = "blocks.1.mlp.fc1.weight";
        let faults: [fn(&mut [f32]); 4] = [
            |values| values.iter_mut().for_each(|v| *v *= 1.02),
            |values| values[7] = f32::NAN,
            // The norm stays the same.
            |values| values.reverse(),
            |values| values.fill(0.0),
        ];
        for fault in faults {
            let mut there = cpu.clone();
            let array = there.gradients.get_mut(name).unwrap();
            fault(&mut array.values);
            let reason = compare(&cpu, &there, TOLERANCE).unwrap_err();
            assert!(reason.contains(name), "{reason}");
        }
        let reason = verdict(|there| there.loss *= 1.02).unwrap_err();
        assert!(reason.contains("the loss is"), "{reason}");
        let reason = verdict(|there| there.loss = f64::NAN).unwrap_err();
        assert!(reason.contains("the loss is"), "{reason}");
        let reason = verdict(|there| drop(there.gradients.remove("cls_token"))).unwrap_err();
        assert!(reason.contains("cls_token"), "{reason}");
    }

    #[test]
    fn the_difference_of_tf32_passes() {
        let cpu = step(&Device::flex());
        let mut there = cpu.clone();
        for array in there.gradients.values_mut() {
            // 10 bits of mantissa remain.
            for value in &mut array.values {
                *value = f32::from_bits((value.to_bits() + 0x1000) & !0x1fff);
            }
        }
        compare(&cpu, &there, TOLERANCE).unwrap();
    }
}
