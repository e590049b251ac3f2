//! `mimlet inspect`: what is in a file.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use mimlet_format::{
    Codebook, EncoderConfig, Manifest, Model, ModelFile, Preprocess, Provenance, Scheme,
    TensorView, Thresholds, VERSION,
};
use mimlet_runtime::Plan;
use serde::Serialize;

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::table::{Align, Facts, Table};
use crate::units::{self, count, hex};

/// Arguments of `mimlet inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The .mim file
    file: PathBuf,
}

impl InspectArgs {
    /// Prints the manifest and the tensor table of a file that has passed every check.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let file = ModelFile::open(&self.file)?;
        let model = file.model();
        output.print(&Report::new(self.file.display().to_string(), &model)?)?;
        Ok(Outcome::Good)
    }
}

/// What `mimlet inspect` prints.
#[derive(Debug, Serialize)]
struct Report<'m> {
    file: String,
    version: u16,
    bytes: u64,
    hash: String,
    config: &'m EncoderConfig,
    preprocess: &'m Preprocess,
    codebook: Option<&'m Codebook>,
    acceptance: Acceptance<'m>,
    provenance: Source<'m>,
    memory: Memory,
    tensors: Vec<Tensor>,
}

#[derive(Debug, Serialize)]
struct Acceptance<'m> {
    images: u32,
    labels: &'m [u32],
    class_names: &'m [String],
    thresholds: &'m Thresholds,
}

/// [`Provenance`] with its hash in hexadecimal.
#[derive(Debug, Serialize)]
struct Source<'m> {
    name: &'m str,
    producer: &'m str,
    source: &'m str,
    source_hash: String,
    scheme: Scheme,
    licence: Option<&'m str>,
}

/// What running the model takes, by its plan.
#[derive(Debug, Serialize)]
struct Memory {
    weight_bytes: u64,
    activation_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Tensor {
    role: String,
    dtype: String,
    layout: String,
    shape: Vec<u32>,
    offset: u64,
    bytes: u64,
}

impl<'m> Report<'m> {
    fn new(file: String, model: &'m Model<'_>) -> Result<Self, Error> {
        let manifest = model.manifest();
        let plan = Plan::new(manifest)?;
        Ok(Self {
            file,
            version: VERSION,
            bytes: model.bytes().len() as u64,
            hash: hex(&model.hash()),
            config: &manifest.encoder,
            preprocess: &manifest.preprocess,
            codebook: manifest.codebook.as_ref(),
            acceptance: Acceptance::new(manifest),
            provenance: Source::new(&manifest.provenance),
            memory: Memory {
                weight_bytes: plan.weight_bytes(),
                activation_bytes: plan.activation_bytes(),
            },
            tensors: model.tensors().map(|view| Tensor::new(&view)).collect(),
        })
    }
}

impl<'m> Acceptance<'m> {
    fn new(manifest: &'m Manifest) -> Self {
        let test = &manifest.acceptance;
        Self {
            images: test.images,
            labels: &test.labels,
            class_names: &test.class_names,
            thresholds: &test.thresholds,
        }
    }
}

impl<'m> Source<'m> {
    fn new(provenance: &'m Provenance) -> Self {
        Self {
            name: &provenance.name,
            producer: &provenance.producer,
            source: &provenance.source,
            source_hash: hex(&provenance.source_hash),
            scheme: provenance.scheme,
            licence: provenance.licence.as_deref(),
        }
    }
}

impl Tensor {
    fn new(view: &TensorView<'_, '_>) -> Self {
        let entry = view.entry;
        Self {
            role: entry.role.to_string(),
            dtype: entry.dtype.to_string(),
            layout: entry.layout.to_string(),
            shape: entry.shape.clone(),
            offset: entry.offset,
            bytes: entry.length,
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        self.source_facts(&mut facts);
        self.encoder_facts(&mut facts);
        self.test_facts(&mut facts);
        let mut table = Table::new([
            ("tensor", Align::Left),
            ("type", Align::Left),
            ("layout", Align::Left),
            ("shape", Align::Left),
            ("offset", Align::Right),
            ("bytes", Align::Right),
        ]);
        for tensor in &self.tensors {
            table.row([
                tensor.role.clone(),
                tensor.dtype.clone(),
                tensor.layout.clone(),
                format!("{:?}", tensor.shape),
                tensor.offset.to_string(),
                tensor.bytes.to_string(),
            ]);
        }
        write!(f, "{facts}\n{table}")
    }
}

impl Report<'_> {
    fn source_facts(&self, facts: &mut Facts) {
        let from = &self.provenance;
        facts
            .fact("file", &self.file)
            .fact(
                "format",
                format!(
                    ".mim version {}, {}",
                    self.version,
                    units::bytes(self.bytes)
                ),
            )
            .fact("hash", &self.hash)
            .fact("model", from.name)
            .fact("weights", scheme_name(from.scheme))
            .fact("made by", from.producer)
            .fact("made from", from.source);
        if from.source_hash.bytes().any(|digit| digit != b'0') {
            facts.fact("source hash", &from.source_hash);
        }
        facts.fact("licence", from.licence.unwrap_or("not stated"));
    }

