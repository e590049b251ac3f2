//! What `mimlet diff` prints.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::fields::Change;
use super::outputs::{Cosines, Outputs, Tokens};
use super::tensors::{Comparison, Status};
use crate::table::{Align, Facts, Table};
use crate::terminal::{Canvas, wrapped};
use crate::units::{bytes, count, or_dash, percent};

/// Tensors listed when not all are asked for.
const LISTED: usize = 12;

/// Two files, compared.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) equal: bool,
    pub(super) a: Side,
    pub(super) b: Side,
    /// Fields that differ.
    pub(super) fields: Vec<Change>,
    /// All tensors; none when the files are equal.
    pub(super) tensors: Vec<Comparison>,
    pub(super) outputs: Option<Outputs>,
    /// Why outputs were not compared.
    pub(super) no_outputs: Option<String>,
    #[serde(skip)]
    pub(super) canvas: Canvas,
    #[serde(skip)]
    pub(super) all: bool,
}

/// One of the files.
#[derive(Debug, Serialize)]
pub(super) struct Side {
    pub(super) file: String,
    pub(super) hash: String,
    pub(super) bytes: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.equal {
            return writeln!(f, "{} and {} are equal", self.a.file, self.b.file);
        }
        let mut facts = Facts::new();
        for (name, side) in [("A", &self.a), ("B", &self.b)] {
            let hash = &side.hash[..16];
            facts.fact(
                name,
                format!("{}, {}, {hash}", side.file, bytes(side.bytes)),
            );
        }
        write!(f, "{}", facts.within(self.canvas.width))?;
        if !self.fields.is_empty() {
            write!(f, "\n{}", self.changes())?;
        }
        write!(f, "\n{}", self.summary())?;
        let mut worst = self.worst();
        let more = worst.len().saturating_sub(LISTED);
        if !self.all {
            worst.truncate(LISTED);
        }
        if !worst.is_empty() {
            write!(f, "\n{}", compared(&worst))?;
        }
        if !self.all && more > 0 {
            writeln!(f, "and {more} more, which --all lists")?;
        }
        if worst.iter().any(|tensor| tensor.rescaled_channels > 0) {
            let note = "* after undoing factors between channels, which cancel out from one \
                        layer to the next";
            for line in wrapped(note, self.canvas.width) {
                writeln!(f, "{line}")?;
            }
        }
        write!(f, "\n{}", self.moved())
    }
}

impl Report {
    /// The fields that differ.
    fn changes(&self) -> String {
        let fields = self
            .fields
            .iter()
            .map(|change| change.field.chars().count());
        let room = self
            .canvas
            .width
            .saturating_sub(fields.max().unwrap_or(0) + 4)
            / 2;
        let mut table = Table::new([
            ("field", Align::Left),
            ("A", Align::Left),
            ("B", Align::Left),
        ]);
        for change in &self.fields {
            let [a, b] = [&change.a, &change.b].map(|value| short(value, room.max(8)));
            table.row([change.field.clone(), a, b]);
        }
        table.to_string()
    }

    /// How many tensors are how.
    fn summary(&self) -> String {
        let of = |status| {
            self.tensors
                .iter()
                .filter(move |tensor| tensor.status == status)
        };
        let mut parts = Vec::new();
        for (status, what) in [
            (Status::Same, "the same"),
            (Status::Changed, "with other values"),
            (Status::Retyped, "of another type"),
            (Status::Reshaped, "of another shape"),
            (Status::OnlyInA, "only in A"),
            (Status::OnlyInB, "only in B"),
        ] {
            match of(status).count() {
                0 => {}
                number => parts.push(format!("{number} {what}")),
            }
        }
        let mut facts = Facts::new();
        facts.fact("tensors", parts.join(", "));
        facts.within(self.canvas.width)
    }

