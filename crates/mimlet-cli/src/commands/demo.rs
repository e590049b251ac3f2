//! `mimlet demo`: the bundled model on everything this machine has, and a picture of its tokens.

mod bundle;
mod canvas;
mod colours;
mod palette;
mod picture;
mod report;
mod run;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Args;
use embedded_graphics::geometry::Size;
use mimlet_format::Model;
use mimlet_image::{Limits, Preprocessor, RgbImage, decode};
use mimlet_session::{CpuRung, Rung};
use mimlet_tcas::{TokenClassCounts, shuffled_tcas};

use crate::destination::Destination;
use crate::error::Error;
use crate::gpu;
use crate::output::{Outcome, Output};

use colours::TokenColours;
use picture::{Panel, Picture};
use report::{Alignment, ModelFacts, Report};
use run::{Run, Sample};

/// Permutations of the labels that the shuffled value is the mean of, and their seed.
const PERMUTATIONS: (u32, u64) = (20, 0);

/// Arguments of `mimlet demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The picture to write
    #[arg(long, value_name = "FILE", default_value = "demo.png")]
    out: PathBuf,
}

impl DemoArgs {
    /// Runs the bundled model on every backend and draws the picture; fails when a backend does.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let destination = Destination::new(&self.out)?;
        let file = bundle::model()?;
        let model = file.model();
        let classes = bundle::class_names();
        let samples = samples(&model)?;
        let runs: Vec<Run> = rungs()
            .iter()
            .map(|rung| run::run(&**rung, &model, &samples, classes.len()))
            .collect();
        // The CPU is the first of them.
        let tokens = runs
            .first()
            .map(|run| run.tokens.as_slice())
            .unwrap_or_default();
        let size = model
            .manifest()
            .codebook
            .as_ref()
            .map_or(1, |codebook| codebook.size as usize);
        let mut counts = TokenClassCounts::new(size, classes.len())?;
        for image in tokens {
            counts.add_tokens(&image.tokens, image.class)?;
        }
        let (permutations, seed) = PERMUTATIONS;
        let shuffled = shuffled_tcas(tokens, size, classes.len(), permutations, seed)?;
        let report = Report::new(
            ModelFacts::new(&model),
            &runs,
            Alignment::new(&counts, shuffled, samples.len(), classes.len()),
            self.out.display().to_string(),
        );
        let colours = TokenColours::new(&counts);
        let picture = Picture {
            title: "mimlet demo: from image to verified tokens",
            subtitle: &report.subtitle(),
            passed: report.passed,
            panels: panels(&model, &samples, tokens, &classes),
            classes: &classes,
            colours: &colours,
            facts: report.picture_facts(),
        };
        destination.write(&picture.draw().to_png()?)?;
        output.print(&report)?;
        Ok(Outcome::of_check("demo", &report.failures()))
    }
}

/// The CPU, then every GPU.
fn rungs() -> Vec<Box<dyn Rung>> {
    let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let cpu: Box<dyn Rung> = Box::new(CpuRung::fastest(threads));
    [cpu].into_iter().chain(gpu::rungs(true)).collect()
}

/// The bundled images, decoded and prepared.
fn samples(model: &Model<'_>) -> Result<Vec<Sample>, Error> {
    let manifest = model.manifest();
    let preprocessor = Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size)?;
    bundle::images()
        .map(|(class, bytes)| {
            let image = decode(bytes, "bundled image", &Limits::default())?;
            let input = preprocessor.prepare_image(&image).input;
            Ok(Sample {
                class,
                image,
                input,
            })
        })
        .collect()
}

/// The first image of each class.
fn panels<'a>(
    model: &Model<'_>,
    samples: &'a [Sample],
    tokens: &'a [mimlet_tcas::ImageTokens],
    classes: &[String],
) -> Vec<Panel<'a>> {
    let [rows, columns] = model.manifest().encoder.grid();
    let size_of = |image: &RgbImage| Size::new(image.width(), image.height());
    let mut panels = Vec::with_capacity(classes.len());
    for (label, class) in (0..).zip(classes) {
        let both = samples.iter().zip(tokens);
        if let Some((sample, tokens)) = both.into_iter().find(|(sample, _)| sample.class == label) {
            panels.push(Panel {
                caption: class.clone(),
                pixels: sample.image.pixels(),
                size: size_of(&sample.image),
                tokens: &tokens.tokens,
                grid: Size::new(columns, rows),
            });
        }
    }
    panels
}
