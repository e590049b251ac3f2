//! K-means of the rows of a NumPy file, with its time: what `benches/peers/kmeans_sklearn.py` runs.
//!
//! `kmeans patches OUT.npy IMAGES` writes the normalised 8-pixel patches of synthetic images;
//! `kmeans cluster ROWS.npy CENTERS.npy K BATCH SEED` clusters by mini-batches, writes the
//! centroids and prints JSON.

use std::error::Error;
use std::time::Instant;

use burn::tensor::Device;
use indicatif::ProgressBar;
use mimlet_image::{NpyArray, NpyData, write_npy};
use mimlet_train::collective::Solo;
use mimlet_train::config::ModelConfig;
use mimlet_train::kmeans::{Algorithm, Job, Matrix, Options, cluster};
use mimlet_train::patches::write_patches;
use mimlet_train::synth::{self, SynthConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["patches", out, images] => patches(out, images.parse()?),
        ["cluster", rows, centers, clusters, batch, seed] => run(
            rows,
            centers,
            &Options {
                clusters: clusters.parse()?,
                algorithm: Algorithm::MiniBatch,
                batch: batch.parse()?,
                // scikit-learn's defaults.
                passes: 100,
                patience: 10,
                tolerance: 0.0,
                spherical: false,
                seed: seed.parse()?,
            },
        ),
        _ => Err("kmeans patches OUT IMAGES, or kmeans cluster ROWS CENTERS K BATCH SEED".into()),
    }
}

fn patches(out: &str, images: usize) -> Result<(), Box<dyn Error>> {
    let model = ModelConfig {
        image_size: synth::SIDE,
        resize: synth::SIDE,
        patch_size: 8,
        dim: 4,
        depth: 1,
        heads: 1,
        mlp: 1,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        licence: String::new(),
    };
    let set = synth::generate(SynthConfig { images, seed: 1 })?;
    let mut values = vec![0.0; set.pixels.len()];
    let image = values.len() / images;
    for (index, out) in values.chunks_exact_mut(image).enumerate() {
        write_patches(&model, set.image(index), out);
    }
    let shape = [images * model.patches(), model.patch_dim()];
    Ok(write_npy(out, &shape, &values)?)
}

fn run(rows: &str, centers: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let array = NpyArray::parse(&std::fs::read(rows)?)?;
    let (NpyData::F32(values), &[_, dim]) = (array.data, array.shape.as_slice()) else {
        return Err("the rows must be float32 [rows, dim]".into());
    };
    let matrix = Matrix::new(values, dim)?;
    let job = Job {
        options,
        rows: &matrix,
        device: &Device::flex(),
        collective: &Solo,
        state: None,
        id: "",
        resume: false,
        stop_after: None,
        progress: &ProgressBar::hidden(),
    };
    let started = Instant::now();
    let found = cluster(&job)?.ok_or("stopped early")?;
    let seconds = started.elapsed().as_secs_f64();
    write_npy(centers, &[options.clusters, dim], &found.centers)?;
    println!(
        "{}",
        serde_json::json!({"seconds": seconds, "inertia": found.inertia, "steps": found.steps})
    );
    Ok(())
}
