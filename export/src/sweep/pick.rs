//! A point of a sweep, chosen by bounds.

use super::folder::DATA;
use super::{Point, Quality, Sweep};
use crate::ExportError;
use crate::figures;
use mimlet_format::{Model, ModelFile};
use std::path::{Component, Path};

/// What a point must meet; `None` for no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// Largest file, bytes.
    pub max_bytes: Option<u64>,
    /// Lowest share of golden tokens that are the float model's, 0..1.
    pub min_agreement: Option<f64>,
    /// Lowest of the features' cosines to the float model's.
    pub min_cosine: Option<f64>,
    /// Longest median latency on all threads of the sweep's machine, milliseconds.
    pub max_ms: Option<f64>,
}

/// Which of the points that meet the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// The smallest file.
    Smallest,
    /// The lowest median latency on all threads.
    Fastest,
    /// The closest to the float model.
    Closest,
}

/// A point, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick<'a> {
    /// The point.
    pub point: &'a Point,
    /// What it was chosen by.
    pub preference: Preference,
    /// Why it, in a sentence.
    pub reason: String,
}

impl Bounds {
    /// What a user wants who says no more: with a bound on accuracy, or with none at all, the
    /// smallest file; with one on size or time alone, the closest model that fits.
    #[must_use]
    pub fn preference(&self) -> Preference {
        let on_accuracy = self.min_agreement.is_some() || self.min_cosine.is_some();
        let on_cost = self.max_bytes.is_some() || self.max_ms.is_some();
        if on_cost && !on_accuracy {
            Preference::Closest
        } else {
            Preference::Smallest
        }
    }

    /// What a point does not meet, a sentence each.
    #[must_use]
    pub fn misses(&self, point: &Point) -> Vec<String> {
        if !point.passed {
            return point.failures.clone();
        }
        let mut misses = Vec::new();
        if let (Some(bound), Some(bytes)) = (self.max_bytes, point.bytes)
            && bytes > bound
        {
            let [bytes, bound] = [bytes, bound].map(figures::whole);
            misses.push(format!("takes {bytes} bytes, at most {bound} asked for"));
        }
        let mut at_least = |what: &str, found: Option<f64>, bound: Option<f64>| {
            // NaN and nothing meet no bound.
            if let Some(bound) = bound
                && found.is_none_or(|found| found < bound || found.is_nan())
            {
                let found = found.map_or("no".to_owned(), |found| found.to_string());
                misses.push(format!("has {found} {what}, at least {bound} asked for"));
            }
        };
        at_least("token agreement", point.token_agreement, self.min_agreement);
        at_least("lowest cosine", point.min_cosine, self.min_cosine);
        if let Some(bound) = self.max_ms {
            match point.p50_ms() {
                Some(ms) if ms <= bound => {}
                Some(ms) => misses.push(format!("takes {ms:.3} ms, at most {bound} asked for")),
                None => misses.push(format!("has no latency, at most {bound} ms asked for")),
            }
        }
        misses
    }
}

/// The point of a sweep that meets the bounds and is best by a preference; `None` when none meets
/// them. Of two that are equal, the first.
#[must_use]
pub fn pick<'a>(sweep: &'a Sweep, bounds: &Bounds, preference: Preference) -> Option<Pick<'a>> {
    let meets = |point: &&Point| bounds.misses(point).is_empty();
    let met: Vec<&Point> = sweep.passed().filter(meets).collect();
    let cost = |point: &Point| -> f64 {
        let cost = match preference {
            Preference::Smallest => point.bytes.map(|bytes| bytes as f64),
            Preference::Fastest => point.p50_ms(),
            Preference::Closest => point.quality(sweep.quality).map(|quality| -quality),
        };
        cost.unwrap_or(f64::INFINITY)
    };
    // Of equally close ones the smaller, of equally small ones the closer.
    let second = |point: &Point| match preference {
        Preference::Closest => point.bytes.map_or(f64::INFINITY, |bytes| bytes as f64),
        Preference::Smallest | Preference::Fastest => point
            .quality(sweep.quality)
            .map_or(f64::INFINITY, |quality| -quality),
    };
    let order = |a: &&&Point, b: &&&Point| {
        let first = cost(a).total_cmp(&cost(b));
        first.then(second(a).total_cmp(&second(b)))
    };
    let point = *met.iter().min_by(order)?;
    Some(Pick {
        point,
        preference,
        reason: reason(sweep, preference, met.len(), point),
    })
}

fn reason(sweep: &Sweep, preference: Preference, met: usize, point: &Point) -> String {
    let superlative = match preference {
        Preference::Smallest => "smallest",
        Preference::Fastest => "fastest",
        Preference::Closest => "closest to the float model",
    };
    let mut figures = Vec::new();
    figures.extend(point.bytes.map(figures::bytes));
    let quality = point.quality(sweep.quality);
    figures.extend(quality.map(|quality| match sweep.quality {
        Quality::TokenAgreement => format!("{} of the tokens", figures::percent(quality)),
        Quality::MeanCosine => format!("mean cosine {}", figures::cosine(quality)),
    }));
    figures.extend(point.p50_ms().map(figures::milliseconds));
    let figures = figures.join(", ").replace('\u{a0}', " ");
    let tried = sweep.points.len();
    match met {
        1 => format!("the only one of {tried} that meets the bounds: {figures}"),
        met => {
            format!("the {superlative} of {met} that meet the bounds, of {tried} tried: {figures}")
        }
    }
}

/// Reads what a sweep left in a folder.
///
/// # Errors
/// [`ExportError::Content`] when there is no sweep in it, or its data is damaged.
pub fn read_sweep(folder: &Path) -> Result<Sweep, ExportError> {
    let path = folder.join(DATA);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let reason = "holds no sweep.json; run mimlet export CHECKPOINT --sweep -o on it first";
            return Err(ExportError::content(folder, reason));
        }
        Err(error) => return Err(ExportError::io(&path)(error)),
    };
    serde_json::from_str(&text).map_err(|error| {
        ExportError::content(&path, format!("is no sweep: {error}; run the sweep again"))
    })
}

impl Point {
    /// Opens the point's file in its sweep's folder, and makes sure that it is the one that was
    /// judged.
    ///
    /// # Errors
    /// [`ExportError::Open`] when it cannot be read, [`ExportError::Content`] when it is another.
    pub fn open(&self, folder: &Path) -> Result<ModelFile, ExportError> {
        let data = folder.join(DATA);
        let (Some(name), Some(hash)) = (&self.file, &self.hash) else {
            let reason = format!("point {} has no file; run the sweep again", self.name);
            return Err(ExportError::content(&data, reason));
        };
        let mut parts = Path::new(name).components();
        if !matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        ) {
            let reason = format!("names {name:?}, which is no file in its folder");
            return Err(ExportError::content(&data, reason));
        }
        let path = folder.join(name);
        let file = ModelFile::open(&path)?;
        let found = blake3::Hash::from(Model::hash(&file.model())).to_hex();
        if found.as_str() != hash {
            let reason =
                format!("is not the file the sweep judged: its hash is {found}, not {hash}");
            return Err(ExportError::content(&path, reason));
        }
        Ok(file)
    }
}
