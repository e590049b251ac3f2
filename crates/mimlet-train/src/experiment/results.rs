//! The experiment's tables and picture.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cell::CellResult;
use super::config::{Experiment, Kind};
use super::verdict::{self, Correlation, Difference, correlations, differences, estimate, tcas};
use crate::atomic;
use crate::error::TrainError;
use crate::evaluate::config::Pooling;
use crate::report::scatter::{Mark, Titles, write_scatter};
use crate::report::statistics::Estimate;
use crate::report::table::{Column, Table};

/// All that is known so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The experiment's name.
    pub name: String,
    /// Whether every cell is there.
    pub complete: bool,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Optimiser steps of each cell.
    pub steps: usize,
    /// Images a step.
    pub batch: usize,
    /// The device's name.
    pub device: String,
    /// Which features probe and neighbours are quoted on.
    pub pooling: Pooling,
    /// Does TCAS rank as accuracy does? It should be near -1.
    pub correlations: Vec<Correlation>,
    /// Do tokens beat the baseline?
    pub differences: Vec<Difference>,
    /// The table's rows.
    pub table: serde_json::Value,
    /// Every cell.
    pub cells: Vec<CellResult>,
}

/// The columns of the table.
const COLUMNS: [(&str, &str, usize); 11] = [
    ("tokenizer", "tokenizer", 0),
    ("tokens", "K", 0),
    ("tcas", "TCAS", 3),
    ("shuffled_tcas", "shuffled", 3),
    ("nmi", "NMI", 3),
    ("probe_mean_patch", "probe, mean patch", 3),
    ("probe_class_token", "probe, class token", 3),
    ("knn", "k-NN", 3),
    ("difference", "probe - baseline", 3),
    ("loss", "loss", 3),
    ("minutes", "minutes", 1),
];

impl Results {
    /// Of the cells that are finished.
    pub fn of(experiment: &Experiment, cells: &[CellResult], device: &str) -> Self {
        let (plan, run) = (&experiment.plan, &experiment.run);
        let pooling = run.evaluate.pooling;
        Self {
            name: plan.name.clone(),
            complete: cells.len() == plan.entries.len() * plan.seeds.len(),
            seeds: plan.seeds.clone(),
            steps: run.train.steps,
            batch: run.train.batch,
            device: device.to_owned(),
            pooling,
            correlations: correlations(plan, cells, pooling),
            differences: differences(plan, cells, pooling),
            table: table(experiment, cells).to_json(),
            cells: cells.to_vec(),
        }
    }

    /// Writes `results.json`, `results.csv`, `results.md` and `scatter.png` into `out`.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn write(&self, experiment: &Experiment, out: &Path) -> Result<(), TrainError> {
        let path = out.join("results.json");
        let text = serde_json::to_string_pretty(self)
            .map_err(TrainError::content(&path, "cannot be written"))?;
        atomic::write(&path, text.as_bytes())?;
        let table = table(experiment, &self.cells);
        atomic::write(&out.join("results.csv"), table.to_csv().as_bytes())?;
        atomic::write(
            &out.join("results.md"),
            self.to_markdown(experiment).as_bytes(),
        )?;
        write_scatter(
            &out.join("scatter.png"),
            &self.titles(),
            &self.marks(experiment),
        )
    }

    /// The table and what follows from it.
    pub fn to_markdown(&self, experiment: &Experiment) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let missing = if self.complete {
            ""
        } else {
            " Some cells are not finished yet."
        };
        let mut out = format!(
            "# {}\n\nSeeds {}; each cell trains {} steps of {} images on one thread ({}).{missing}\n\n",
            self.name,
            seeds.join(", "),
            self.steps,
            self.batch,
            self.device
        );
        out += &table(experiment, &self.cells).to_markdown();
        out += &format!("\n{}\n", notes(experiment));
        for line in self.findings() {
            out += &format!("\n- {line}");
        }
        out + "\n"
    }

    /// What the figures say, a line each.
    pub fn findings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for found in &self.correlations {
            let value = found.spearman.map_or("none".to_owned(), |s| {
                let kind = if s.exact { "exact" } else { "sampled" };
                format!("{:.2} (p = {:.3}, {kind}, n = {})", s.rho, s.p, s.pairs)
            });
            lines.push(format!(
                "Spearman of TCAS with the {} over {}: {value}",
                found.accuracy, found.over
            ));
        }
        for found in &self.differences {
            let value = found.probe.map_or("none".to_owned(), |difference| {
                let points = |value: f64| format!("{:+.1}", 100.0 * value);
                let interval = difference.interval.map_or(String::new(), |[low, high]| {
                    format!(" [{}, {}]", points(low), points(high))
                });
                format!(
                    "{}{interval}, {} seeds",
                    points(difference.mean),
                    difference.runs
                )
            });
            lines.push(format!(
                "Probe of {} minus {}, points: {value}",
                found.tokenizer, found.baseline
            ));
        }
        lines
    }

    fn titles(&self) -> Titles {
        let over = |name: &str| {
            let of_probe = |c: &&Correlation| c.over == name && c.accuracy == "probe";
            let found = self.correlations.iter().find(of_probe);
            found.and_then(|found| found.spearman)
        };
        let spearman = match (over(verdict::EQUAL_K), over(verdict::ALL)) {
            (Some(equal), Some(all)) => {
                // One line has room for two of the three.
                let (other, over) = match over(verdict::WITH_ORACLES) {
                    Some(graded) => (graded, "with oracles"),
                    None => (all, "in all"),
                };
                format!(
                    "Spearman {:.2} at equal K, {:.2} {over}",
                    equal.rho, other.rho
                )
            }
            (None, Some(all)) => format!("Spearman {:.2}", all.rho),
            _ => "too few points to rank".into(),
        };
        Titles {
            title: format!("{}: linear probe against TCAS; {spearman}", self.name),
            across: "TCAS of the tokens (lower is better); bars: 95 % over seeds".into(),
        }
    }

    /// A mark for each tokenizer with tokens; a ring for an oracle.
    fn marks(&self, experiment: &Experiment) -> Vec<Mark> {
        let mark = |entry| {
            let probe = |cell: &CellResult| Some(cell.probe.of(self.pooling));
            Some(Mark {
                label: verdict_label(entry),
                x: estimate(&self.cells, entry, tcas)?,
                y: estimate(&self.cells, entry, probe)?,
                hollow: entry.kind.is_oracle(),
            })
        };
        experiment.plan.entries.iter().filter_map(mark).collect()
    }
}

