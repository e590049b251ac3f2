//! The loop as a whole, on a tiny model.

mod gradients;

use std::path::Path;

use burn::tensor::Device;
use indicatif::ProgressBar;

use crate::codebook::{Codebook, pixel_codebook};
use crate::collective::Solo;
use crate::config::Config;
use crate::data::ImageSet;
use crate::encoder::EncoderFile;
use crate::nn::init::Init;
use crate::nn::mae::Mae;
use crate::nn::state::{read_state, with_state};
use crate::pretrain::checkpoint;
use crate::pretrain::log::Record;
use crate::pretrain::targets::Targets;
use crate::pretrain::tiny;
use crate::pretrain::trainer::{Run, pretrain};
use crate::tokenizer;
use crate::{synth, tensors};

fn inputs(config: &Config) -> (ImageSet, Codebook) {
    let images = synth::generate(config.data.synth.unwrap()).unwrap();
    let (codebook, _) = pixel_codebook(&config.codebook, &config.model, &images).unwrap();
    (images, codebook)
}

fn train(config: &Config, out: &Path, resume: bool, stop_after: Option<usize>) -> Vec<Record> {
    let (images, codebook) = inputs(config);
    let device = Device::flex();
    let tokenizer = tokenizer::open(&codebook, None, &config.model, &device).unwrap();
    let run = Run {
        config,
        images: &images,
        targets: &Targets::Tokens(tokenizer),
        baseline: codebook.unigram_entropy(),
        targets_id: "tiny",
        out,
        device: &device,
        collective: &Solo,
        resume,
        stop_after,
    };
    pretrain(run, &ProgressBar::hidden()).unwrap()
}

#[test]
fn loss_falls_and_the_run_leaves_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny::config();
    config.train.steps = 120;
    let records = train(&config, folder.path(), false, None);
    let (first, last) = (&records[0], &records[records.len() - 1]);
    assert!(
        last.loss < 0.9 * first.loss,
        "{} to {}",
        first.loss,
        last.loss
    );
    for name in [
        "encoder.safetensors",
        checkpoint::FILE,
        "events.out.tfevents.mimlet",
        "log.jsonl",
        "loss.png",
        "panels.png",
    ] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let partial = std::fs::read_dir(folder.path()).unwrap();
    assert!(
        partial
            .flatten()
            .all(|entry| entry.path().extension().unwrap() != "partial")
    );
}

#[test]
fn a_resumed_run_equals_an_unbroken_one() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = tiny::config();
    config.train.steps = 20;
    train(&config, whole.path(), false, None);
    train(&config, broken.path(), false, Some(10));
    let records = train(&config, broken.path(), true, None);
    assert_eq!(records.len(), 4);
    let read = |folder: &Path| tensors::read(&folder.join(checkpoint::FILE)).unwrap();
    let ((state, metadata), (other, other_metadata)) = (read(whole.path()), read(broken.path()));
    assert_eq!(metadata, other_metadata);
    assert_eq!(state, other);
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny::config();
    config.train.steps = 2;
    train(&config, folder.path(), false, None);
    config.train.blr *= 2.0;
    let device = Device::flex();
    let model = Mae::new(&config, 8, &mut Init::new(0, &device));
    let error = checkpoint::load(folder.path(), &config, "tiny", model, &device).unwrap_err();
    assert!(
        error.to_string().contains("another configuration"),
        "{error}"
    );
}

#[test]
fn checkpoints_bear_the_names_of_timm_and_mae() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny::config();
    config.train.steps = 1;
    train(&config, folder.path(), false, None);
    let (state, metadata) = tensors::read(&folder.path().join("encoder.safetensors")).unwrap();
    let mut expected: Vec<String> = [
        "cls_token",
        "pos_embed",
        "patch_embed.proj.weight",
        "patch_embed.proj.bias",
        "norm.weight",
        "norm.bias",
    ]
    .map(str::to_owned)
    .into();
    for block in 0..2 {
        for part in [
            "norm1",
            "attn.qkv",
            "attn.proj",
            "norm2",
            "mlp.fc1",
            "mlp.fc2",
        ] {
            for kind in ["weight", "bias"] {
                expected.push(format!("blocks.{block}.{part}.{kind}"));
            }
        }
    }
    expected.sort();
    assert_eq!(state.keys().cloned().collect::<Vec<_>>(), expected);
    assert_eq!(state["pos_embed"].shape, [1, 17, 32]);
    assert_eq!(state["patch_embed.proj.weight"].shape, [32, 3, 16, 16]);
    assert_eq!(state["blocks.0.attn.qkv.weight"].shape, [96, 32]);
    assert_eq!(metadata["num_heads"], "2");
    let (whole, _) = tensors::read(&folder.path().join(checkpoint::FILE)).unwrap();
    for name in [
        "mask_token",
        "decoder_pos_embed",
        "decoder_pred.weight",
        "decoder_embed.bias",
    ] {
        assert!(whole.contains_key(name), "{name}");
    }
    let file = EncoderFile::read(&folder.path().join("encoder.safetensors"), &Device::flex());
    assert_eq!(file.unwrap().model, config.model);
}

#[test]
fn weights_survive_the_round_trip_and_misfits_are_named() {
    let device = Device::flex();
    let mut config = tiny::config();
    let state = read_state(&Mae::new(&config, 8, &mut Init::new(1, &device)));
    let other = Mae::new(&config, 8, &mut Init::new(2, &device));
    assert_ne!(read_state(&other), state);
    assert_eq!(read_state(&with_state(other, &state).unwrap()), state);
    config.model.mlp = 48;
    let smaller = Mae::new(&config, 8, &mut Init::new(2, &device));
    let error = with_state(smaller, &state).unwrap_err().to_string();
    assert!(error.contains("blocks.0.mlp.fc1.weight"), "{error}");
}
