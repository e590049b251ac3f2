//! What `mimlet demo` prints.

use std::fmt;

use mimlet_format::Model;
use mimlet_tcas::TokenClassCounts;
use serde::Serialize;

use super::run::Run;
use crate::latency::Percentiles;
use crate::table::{Align, Facts, Table};
use crate::units::{bytes, hex, milliseconds, or_dash, percent};
use crate::verdict::VerdictReport;

/// Backends that the picture has room for.
const MOST_BACKENDS: usize = 3;

/// Everything the demo found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) passed: bool,
    model: ModelFacts,
    #[serde(flatten)]
    alignment: Alignment,
    backends: Vec<Backend>,
    picture: String,
}

/// The bundled model.
#[derive(Debug, Serialize)]
pub(super) struct ModelFacts {
    name: String,
    scheme: String,
    bytes: u64,
    hash: String,
    patches: u32,
}

/// How well tokens and classes align, on the CPU.
#[derive(Debug, Serialize)]
pub(super) struct Alignment {
    tcas: Option<f64>,
    shuffled_tcas: Option<f64>,
    nmi: Option<f64>,
    used_tokens: usize,
    codebook_size: usize,
    images: usize,
    classes: usize,
}

/// One backend.
#[derive(Debug, Serialize)]
struct Backend {
    name: String,
    kind: &'static str,
    /// The name without what `kind` says already, and without the driver.
    device: String,
    passed: bool,
    error: Option<String>,
    verdict: Option<VerdictReport>,
    tcas: Option<f64>,
    /// Share of patches with the CPU's token.
    same_tokens_as_cpu: Option<f64>,
    latency: Option<Percentiles>,
}

impl ModelFacts {
    pub(super) fn new(model: &Model<'_>) -> Self {
        let manifest = model.manifest();
        Self {
            name: manifest.provenance.name.clone(),
            scheme: format!("{:?}", manifest.provenance.scheme).to_lowercase(),
            bytes: model.bytes().len() as u64,
            hash: hex(&model.hash()),
            patches: manifest.encoder.patches(),
        }
    }
}

impl Alignment {
    pub(super) fn new(
        counts: &TokenClassCounts,
        shuffled_tcas: Option<f64>,
        images: usize,
        classes: usize,
    ) -> Self {
        Self {
            tcas: counts.tcas(),
            shuffled_tcas,
            nmi: counts.nmi(),
            used_tokens: counts.used_tokens(),
            codebook_size: counts.tokens(),
            images,
            classes,
        }
    }
}

impl Backend {
    fn new(run: &Run, cpu: &Run) -> Self {
        Self {
            name: run.name.clone(),
            kind: run.kind,
            device: run.device.clone(),
            passed: run.passed(),
            error: run.error.clone(),
            verdict: run.verdict.clone(),
            tcas: run.tcas,
            same_tokens_as_cpu: run.same_tokens(cpu),
            latency: run.latency,
        }
    }

    /// What went wrong, if anything.
    fn failures(&self) -> Vec<String> {
        let missed = self.verdict.iter().flat_map(|verdict| &verdict.failures);
        let all = self.error.iter().chain(missed);
        all.map(|failure| format!("{}: {failure}", self.name))
            .collect()
    }

    fn p50(&self) -> String {
        or_dash(self.latency, |latency| milliseconds(latency.p50_ms))
    }

    fn verdict_word(&self) -> &'static str {
        if self.passed { "PASSED" } else { "FAILED" }
    }
}

impl Report {
    /// From the runs, the CPU's first.
    pub(super) fn new(
        model: ModelFacts,
        runs: &[Run],
        alignment: Alignment,
        picture: String,
    ) -> Self {
        let cpu = runs.first();
        let backend = |run| cpu.map(|cpu| Backend::new(run, cpu));
        Self {
            passed: !runs.is_empty() && runs.iter().all(Run::passed),
            model,
            alignment,
            backends: runs.iter().filter_map(backend).collect(),
            picture,
        }
    }

