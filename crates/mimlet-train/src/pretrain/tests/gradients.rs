//! Gradients, alone and summed.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use super::inputs;
use crate::collective::Solo;
use crate::config::Config;
use crate::nn::init::Init;
use crate::nn::mae::{Mae, MaskedImages, cross_entropy};
use crate::nn::state::{checkpoint_name, host_values, read_state, with_state};
use crate::pretrain::batch::Batches;
use crate::pretrain::checkpoint::Checkpoint;
use crate::pretrain::optim::AdamW;
use crate::pretrain::step::Stepper;
use crate::pretrain::targets::Targets;
use crate::pretrain::tiny;
use crate::tokenizer;

/// A batch of two images with one patch hidden each.
fn small_batch(config: &Config, device: &Device) -> (MaskedImages, Vec<i32>) {
    let dim = config.model.patch_dim();
    let count = config.model.patches() - 1;
    let values: Vec<f32> = (0..2 * count * dim)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) / 30.0)
        .collect();
    let ints = |values: Vec<i32>| {
        let length = values.len();
        Tensor::from_data(TensorData::new(values, [length]), device)
    };
    let seen: Vec<i32> = (0..2 * count as i32).map(|i| i % count as i32).collect();
    let input = MaskedImages {
        batch: 2,
        patches: Tensor::from_data(TensorData::new(values, [2 * count, dim]), device),
        visible: ints(seen),
        masked: ints(vec![count as i32; 2]),
    };
    (input, vec![3, 5])
}

/// Picks out the gradient of the first block's qkv weight.
struct Gradient<'a> {
    path: Vec<String>,
    gradients: &'a GradientsParams,
    values: Vec<f32>,
}

impl ModuleVisitor for Gradient<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if checkpoint_name(&self.path) == "blocks.0.attn.qkv.weight" {
            self.values = host_values(self.gradients.get::<D>(param.id).unwrap());
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    let device = Device::flex().autodiff();
    let config = tiny::config();
    let model = Mae::new(&config, 8, &mut Init::new(3, &device));
    let (input, targets) = small_batch(&config, &device);
    let loss = |model: &Mae| {
        let targets = Tensor::from_data(TensorData::new(targets.clone(), [2]), &device);
        cross_entropy(model.forward(input.clone()), targets)
    };
    let mut found = Gradient {
        path: Vec::new(),
        gradients: &GradientsParams::from_grads(loss(&model).backward(), &model),
        values: Vec::new(),
    };
    model.visit(&mut found);
    let gradient = found.values;
    let state = read_state(&model);
    let at = 1000;
    let step = 1e-2;
    let shifted = |by: f32| {
        let mut state = state.clone();
        state.get_mut("blocks.0.attn.qkv.weight").unwrap().values[at] += by;
        let model = with_state(model.clone(), &state).unwrap();
        f64::from(loss(&model.valid()).into_scalar::<f32>())
    };
    let slope = (shifted(step) - shifted(-step)) / (2.0 * f64::from(step));
    assert!(
        (slope - f64::from(gradient[at])).abs() < 2e-3 * slope.abs().max(0.05),
        "{slope} {}",
        gradient[at]
    );
}

/// Fresh state, one step on `tiny`'s first batch, with the batch cut up as `micro_batch` says.
fn one_step(micro_batch: Option<usize>, spoilt: bool) -> (Checkpoint, f64) {
    let device = Device::flex();
    let mut config = tiny::config();
    config.train.micro_batch = micro_batch;
    let (images, codebook) = inputs(&config);
    let tokenizer = tokenizer::open(&codebook, None, &config.model, &device).unwrap();
    let device = device.autodiff();
    let mut batch = Batches::new(&config, &images, [0, 1]).get(0).unwrap();
    if spoilt {
        batch.patches.fill(f32::NAN);
    }
    let state = Checkpoint {
        model: Mae::new(&config, 8, &mut Init::new(3, &device)),
        optimizer: AdamW::default(),
        step: 0,
        updates: 0,
        skipped: 0,
    };
    let stepper = Stepper {
        config: &config,
        targets: &Targets::Tokens(tokenizer),
        collective: &Solo,
        device: &device,
    };
    let (state, outcome) = stepper.take(state, &batch).unwrap();
    (state, outcome.loss)
}

#[test]
fn small_batches_added_up_equal_a_big_one() {
    let (whole, whole_loss) = one_step(None, false);
    // 8 images in parts of 3, 3 and 2: the last part is smaller and must weigh less.
    for micro in [1, 3, 4] {
        let (parts, loss) = one_step(Some(micro), false);
        assert!((loss - whole_loss).abs() < 1e-5, "{loss} {whole_loss}");
        let (whole, parts) = (read_state(&whole.model), read_state(&parts.model));
        for (name, array) in &whole {
            let pairs = array.values.iter().zip(&parts[name].values);
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // AdamW's first step is the sign of the gradient: where that is about zero, rounding
            // decides, so the moments are compared below instead.
            assert!(worst < 2.0 * 0.1 * 8.0 / 256.0, "{name}: {worst}");
        }
    }
    let moments = |state: &Checkpoint| state.optimizer.state();
    let (whole, (parts, _)) = (moments(&whole), one_step(Some(3), false));
    for (name, array) in moments(&parts) {
        let largest = array.values.iter().map(|v| v.abs()).fold(1e-12, f32::max);
        let pairs = array.values.iter().zip(&whole[&name].values);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4 * largest, "{name}: {worst} of {largest}");
    }
}

#[test]
fn a_step_that_is_not_finite_changes_no_weight() {
    let (state, loss) = one_step(None, true);
    assert!(loss.is_nan());
    assert_eq!((state.step, state.updates, state.skipped), (1, 0, 1));
    let device = Device::flex();
    let fresh = Mae::new(&tiny::config(), 8, &mut Init::new(3, &device));
    assert_eq!(read_state(&state.model), read_state(&fresh));
    assert!(state.optimizer.state().is_empty());
}
