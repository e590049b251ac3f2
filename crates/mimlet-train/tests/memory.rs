//! Memory stays flat over 2,000 steps. A test binary of its own, so that no other test's memory is
//! counted.
#![cfg(target_os = "linux")]

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use mimlet_train::config::Config;
use mimlet_train::nn::init::Init;
use mimlet_train::nn::mae::{Mae, MaskedImages, cross_entropy};
use mimlet_train::pretrain::optim::{AdamW, StepSize};

/// Most that the process may grow by after the first steps, bytes. Keeping what one step's
/// backward pass needs, about 150 kB, would make it grow by 270 MB.
const GROWTH: u64 = 16 << 20;

fn config() -> Config {
    let text = include_str!("../../../models/shapes-tiny/train.toml");
    let mut config: Config = toml::from_str(text).unwrap();
    (config.model.dim, config.model.depth, config.model.heads) = (16, 2, 2);
    config.model.mlp = 32;
    (config.decoder.dim, config.decoder.depth, config.decoder.mlp) = (16, 1, 32);
    config
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<u64>().unwrap() << 10
}

fn batch(config: &Config, device: &Device) -> (MaskedImages, Tensor<1, Int>) {
    let (visible, masked) = config.visible_and_masked();
    let dim = config.model.patch_dim();
    let ints = |range: std::ops::Range<usize>| {
        let values: Vec<i32> = range.map(|i| i as i32).collect();
        let count = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [count]), device)
    };
    let patches: Vec<f32> = (0..visible * dim).map(|i| (i % 97) as f32 / 97.0).collect();
    let input = MaskedImages {
        batch: 1,
        patches: Tensor::from_data(TensorData::new(patches, [visible, dim]), device),
        visible: ints(0..visible),
        masked: ints(visible..visible + masked),
    };
    (input, ints(0..masked))
}

#[test]
fn memory_is_flat_over_two_thousand_steps() {
    let config = config();
    let device = Device::flex().autodiff();
    let mut model = Mae::new(&config, config.codebook.tokens, &mut Init::new(1, &device));
    let mut optimizer = AdamW::default();
    let (mut early, mut first) = (0, f32::NAN);
    let mut last = f32::NAN;
    for step in 0..2_000 {
        let (input, targets) = batch(&config, &device);
        let loss = cross_entropy(model.forward(input), targets);
        last = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let size = StepSize {
            rate: 1e-3,
            weight_decay: 0.05,
            clip: 1.0,
        };
        (model, _) = optimizer.step(model, gradients, size);
        if step == 200 {
            (early, first) = (resident(), last);
        }
    }
    let late = resident();
    assert!(late < early + GROWTH, "{early} bytes, then {late}");
    // The steps were real ones.
    assert!(last < first, "{first} to {last}");
}