/// A name, with a star where K is not that of the others.
fn verdict_label(entry: &super::config::Entry) -> String {
    let star = if entry.kind == Kind::Labels { "*" } else { "" };
    format!("{}{star}", entry.name())
}

fn table(experiment: &Experiment, cells: &[CellResult]) -> Table {
    let plan = &experiment.plan;
    let column = |(key, title, decimals)| Column {
        key,
        title,
        decimals,
    };
    let mut table = Table::new(COLUMNS.map(column).into());
    let pooling = experiment.run.evaluate.pooling;
    let differences = differences(plan, cells, pooling);
    for entry in &plan.entries {
        let alignment = |figure: fn(&CellResult) -> Option<f64>| estimate(cells, entry, figure);
        let all = |figure: &dyn Fn(&CellResult) -> f64| -> Option<Estimate> {
            estimate(cells, entry, |cell| Some(figure(cell)))
        };
        let tokens = verdict::of_entry(cells, entry)
            .find_map(|cell| cell.alignment.as_ref().map(|found| found.tokens as f64));
        let own = differences
            .iter()
            .find(|found| found.tokenizer == entry.name());
        let seconds = |cell: &CellResult| {
            let seconds = cell.seconds;
            (seconds.tokens + seconds.pretrain + seconds.evaluate) / 60.0
        };
        let minutes = all(&seconds).map(|estimate| estimate.mean);
        table.push(vec![
            verdict_label(entry).as_str().into(),
            tokens.into(),
            alignment(tcas).into(),
            alignment(|cell| cell.alignment.as_ref()?.shuffled_tcas).into(),
            alignment(|cell| cell.alignment.as_ref()?.nmi).into(),
            all(&|cell| cell.probe.mean_patch).into(),
            all(&|cell| cell.probe.class_token).into(),
            all(&|cell| cell.knn.of(pooling)).into(),
            own.and_then(|found| found.probe).into(),
            all(&|cell| cell.loss).into(),
            minutes.into(),
        ]);
    }
    table
}

/// What a reader of the table must know.
fn notes(experiment: &Experiment) -> String {
    let kinds = || experiment.plan.entries.iter().map(|entry| entry.kind);
    let mut notes = vec![
        "Means over the seeds ± half the width of their 95 % interval (Student's t). TCAS: lower is \
         better; it is measured on the test images, as probe and k-NN are."
            .to_owned(),
    ];
    if kinds().any(|kind| kind == Kind::Labels) {
        notes.push(
            "* An oracle that reads the labels: its K is the number of classes, so its TCAS is not \
             comparable with those at equal K; correlations are given with and without it."
                .into(),
        );
    }
    if kinds().any(|kind| kind == Kind::GroupedLabels) {
        notes.push(
            "Grouped labels are oracles by degrees: each group of classes has pixel tokens of its \
             own, K stays about equal, and the fewer classes share a token, the better it follows \
             them."
                .into(),
        );
    }
    if kinds().any(|kind| kind == Kind::Mae) {
        notes.push(
            "mae regresses pixels and has no tokens (every patch would be its own), so it has no \
             TCAS and no place in the correlations; its loss is a squared error, not nats."
                .into(),
        );
    }
    if kinds().any(|kind| kind == Kind::Features) {
        notes.push(
            "Tokens of features need an encoder that was trained before; the steps of that teacher \
             are not counted."
                .into(),
        );
    }
    notes.join("\n\n")
}
