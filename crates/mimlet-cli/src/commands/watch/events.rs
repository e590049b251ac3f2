//! What `--json` prints, an object a line.

use std::io::{self, ErrorKind, Write};

use mimlet_display::Figure;
use mimlet_runtime::drift::DriftReport;
use serde::Serialize;

use super::stop::Stop;
use crate::error::Error;

/// Something that happened. The summary at the end is one too.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event<'a> {
    /// A frame was encoded.
    Frame {
        /// From 1.
        frame: u64,
        file: Option<&'a str>,
        class: Option<&'a str>,
        encode_ms: f64,
        tokens: &'a [u32],
    },
    /// An image could not be read.
    Skipped { file: &'a str, reason: &'a str },
    /// A window of drift is full.
    Window {
        /// From 1.
        window: u64,
        /// Frames so far.
        frame: u64,
        /// Whether a figure is outside its bounds.
        drift: bool,
        figures: Vec<Bounded<'a>>,
        /// A line for each that is.
        alarms: Vec<String>,
    },
}

/// A figure and its bounds.
#[derive(Debug, Serialize)]
pub(super) struct Bounded<'a> {
    name: &'a str,
    /// `null` for NaN.
    value: f64,
    bounds: [f64; 2],
}

impl<'a> Event<'a> {
    /// Of a full window.
    pub(super) fn window(
        window: u64,
        frame: u64,
        report: &DriftReport,
        figures: &[Figure<'a>],
    ) -> Self {
        let figures = figures.iter().map(|figure| Bounded {
            name: figure.name,
            value: figure.value,
            bounds: figure.bounds,
        });
        Self::Window {
            window,
            frame,
            drift: !report.alarms.is_empty(),
            figures: figures.collect(),
            alarms: report.alarms.iter().map(ToString::to_string).collect(),
        }
    }

    /// Prints it in a line of its own, for a reader to see at once.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(super) fn print(&self, stop: &Stop) -> Result<(), Error> {
        print_line(&serde_json::to_string(self)?, stop)
    }
}

/// Prints a line on stdout. A reader that has gone away ends the watch.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn print_line(text: &str, stop: &Stop) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => stop.ask(),
        written => written
            .map_err(|error| Error::new(format_args!("stdout: cannot be written: {error}")))?,
    }
    Ok(())
}
