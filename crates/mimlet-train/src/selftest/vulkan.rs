//! Training on Vulkan, held to the CPU:
//! `cargo test -p mimlet-train --features vulkan selftest::vulkan`, on a GPU or, without one, on a
//! driver that runs on the CPU such as lavapipe.

use burn::optim::GradientsParams;
use burn::tensor::Device;

use super::{check, input, norm, norm_of_difference, shape};
use crate::device::adapters::software_vulkan;
use crate::device::{by_name, describe, supports_bf16};
use crate::nn::init::Init;
use crate::nn::mae::{Mae, cross_entropy};
use crate::nn::state::{State, host_values, read_state};
use crate::pretrain::optim::{AdamW, StepSize};

/// Steps of the run.
const STEPS: usize = 5;

/// The device, unless `MIMLET_GPU=skip` says that none is meant.
fn vulkan() -> Option<Device> {
    if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
        eprintln!("skipped: MIMLET_GPU=skip");
        return None;
    }
    Some(by_name("vulkan").expect("a Vulkan driver, lavapipe will do; MIMLET_GPU=skip skips"))
}

/// Losses and last weights of a few steps over one batch.
fn train(device: &Device) -> (Vec<f64>, State) {
    let device = device.clone().autodiff();
    let config = shape();
    let mut model = Mae::new(&config, config.codebook.tokens, &mut Init::new(1, &device));
    let mut optimizer = AdamW::default();
    let size = StepSize {
        rate: 2e-3,
        weight_decay: 0.05,
        clip: 1.0,
    };
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let (input, targets) = input(&config, &device);
        let loss = cross_entropy(model.forward(input), targets);
        losses.push(f64::from(host_values(loss.clone().inner())[0]));
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        (model, _) = optimizer.step(model, gradients, size);
    }
    (losses, read_state(&model))
}

/// Without the bias of the keys, in the middle of the three: softmax does not see what is added
/// to all scores of a row, so its gradient is rounding noise, which AdamW blows up to full steps.
fn comparable<'a>(name: &str, values: &'a [f32]) -> Vec<&'a [f32]> {
    let third = values.len() / 3;
    if name.ends_with("attn.qkv.bias") {
        vec![&values[..third], &values[2 * third..]]
    } else {
        vec![values]
    }
}

#[test]
fn a_short_run_on_vulkan_follows_the_same_run_on_the_cpu() {
    let Some(device) = vulkan() else {
        return;
    };
    let (losses, weights) = train(&device);
    let (cpu_losses, cpu_weights) = train(&Device::flex());
    assert!(losses[STEPS - 1] < 0.9 * losses[0], "{losses:?}");
    for (there, here) in losses.iter().zip(&cpu_losses) {
        assert!(
            (there - here).abs() < 1e-4 * here,
            "{losses:?} {cpu_losses:?}"
        );
    }
    let config = shape();
    let first = read_state(&Mae::new(
        &config,
        config.codebook.tokens,
        &mut Init::new(1, &Device::flex()),
    ));
    for (name, array) in &cpu_weights {
        let parts = comparable(name, &array.values).into_iter();
        let others = comparable(name, &weights[name].values);
        let starts = comparable(name, &first[name].values);
        for ((here, there), start) in parts.zip(others).zip(starts) {
            // A hundredth of the way that training has moved it.
            let (moved, apart) = (
                norm_of_difference(here, start),
                norm_of_difference(here, there),
            );
            assert!(
                apart <= 1e-2 * moved + 1e-7 * norm(here),
                "{name} moved {moved:.3e}, and the two runs are {apart:.3e} apart"
            );
        }
    }
}

#[test]
fn the_self_test_passes_far_within_its_tolerance() {
    let Some(device) = vulkan() else {
        return;
    };
    let agreement = check(&device).unwrap().unwrap();
    println!("{agreement}; bf16: {}", supports_bf16(&device));
    assert_eq!(agreement.device, describe(&device));
    assert!(agreement.loss < 1e-4, "{agreement}");
    assert!(agreement.gradient < 1e-3, "{agreement}");
}

#[test]
fn auto_is_never_a_gpu_that_the_cpu_emulates() {
    if vulkan().is_some() {
        assert_ne!(by_name("auto").unwrap(), software_vulkan());
    }
}