    /// A row for each backend.
    fn backend_table(&self) -> Table<8> {
        let right = Align::Right;
        let mut table = Table::new([
            ("backend", Align::Left),
            ("device", Align::Left),
            ("test", Align::Left),
            ("cosine", right),
            ("tokens right", right),
            ("as on cpu", right),
            ("TCAS", right),
            ("p50 an image", right),
        ]);
        for backend in &self.backends {
            let verdict = backend.verdict.as_ref();
            table.row([
                backend.kind.to_string(),
                backend.device.clone(),
                backend.verdict_word().to_string(),
                or_dash(verdict, |verdict| format!("{:.6}", verdict.cosine)),
                or_dash(verdict.and_then(|verdict| verdict.token_agreement), percent),
                or_dash(backend.same_tokens_as_cpu, percent),
                or_dash(backend.tcas, |tcas| format!("{tcas:.4}")),
                backend.p50(),
            ]);
        }
        table
    }

    /// What went wrong, on all backends.
    pub(super) fn failures(&self) -> Vec<String> {
        self.backends.iter().flat_map(Backend::failures).collect()
    }

    /// The picture's second line.
    pub(super) fn subtitle(&self) -> String {
        let model = &self.model;
        format!(
            "{}, {}, {}: each image beside the tokens of its {} patches",
            model.name,
            model.scheme,
            bytes(model.bytes),
            model.patches
        )
    }

    /// The picture's lines of numbers.
    pub(super) fn picture_facts(&self) -> Vec<(String, String)> {
        let alignment = &self.alignment;
        let score = |value: Option<f64>| or_dash(value, |value| format!("{value:.4}"));
        let fact = |name: &str, value: String| (name.to_string(), value);
        let mut facts = vec![
            fact(
                "images",
                format!("{} of {} classes", alignment.images, alignment.classes),
            ),
            fact(
                "TCAS",
                format!("{} (lower is better)", score(alignment.tcas)),
            ),
            fact(
                "by chance",
                format!("{} (labels shuffled)", score(alignment.shuffled_tcas)),
            ),
            fact("NMI", score(alignment.nmi)),
            fact(
                "tokens",
                format!(
                    "{} of {} used",
                    alignment.used_tokens, alignment.codebook_size
                ),
            ),
        ];
        for backend in self.backends.iter().take(MOST_BACKENDS) {
            // Versions of its compiler, in brackets, have no room.
            let device = backend.device.split(" (").next().unwrap_or_default();
            let device: String = device.chars().take(24).collect();
            let latency = format!("{}, {device}", backend.p50());
            facts.push(fact(&format!("p50 {}", backend.kind), latency));
        }
        facts
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (model, alignment) = (&self.model, &self.alignment);
        let mut facts = Facts::new();
        facts
            .fact(
                "model",
                format!("{}, {}, {}", model.name, model.scheme, bytes(model.bytes)),
            )
            .fact(
                "images",
                format!(
                    "{} of {} classes, none of them seen in training",
                    alignment.images, alignment.classes
                ),
            );
        writeln!(f, "{facts}")?;
        writeln!(f, "{}", self.backend_table())?;
        let score = |value: Option<f64>| or_dash(value, |value| format!("{value:.4}"));
        let mut facts = Facts::new();
        facts
            .fact(
                "TCAS",
                format!(
                    "{}, against {} with the labels shuffled; lower is better",
                    score(alignment.tcas),
                    score(alignment.shuffled_tcas)
                ),
            )
            .fact(
                "tokens",
                format!(
                    "{} of {} used, NMI with the classes {}",
                    alignment.used_tokens,
                    alignment.codebook_size,
                    score(alignment.nmi)
                ),
            )
            .fact("picture", &self.picture);
        let passed = if self.passed { "PASSED" } else { "FAILED" };
        writeln!(f, "{facts}{passed}")
    }
}
