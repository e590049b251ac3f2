//! An encoder on one of burn's devices, as a worker of `benches/peers/vulkan.py`:
//! `encode_images FILE IMAGES DEVICE`.
//!
//! `FILE` is a timm checkpoint with 16 x 16 patches and heads of 64 values, `IMAGES` raw f32 that begin
//! with one normalised `[3, 224, 224]`. Speaks as `python_worker.py` does: first `ready` and a
//! description; `run K` is answered with the milliseconds of K runs after one that is not counted,
//! `features PATH` with `written`.

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::Device;
use mimlet_train::config::Config;
use mimlet_train::device;
use mimlet_train::encoder::EncoderFile;

/// Input side, patch side and a head's width.
const SIDE: usize = 224;
const PATCH: usize = 16;
const HEAD: usize = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn serve(arguments: &[String]) -> Result<(), String> {
    let [file, images, device] = arguments else {
        return Err("usage: encode_images FILE IMAGES DEVICE".into());
    };
    let device = device::by_name(device).map_err(|error| error.to_string())?;
    let encoder = open(Path::new(file), &device)?;
    let patches = patches(&std::fs::read(images).map_err(|error| format!("{images}: {error}"))?)
        .ok_or_else(|| format!("{images} holds no image of {SIDE} x {SIDE}"))?;
    let run = || {
        let features = encoder.encode(patches.clone(), vec![0]);
        [features.class, features.patches].concat()
    };
    println!("ready burn on {}", device::describe(&device));
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        match line.split_once(' ') {
            Some(("run", count)) => {
                let count: usize = count.parse().map_err(|_| format!("no count: {line}"))?;
                run();
                let times = (0..count).map(|_| {
                    let started = Instant::now();
                    run();
                    started.elapsed().as_secs_f64() * 1e3
                });
                println!("{:?}", times.collect::<Vec<_>>());
            }
            Some(("features", path)) => {
                let bytes: Vec<u8> = run().iter().flat_map(|value| value.to_le_bytes()).collect();
                std::fs::write(path, bytes).map_err(|error| format!("{path}: {error}"))?;
                println!("written");
            }
            _ => return Err(format!("`{line}` is neither `run K` nor `features PATH`")),
        }
    }
    Ok(())
}

/// A checkpoint's encoder; timm's files do not say how many heads there are.
fn open(file: &Path, device: &Device) -> Result<EncoderFile, String> {
    let with_heads = |heads: usize| {
        let text = format!(
            "[model]\nimage_size = {SIDE}\nresize = {SIDE}\npatch_size = {PATCH}\ndim = {}\ndepth = 1\n\
             heads = {heads}\nmlp = 1\n[data]\nflip = false\nshift = 0\n",
            heads * HEAD
        );
        let config: Config = toml::from_str(&text).map_err(|error| error.to_string())?;
        EncoderFile::open(file, &config.model, device).map_err(|error| error.to_string())
    };
    let encoder = with_heads(1)?;
    with_heads(encoder.model.dim / HEAD)
}

/// The first image's patches: each as the convolution's weights lie.
fn patches(bytes: &[u8]) -> Option<Vec<f32>> {
    let values: Vec<f32> = bytes
        .get(..3 * SIDE * SIDE * 4)?
        .chunks_exact(4)
        .map(|word| f32::from_le_bytes(word.try_into().expect("four bytes")))
        .collect();
    let grid = SIDE / PATCH;
    let mut patches = Vec::with_capacity(values.len());
    for patch in 0..grid * grid {
        for channel in 0..3 {
            for row in 0..PATCH {
                let y = patch / grid * PATCH + row;
                let start = (channel * SIDE + y) * SIDE + patch % grid * PATCH;
                patches.extend_from_slice(&values[start..start + PATCH]);
            }
        }
    }
    Some(patches)
}
