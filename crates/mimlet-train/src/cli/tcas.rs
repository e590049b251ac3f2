//! `mimlet-train tcas`.

use std::path::PathBuf;

use clap::Args;

use super::inputs::Images;
use super::print;
use super::token_table::TokenTable;
use crate::codebook::Codebook;
use crate::collective::{self, Collective};
use crate::device;
use crate::error::TrainError;
use crate::evaluate::alignment::align;
use crate::tokenizer;

/// Flags of `tcas`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    images: Images,
    /// The codebook.
    #[arg(long)]
    codebook: PathBuf,
    /// The encoder of a feature codebook.
    #[arg(long)]
    encoder: Option<PathBuf>,
    /// Also write the tokens to this Parquet file, a row for each patch (image, patch, token,
    /// label).
    #[arg(long)]
    tokens_out: Option<PathBuf>,
    #[arg(long, default_value = "auto", help = device::HELP)]
    device: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Measures.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    collective::run(|collective| measure(arguments, collective))
}

fn measure(arguments: &Arguments, collective: &dyn Collective) -> Result<(), TrainError> {
    if arguments.tokens_out.is_some() && collective.world() > 1 {
        return Err(TrainError::Config(
            "--tokens-out is of one process: run one for each shard of the data, each with a file \
             of its own"
                .into(),
        ));
    }
    let (config, images) = arguments.images.read(&[])?;
    let codebook = Codebook::read(&arguments.codebook)?;
    let device = device::by_name(&arguments.device)?;
    let encoder = arguments.encoder.as_deref();
    let tokenizer = tokenizer::open(&codebook, encoder, &config.model, &device)?;
    let mut table = match &arguments.tokens_out {
        Some(path) => {
            let (file, data) = (&arguments.codebook, arguments.images.data.as_deref());
            Some(TokenTable::create(path, file, &codebook, data, &*images)?)
        }
        None => None,
    };
    let report = align(
        &*tokenizer,
        &config.model,
        &*images,
        collective,
        |index, image| {
            table
                .as_mut()
                .map_or(Ok(()), |table| table.write(index, image))
        },
    )?;
    if let Some(table) = table {
        table.finish()?;
    }
    if collective.rank() > 0 {
        return Ok(());
    }
    print(&report, arguments.json, || {
        let number = |value: Option<f64>| value.map_or("none".to_owned(), |v| format!("{v:.4}"));
        format!(
            "TCAS {} (labels shuffled {}), NMI {}, {} of {} tokens used, {} images",
            number(report.tcas),
            number(report.shuffled_tcas),
            number(report.nmi),
            report.used_tokens,
            report.tokens,
            report.images
        )
    })
}