    /// The tensors whose values differ, most first, or all that differ in any way, in file order.
    fn worst(&self) -> Vec<&Comparison> {
        let differs = |tensor: &&Comparison| tensor.status != Status::Same;
        let mut tensors: Vec<&Comparison> = self.tensors.iter().filter(differs).collect();
        if self.all {
            return tensors;
        }
        tensors.retain(|tensor| tensor.snr_db.is_some() || tensor.status == Status::Reshaped);
        // NaN is the worst there is, then what has no ratio at all.
        let rank = |tensor: &Comparison| match tensor.snr_db {
            Some(snr) if snr.is_nan() => f64::NEG_INFINITY,
            snr => snr.unwrap_or(f64::MIN),
        };
        let is_vector = |tensor: &Comparison| {
            let stored = tensor.a.as_ref().or(tensor.b.as_ref());
            stored.is_some_and(|stored| stored.shape.len() < 2)
        };
        // Matrices first: quantisers change biases on purpose, to make up for what they round away.
        tensors.sort_by(|a, b| {
            let by_kind = is_vector(a).cmp(&is_vector(b));
            by_kind.then(rank(a).total_cmp(&rank(b)))
        });
        tensors
    }

    /// How far the outputs are apart.
    fn moved(&self) -> String {
        let mut facts = Facts::new();
        match (&self.outputs, &self.no_outputs) {
            (Some(outputs), _) => {
                let images = count(outputs.images as u64, "image");
                facts
                    .fact("outputs", format!("{images}: {}", outputs.images_of))
                    .fact("class cosine", cosines(&outputs.class_cosine));
                let patches = outputs.patch_cosine.as_ref().map(cosines);
                facts
                    .fact(
                        "patch cosine",
                        patches.unwrap_or("the grids differ".to_string()),
                    )
                    .fact("tokens", tokens(outputs.tokens.as_ref()));
            }
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("not run");
                facts.fact("outputs", format!("not compared: {reason}"));
            }
        }
        facts.within(self.canvas.width)
    }
}

/// Tensors side by side.
fn compared(tensors: &[&Comparison]) -> String {
    let mut table = Table::new([
        ("tensor", Align::Left),
        ("A", Align::Left),
        ("B", Align::Left),
        ("SNR", Align::Right),
        ("cosine", Align::Right),
        ("max change", Align::Right),
    ]);
    for tensor in tensors {
        let reshaped = tensor.status == Status::Reshaped;
        let stored = |side: &Option<super::tensors::Stored>| match side {
            None => "-".to_string(),
            Some(stored) if reshaped => format!("{:?}", stored.shape),
            Some(stored) => stored.dtype.clone(),
        };
        let star = if tensor.rescaled_channels > 0 {
            "*"
        } else {
            ""
        };
        let snr = match (tensor.snr_db, tensor.cosine) {
            (Some(snr), _) => format!("{snr:.1} dB{star}"),
            (None, Some(_)) => format!("exact{star}"),
            (None, None) => "-".to_string(),
        };
        table.row([
            tensor.role.clone(),
            stored(&tensor.a),
            stored(&tensor.b),
            snr,
            or_dash(tensor.cosine, |cosine| format!("{cosine:.6}")),
            or_dash(tensor.max_change, |change| format!("{change:.2e}")),
        ]);
    }
    table.to_string()
}

fn cosines(cosines: &Cosines) -> String {
    format!("lowest {:.6}, median {:.6}", cosines.min, cosines.median)
}

fn tokens(tokens: Option<&Tokens>) -> String {
    let Some(tokens) = tokens else {
        return "not compared: the models' codebooks or grids are not alike".to_string();
    };
    let other = if tokens.same_codebook {
        ""
    } else {
        "; the centroids differ, so a token may name other things"
    };
    format!(
        "{} the same, {}, {} from a margin of {:.3} on{other}",
        percent(tokens.agreement),
        count(tokens.near_tie_flips.into(), "near-tie flip"),
        tokens.wide_margin_flips,
        tokens.wide_margin
    )
}

/// A value in at most `room` columns.
fn short(value: &Value, room: usize) -> String {
    let text = match value {
        Value::Null => "-".to_string(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    if text.chars().count() <= room {
        return text;
    }
    let kept: String = text.chars().take(room.saturating_sub(2)).collect();
    format!("{kept}..")
}