    fn encoder_facts(&self, facts: &mut Facts) {
        let encoder = self.config;
        let [height, width] = encoder.image_size;
        let [rows, columns] = encoder.grid();
        let registers = match encoder.register_tokens {
            0 => String::new(),
            registers => format!(", {}", count(registers.into(), "register token")),
        };
        facts
            .fact(
                "encoder",
                format!(
                    "ViT, {} of width {}, {}, MLP {}{registers}",
                    count(encoder.depth.into(), "block"),
                    encoder.embed_dim,
                    count(encoder.num_heads.into(), "head"),
                    encoder.mlp_dim,
                ),
            )
            .fact(
                "input",
                format!(
                    "{width} x {height} pixels, {columns} x {rows} patches of {0} x {0}",
                    encoder.patch_size
                ),
            )
            .fact(
                "preprocess",
                format!(
                    "short side to {} (bicubic), centre crop, mean {:?}, std {:?}",
                    self.preprocess.resize_short_side, self.preprocess.mean, self.preprocess.std
                ),
            );
        let codebook = self.codebook.map_or("none".to_string(), |codebook| {
            format!(
                "{} centroids over {} of width {}, Euclidean",
                codebook.size,
                format!("{:?}", codebook.space).to_lowercase(),
                codebook.dim
            )
        });
        facts.fact("codebook", codebook).fact(
            "memory",
            format!(
                "{} weights, {} buffers",
                units::bytes(self.memory.weight_bytes),
                units::bytes(self.memory.activation_bytes)
            ),
        );
    }

    fn test_facts(&self, facts: &mut Facts) {
        let (test, limits) = (&self.acceptance, self.acceptance.thresholds);
        let classes = match test.labels.len() {
            0 => ", unlabelled".to_string(),
            _ => format!(", classes {}", test.class_names.join(" ")),
        };
        let mut passes = format!("cosine >= {}", limits.min_cosine);
        if self.codebook.is_some() {
            passes += &format!(
                ", tokens >= {}, flips <= {} from a margin of {:.3}",
                units::percent(limits.min_token_agreement.into()),
                limits.max_wide_margin_flips,
                limits.wide_margin
            );
        }
        if let Some(max) = limits.max_tcas {
            passes += &format!(", TCAS <= {max:.4}");
        }
        facts
            .fact(
                "acceptance",
                format!("{}{classes}", count(test.images.into(), "golden image")),
            )
            .fact("passes at", passes);
    }
}

/// A scheme as its flag is spelt.
fn scheme_name(scheme: Scheme) -> String {
    format!("{scheme:?}").to_lowercase()
}
