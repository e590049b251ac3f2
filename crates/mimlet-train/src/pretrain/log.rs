//! The run's log, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// One line: means over the steps since the line before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps taken.
    pub step: usize,
    /// Loss on masked patches: cross-entropy in nats, or squared error of standardised pixels.
    pub loss: f64,
    /// Gradient norm before the clip.
    pub gradient_norm: f64,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Seconds since this process started training.
    pub seconds: f64,
    /// Images a second since the line before, over all processes.
    pub images_per_second: f64,
    /// Images a second that this process's loading threads can make, over the run so far.
    pub images_made_per_second: f64,
    /// Share of the time since the line before spent waiting for images.
    pub waited: f64,
    /// Steps of the run so far that were skipped, their loss or gradient not being finite.
    pub skipped: usize,
}

/// The log file of a run.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    /// All lines so far.
    pub(crate) records: Vec<Record>,
}

impl Log {
    /// Opens `folder/log.jsonl`, keeping the lines up to `step` of a run taken up again.
    pub(crate) fn open(folder: &Path, step: usize) -> Result<Self, TrainError> {
        let path = folder.join("log.jsonl");
        let mut records: Vec<Record> = Vec::new();
        if step > 0 {
            let text = std::fs::read_to_string(&path).map_err(TrainError::io(&path, "read"))?;
            // A line that a crash cut short is past the checkpoint, so it is not missed.
            records = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .filter(|record: &Record| record.step <= step)
                .collect();
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&path)
            .map_err(TrainError::io(&path, "create"))?;
        let mut log = Self {
            path,
            file,
            records: Vec::new(),
        };
        for record in records {
            log.add(record)?;
        }
        Ok(log)
    }

    /// Appends a line.
    pub(crate) fn add(&mut self, record: Record) -> Result<(), TrainError> {
        let line = serde_json::to_string(&record)
            .map_err(TrainError::content(&self.path, "cannot be written"))?;
        writeln!(self.file, "{line}").map_err(TrainError::io(&self.path, "write"))?;
        self.records.push(record);
        Ok(())
    }
}
