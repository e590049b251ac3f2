//! Drift without labels: does the camera still show what the model was exported with?
//!
//! A dirty lens, dusk or a new lamp changes which tokens occur and how far features lie from their
//! centroids, long before anyone labels an image. A [`DriftMonitor`] takes encodings one at a time, in
//! fixed memory, and at the end of each window of images says what left the bounds that the file
//! carries ([`mimlet_format::DriftReference`]).
//!
//! The bounds are those of windows of images as varied as the ones the file was exported with. A camera
//! that shows one scene for minutes fills a window with one image; give the monitor an image now and
//! then instead of every frame.

mod window;

use crate::backend::Encoding;
use alloc::vec::Vec;
use core::fmt;
use mimlet_format::DriftReference;
pub use window::{DriftFigures, DriftWindow};

/// Watches the encodings of one model for drift.
///
/// ```
/// use mimlet_format::Model;
/// use mimlet_runtime::{Encoder, drift::DriftMonitor};
///
/// # fn show(model: &Model<'_>, photos: &[&[u8]]) -> Result<(), Box<dyn std::error::Error>> {
/// let reference = model.manifest().drift.as_ref().ok_or("exported without enough images")?;
/// let mut monitor = DriftMonitor::new(reference);
/// let mut encoder = Encoder::on_cpu(model, 2)?;
/// for photo in photos {
///     if let Some(report) = monitor.push(encoder.encode_pixels(photo)?) {
///         for alarm in &report.alarms {
///             println!("{alarm}");
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DriftMonitor {
    reference: DriftReference,
    frequencies: Vec<f64>,
    window: DriftWindow,
}

/// What a full window showed.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftReport {
    /// Its figures.
    pub figures: DriftFigures,
    /// Those that left their bounds; none when nothing is amiss.
    pub alarms: Vec<DriftAlarm>,
}

/// A figure outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftAlarm {
    /// Which figure.
    pub figure: DriftFigure,
    /// Its value; NaN when an image's was.
    pub found: f64,
    /// Lowest and highest allowed.
    pub bounds: [f32; 2],
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftFigure {
    /// Which tokens occur, against the reference.
    Divergence,
    /// How many tokens are in use, by perplexity.
    Perplexity,
    /// How far features lie from their centroids in most images.
    MedianDistance,
    /// The same in the images where they lie farthest.
    HighDistance,
}

impl DriftFigure {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Divergence => "token divergence",
            Self::Perplexity => "token perplexity",
            Self::MedianDistance => "median centroid distance",
            Self::HighDistance => "90th percentile of centroid distance",
        }
    }
}

impl fmt::Display for DriftAlarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([low, high], name) = (self.bounds, self.figure.name());
        write!(
            f,
            "{name} {:.3} is outside {low:.3} to {high:.3}",
            self.found
        )
    }
}

impl DriftMonitor {
    /// A monitor with an empty window. Allocates all it will ever need.
    #[must_use]
    pub fn new(reference: &DriftReference) -> Self {
        let counts = &reference.token_counts;
        Self {
            frequencies: frequencies(counts),
            window: DriftWindow::new(counts.len(), reference.window as usize),
            reference: reference.clone(),
        }
    }

    /// Takes in an image's encoding; a report when it fills the window, which starts anew then.
    ///
    /// # Panics
    /// When the encoding is another model's, with tokens beyond the codebook.
    pub fn push(&mut self, encoding: &Encoding) -> Option<DriftReport> {
        self.window
            .push(&encoding.tokens, mean(&encoding.distances));
        if self.window.images() < self.reference.window as usize {
            return None;
        }
        let figures = self.window.figures(&self.frequencies);
        self.window.clear();
        Some(DriftReport {
            alarms: alarms(&figures, &self.reference),
            figures,
        })
    }

    /// Images in the window so far, and how many fill it.
    #[must_use]
    pub fn filled(&self) -> [u32; 2] {
        [self.window.images() as u32, self.reference.window]
    }
}

/// An image's distance: the mean over its patches.
#[must_use]
pub fn mean(distances: &[f32]) -> f32 {
    let sum: f64 = distances.iter().copied().map(f64::from).sum();
    (sum / distances.len().max(1) as f64) as f32
}

/// Counts as shares of their sum.
#[must_use]
pub fn frequencies(counts: &[u32]) -> Vec<f64> {
    let sum: f64 = counts.iter().copied().map(f64::from).sum();
    counts.iter().map(|&count| f64::from(count) / sum).collect()
}

/// The figures that are outside their bounds, or NaN.
fn alarms(figures: &DriftFigures, reference: &DriftReference) -> Vec<DriftAlarm> {
    let checks = [
        (
            DriftFigure::Divergence,
            figures.divergence,
            [0.0, reference.max_divergence],
        ),
        (
            DriftFigure::Perplexity,
            figures.perplexity,
            reference.perplexity,
        ),
        (
            DriftFigure::MedianDistance,
            figures.median_distance,
            reference.median_distance,
        ),
        (
            DriftFigure::HighDistance,
            figures.high_distance,
            reference.high_distance,
        ),
    ];
    let out = checks.into_iter().filter(|(_, found, [low, high])| {
        // NaN is in no range.
        !(f64::from(*low)..=f64::from(*high)).contains(found)
    });
    out.map(|(figure, found, bounds)| DriftAlarm {
        figure,
        found,
        bounds,
    })
    .collect()
}
