//! Times pre-training steps on random data: `pretrain_step SHAPE WARM COUNTED`.
//!
//! For each line of standard input it takes `WARM` steps that are not counted and `COUNTED` that
//! are, and prints their milliseconds as JSON. `benches/peers/pretrain_torch.py` runs it in turns
//! with PyTorch; it alone knows when the machine is quiet.

use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use mimlet_train::config::Config;
use mimlet_train::masking::mask;
use mimlet_train::nn::init::Init;
use mimlet_train::nn::mae::{Mae, MaskedImages, cross_entropy};
use mimlet_train::pretrain::optim::{AdamW, StepSize};
use mimlet_train::random::Stream;

/// Of the run that made the repository's model.
const SHAPES_TINY: &str = include_str!("../../../models/shapes-tiny/train.toml");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let [shape, warm, counted] = arguments else {
        return Err("usage: pretrain_step shapes-tiny|vit-tiny-224 WARM COUNTED".into());
    };
    let number = |text: &String| {
        let parsed = text.parse::<usize>();
        parsed.map_err(|_| format!("{text} is not a number"))
    };
    let (warm, counted) = (number(warm)?, number(counted)?);
    let mut steps = Steps::new(config(shape)?);
    for line in std::io::stdin().lock().lines() {
        line.map_err(|error| error.to_string())?;
        for _ in 0..warm {
            steps.take();
        }
        let times: Vec<String> = (0..counted)
            .map(|_| {
                let started = Instant::now();
                steps.take();
                format!("{:.4}", started.elapsed().as_secs_f64() * 1e3)
            })
            .collect();
        println!("[{}]", times.join(", "));
    }
    Ok(())
}

/// The shapes of `benches/peers/pretrain_torch.py`.
fn config(shape: &str) -> Result<Config, String> {
    let mut config: Config = toml::from_str(SHAPES_TINY).map_err(|error| error.to_string())?;
    match shape {
        "shapes-tiny" => {}
        "vit-tiny-224" => {
            let model = &mut config.model;
            (model.image_size, model.resize, model.patch_size) = (224, 224, 16);
            (model.dim, model.depth, model.heads, model.mlp) = (192, 12, 3, 768);
            let decoder = &mut config.decoder;
            (decoder.dim, decoder.depth, decoder.heads, decoder.mlp) = (128, 2, 4, 512);
            (config.codebook.tokens, config.train.batch) = (500, 16);
        }
        other => return Err(format!("no shape {other}; use shapes-tiny or vit-tiny-224")),
    }
    Ok(config)
}

/// A network in training on one random batch.
struct Steps {
    model: Option<Mae>,
    optimizer: AdamW,
    input: MaskedImages,
    targets: Tensor<1, Int>,
}

impl Steps {
    fn new(config: Config) -> Self {
        let device = Device::flex().autodiff();
        let (visible, masked) = config.visible_and_masked();
        let (model, batch) = (&config.model, config.train.batch);
        let mut random = Stream::new(&[1]);
        let count = batch * visible * model.patch_dim();
        let patches: Vec<f32> = (0..count).map(|_| random.normal()).collect();
        let masks: Vec<_> = (0..batch as u64)
            .map(|image| mask(1, 0, image, model.patches(), visible))
            .collect();
        let ints = |values: Vec<i32>| {
            let count = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
        };
        let seen = masks.iter().flat_map(|mask| &mask.visible);
        let hidden = masks.iter().flat_map(|mask| &mask.masked);
        let targets = (0..batch * masked).map(|row| (row * 37 % config.codebook.tokens) as i32);
        let patches = TensorData::new(patches, [batch * visible, model.patch_dim()]);
        Self {
            model: Some(Mae::new(
                &config,
                config.codebook.tokens,
                &mut Init::new(1, &device),
            )),
            optimizer: AdamW::default(),
            input: MaskedImages {
                batch,
                patches: Tensor::from_data(patches, &device),
                visible: ints(seen.map(|&i| i as i32).collect()),
                masked: ints(hidden.map(|&i| i as i32).collect()),
            },
            targets: ints(targets.collect()),
        }
    }

    /// Forward, backward, update, as the trainer does them.
    fn take(&mut self) {
        let Some(model) = self.model.take() else {
            return;
        };
        let loss = cross_entropy(model.forward(self.input.clone()), self.targets.clone());
        let value: f32 = loss.clone().into_scalar();
        assert!(value.is_finite(), "the loss is {value}");
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let size = StepSize {
            rate: 1e-3,
            weight_decay: 0.05,
            clip: 1.0,
        };
        let (model, _) = self.optimizer.step(model, gradients, size);
        self.model = Some(model);
    }
}
