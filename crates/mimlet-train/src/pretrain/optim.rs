//! AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with a global-norm clip.
//!
//! burn's own AdamW clips tensor by tensor and keeps its state under random ids; this one clips by
//! the global norm and keeps state under checkpoint names, so a run can be resumed from a file.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use crate::finetune::layers::LayerDecay;
use crate::nn::fused;
use crate::nn::state::{Array, State, checkpoint_name, host_values};

const BETA1: f64 = 0.9;
/// As MAE: gradients of masked batches vary more than most.
const BETA2: f64 = 0.95;
const EPSILON: f64 = 1e-8;

/// Optimiser state: first and second moments by parameter name.
#[derive(Debug, Default)]
pub struct AdamW {
    moments: BTreeMap<String, Moments>,
    steps: i32,
    layers: Option<LayerDecay>,
}

#[derive(Debug, Clone)]
struct Moments {
    first: Tensor<1>,
    second: Tensor<1>,
}

/// What one step may do.
#[derive(Debug, Clone, Copy)]
pub struct StepSize {
    /// Learning rate.
    pub rate: f64,
    /// Decoupled weight decay of parameters with more than one dimension.
    pub weight_decay: f64,
    /// Largest global gradient norm.
    pub clip: f64,
}

impl AdamW {
    /// Fresh state; the rate of each parameter is that of the step times `layers`' share.
    pub fn with_layer_decay(layers: LayerDecay) -> Self {
        Self {
            layers: Some(layers),
            ..Self::default()
        }
    }

    /// One update of `module`, and the gradient's global norm before the clip. When the norm is
    /// not finite nothing is changed.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        mut gradients: GradientsParams,
        size: StepSize,
    ) -> (M, f64) {
        let norm = global_norm(&module, &gradients);
        if !norm.is_finite() {
            return (module, norm);
        }
        self.steps += 1;
        let mut update = Update {
            path: Vec::new(),
            gradients: &mut gradients,
            moments: &mut self.moments,
            layers: self.layers,
            scale: (size.clip / (norm + 1e-6)).min(1.0),
            size,
            correction1: 1.0 - BETA1.powi(self.steps),
            correction2: 1.0 - BETA2.powi(self.steps),
        };
        (module.map(&mut update), norm)
    }

    /// The moments as `optim.first.*` and `optim.second.*`.
    pub fn state(&self) -> State {
        let mut state = State::new();
        for (name, moments) in &self.moments {
            for (kind, tensor) in [("first", &moments.first), ("second", &moments.second)] {
                let array = Array {
                    shape: tensor.dims().to_vec(),
                    values: host_values(tensor.clone()),
                };
                state.insert(format!("optim.{kind}.{name}"), array);
            }
        }
        state
    }

    /// Takes up where [`AdamW::state`] was written, after `steps` updates.
    pub fn resume(state: &State, steps: usize, device: &Device) -> Self {
        let device = device.clone().inner();
        let tensor = |array: &Array| {
            let data = TensorData::new(array.values.clone(), [array.values.len()]);
            Tensor::<1>::from_data(data, &device)
        };
        let moments = state.iter().filter_map(|(name, array)| {
            let name = name.strip_prefix("optim.first.")?;
            let second = state.get(&format!("optim.second.{name}"))?;
            let moments = Moments {
                first: tensor(array),
                second: tensor(second),
            };
            Some((name.to_owned(), moments))
        });
        Self {
            moments: moments.collect(),
            steps: steps as i32,
            layers: None,
        }
    }
}

/// `sqrt` of the sum of squares of all gradients.
fn global_norm<M: Module>(module: &M, gradients: &GradientsParams) -> f64 {
    let mut squares = Squares {
        gradients,
        sums: Vec::new(),
    };
    module.visit(&mut squares);
    if squares.sums.is_empty() {
        return 0.0;
    }
    // One read-back for all of them.
    let sums = host_values(Tensor::cat(squares.sums, 0));
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>().sqrt()
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sums.push(if fused::applies(&gradient) {
                fused::sum_of_squares(gradient)
            } else {
                (gradient.clone() * gradient).sum()
            });
        }
    }
}

struct Update<'a> {
    path: Vec<String>,
    gradients: &'a mut GradientsParams,
    moments: &'a mut BTreeMap<String, Moments>,
    layers: Option<LayerDecay>,
    scale: f64,
    size: StepSize,
    correction1: f64,
    correction2: f64,
}

impl Update<'_> {
    /// A flat parameter after its step at `rate`; it is multiplied by `keep` first, the weight
    /// decay.
    fn updated(
        &mut self,
        parameter: Tensor<1>,
        gradient: Tensor<1>,
        [rate, keep]: [f64; 2],
    ) -> Tensor<1> {
        let name = checkpoint_name(&self.path);
        let fresh = || Moments {
            first: gradient.zeros_like(),
            second: gradient.zeros_like(),
        };
        // Taken out, so that nothing else holds their memory and the step can write to it.
        let moments = self.moments.remove(&name).unwrap_or_else(fresh);
        let (parameter, moments) = if fused::applies(&gradient) {
            self.fused(parameter, moments, gradient, [rate, keep])
        } else {
            self.composed(parameter, moments, gradient, [rate, keep])
        };
        self.moments.insert(name, moments);
        parameter
    }

    fn fused(
        &self,
        parameter: Tensor<1>,
        moments: Moments,
        gradient: Tensor<1>,
        [rate, keep]: [f64; 2],
    ) -> (Tensor<1>, Moments) {
        let step = fused::Step {
            scale: self.scale as f32,
            beta1: BETA1 as f32,
            beta2: BETA2 as f32,
            keep: keep as f32,
            rate: (rate / self.correction1) as f32,
            correction: (1.0 / self.correction2) as f32,
            epsilon: EPSILON as f32,
        };
        let state = [parameter, moments.first, moments.second];
        let [parameter, first, second] = fused::adamw(state, gradient, step);
        (parameter, Moments { first, second })
    }

    /// The same from burn's own operations.
    fn composed(
        &self,
        parameter: Tensor<1>,
        moments: Moments,
        gradient: Tensor<1>,
        [rate, keep]: [f64; 2],
    ) -> (Tensor<1>, Moments) {
        let gradient = gradient * self.scale;
        let square = gradient.clone() * gradient.clone();
        let first = moments.first * BETA1 + gradient * (1.0 - BETA1);
        let second = moments.second * BETA2 + square * (1.0 - BETA2);
        let spread = (second.clone() / self.correction2).sqrt() + EPSILON;
        let delta = first.clone() / spread * (rate / self.correction1);
        (parameter * keep - delta, Moments { first, second })
    }
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let shape = param.dims();
        let count = shape.iter().product::<usize>();
        let share = self
            .layers
            .map_or(1.0, |layers| layers.share(&checkpoint_name(&self.path)));
        let rate = self.size.rate * share;
        let decay = if D > 1 { self.size.weight_decay } else { 0.0 };
        let keep = 1.0 - rate * decay;
        param.map(|tensor| {
            let parameter = tensor.inner().reshape([count]);
            let updated = self.updated(parameter, gradient.reshape([count]), [rate, keep]);
            Tensor::from_inner(updated.reshape(shape)).require_grad()
        })
    }
}
