//! `mimlet-train codebook`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::inputs::{Images, bar};
use super::print;
use crate::codebook::{Built, CodebookConfig, Normalise, Request, SpaceKind, build};
use crate::collective::{self, Collective};
use crate::device;
use crate::error::TrainError;
use crate::kmeans::Algorithm;

/// Flags of `codebook`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    images: Images,
    /// File to write. While k-means runs its state is in <OUT>.state.
    #[arg(long)]
    out: PathBuf,
    /// The encoder whose patch features are clustered: a checkpoint or a .mim file.
    #[arg(long)]
    encoder: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[arg(long, default_value = "auto", help = device::HELP)]
    device: String,
    /// Go on from <OUT>.state.
    #[arg(long)]
    resume: bool,
    /// Stop early, after this many mini-batches or passes in all; --resume goes on from there.
    #[arg(long)]
    stop_after: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Flags that override the configuration's `[codebook]`.
#[derive(Debug, Args)]
struct Settings {
    /// What the codebook is over; by default features with --encoder, pixels without.
    #[arg(long)]
    space: Option<SpaceKind>,
    /// How centroids are improved.
    #[arg(long)]
    algorithm: Option<Algorithm>,
    /// Number of centroids.
    #[arg(long)]
    tokens: Option<usize>,
    /// Features after this many of the encoder's blocks, instead of after its final norm.
    #[arg(long)]
    layer: Option<usize>,
    /// Normalise vectors first: to length 1 (l2, for spherical k-means) or each to mean 0 and
    /// variance 1 (per-patch). Without a value l2 for features, per-patch for pixels.
    #[arg(long, num_args = 0..=1)]
    normalise: Option<Option<Normalise>>,
    /// Seed.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Report {
    space: &'static str,
    tokens: usize,
    /// Tokens without a patch.
    empty_tokens: usize,
    dim: usize,
    patches: usize,
    /// `None` where nothing is clustered.
    inertia: Option<f64>,
    unigram_entropy: f64,
    steps: usize,
    seconds: f64,
}

impl Settings {
    /// Sets what flags say.
    fn apply(&self, config: &mut CodebookConfig, has_encoder: bool) -> Result<(), TrainError> {
        config.space = self.space.or(config.space);
        if config.space == Some(SpaceKind::Labels) && self.tokens.is_some() {
            return Err(TrainError::Config(
                "the tokens of --space labels are the classes; leave --tokens out".into(),
            ));
        }
        config.algorithm = self.algorithm.unwrap_or(config.algorithm);
        config.tokens = self.tokens.unwrap_or(config.tokens);
        config.layer = self.layer.or(config.layer);
        config.seed = self.seed.unwrap_or(config.seed);
        let is_features = config
            .space
            .map_or(has_encoder, |space| space == SpaceKind::Features);
        let usual = if is_features {
            Normalise::L2
        } else {
            Normalise::PerPatch
        };
        if let Some(given) = self.normalise {
            config.normalise = given.unwrap_or(usual);
        }
        config.check()
    }
}

/// Clusters and writes.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    collective::run(|collective| cluster(arguments, collective))
}

fn cluster(arguments: &Arguments, collective: &dyn Collective) -> Result<(), TrainError> {
    let (mut config, images) = arguments.images.read(&[])?;
    arguments
        .settings
        .apply(&mut config.codebook, arguments.encoder.is_some())?;
    let device = device::by_name(&arguments.device)?;
    let state = state_path(&arguments.out);
    let progress = bar(0);
    let started = Instant::now();
    let built = build(&Request {
        config: &config.codebook,
        model: &config.model,
        source: &*images,
        encoder: arguments.encoder.as_deref(),
        device: &device,
        collective,
        state: Some(&state),
        resume: arguments.resume,
        stop_after: arguments.stop_after,
        progress: &progress,
    })?;
    progress.finish_and_clear();
    if collective.rank() > 0 {
        return Ok(());
    }
    let Some(built) = built else {
        return print(&None::<Report>, arguments.json, || {
            format!(
                "stopped; its state is in {}, go on with --resume",
                state.display()
            )
        });
    };
    built.codebook.write(&arguments.out)?;
    if state.exists() {
        std::fs::remove_file(&state).map_err(TrainError::io(&state, "remove"))?;
    }
    let report = report(&built, started.elapsed().as_secs_f64());
    print(&report, arguments.json, || text(&report))
}

/// `<out>.state`.
fn state_path(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".state");
    out.with_file_name(name)
}

fn report(built: &Built, seconds: f64) -> Report {
    let codebook = &built.codebook;
    Report {
        space: codebook.space.name(),
        tokens: codebook.tokens(),
        empty_tokens: codebook
            .counts
            .iter()
            .filter(|&&count| count == 0.0)
            .count(),
        dim: codebook.dim,
        patches: built.vectors,
        inertia: built.inertia,
        unigram_entropy: codebook.unigram_entropy(),
        steps: built.steps,
        seconds,
    }
}

fn text(report: &Report) -> String {
    let inertia = report.inertia.map_or(String::new(), |inertia| {
        format!(", mean squared distance {inertia:.4}")
    });
    format!(
        "{} {} tokens of width {} over {} patches{inertia}, token entropy {:.4} nats, {} never used",
        report.tokens,
        report.space,
        report.dim,
        report.patches,
        report.unigram_entropy,
        report.empty_tokens
    )
}
