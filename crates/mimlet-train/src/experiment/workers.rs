//! Runs cells in processes of their own, several at once.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};
use indicatif::ProgressBar;

use super::cell::{Cell, CellResult};
use crate::error::TrainError;
use crate::pretrain::log::Record;

/// Between two looks at how far the cells are.
const LOOK: Duration = Duration::from_millis(500);

/// Where and how cells run.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// The experiment's file, as the cells' processes are told it.
    pub config: &'a Path,
    /// The experiment's folder.
    pub out: &'a Path,
    /// The device's name, as on the command line.
    pub device: &'a str,
    /// Cells at once.
    pub jobs: usize,
}

/// What became of a cell.
#[derive(Debug)]
enum State {
    Waiting,
    Running,
    Done(Box<CellResult>),
    Failed(String),
}

/// A process that has ended: which cell's, and what it said.
type Ended = (usize, std::io::Result<Output>);

/// Runs the cells that `launch.out` does not hold yet, teachers before students. `progress` counts
/// optimiser steps of all cells; `finished` is called with all results so far, whenever there is
/// a new one. A cell that fails stops only those that need it.
///
/// # Errors
/// [`TrainError::Content`] naming the first cell that failed and why, after all others have run;
/// what `finished` reports, at once.
pub fn run_cells(
    cells: &[Cell<'_>],
    launch: Launch<'_>,
    progress: &ProgressBar,
    mut finished: impl FnMut(&[CellResult]) -> Result<(), TrainError>,
) -> Result<Vec<CellResult>, TrainError> {
    let mut board = Board {
        cells,
        launch,
        states: Vec::new(),
    };
    for cell in cells {
        board.states.push(match cell.finished(launch.out)? {
            Some(result) => State::Done(Box::new(result)),
            None => State::Waiting,
        });
    }
    finished(&board.results())?;
    let (sender, ended) = unbounded();
    while board.start(&sender)? > 0 {
        match ended.recv_timeout(LOOK) {
            Ok(end) => {
                board.note(end)?;
                finished(&board.results())?;
            }
            Err(_) => board.show(progress),
        }
    }
    board.show(progress);
    board.failure()?;
    Ok(board.results())
}

struct Board<'a> {
    cells: &'a [Cell<'a>],
    launch: Launch<'a>,
    states: Vec<State>,
}

impl Board<'_> {
    fn results(&self) -> Vec<CellResult> {
        let done = self.states.iter().filter_map(|state| match state {
            State::Done(result) => Some((**result).clone()),
            _ => None,
        });
        done.collect()
    }

    fn running(&self) -> usize {
        let running = |state: &&State| matches!(state, State::Running);
        self.states.iter().filter(running).count()
    }

    /// Starts what can start, and says how many run.
    fn start(&mut self, sender: &Sender<Ended>) -> Result<usize, TrainError> {
        for index in 0..self.cells.len() {
            if !matches!(self.states[index], State::Waiting) {
                continue;
            }
            let teacher = self.cells[index].teacher().map(|teacher| teacher.name());
            let teacher = teacher.and_then(|name| self.cells.iter().position(|c| c.name() == name));
            match teacher.map(|at| &self.states[at]) {
                Some(State::Failed(_)) => {
                    self.states[index] = State::Failed("its teacher failed".into());
                }
                Some(State::Waiting | State::Running) => {}
                Some(State::Done(_)) | None if self.running() < self.launch.jobs.max(1) => {
                    self.spawn(index, sender.clone())?;
                    self.states[index] = State::Running;
                }
                _ => {}
            }
        }
        Ok(self.running())
    }

    /// One thread a cell, whatever the machine has: sums in another order round differently.
    fn spawn(&self, index: usize, sender: Sender<Ended>) -> Result<(), TrainError> {
        let program = std::env::current_exe()
            .map_err(TrainError::io(Path::new("mimlet-train"), "find itself as"))?;
        let Launch {
            config,
            out,
            device,
            ..
        } = self.launch;
        let mut child = Command::new(&program)
            .arg("compare")
            .arg("--cell")
            .arg(self.cells[index].name())
            .arg("--config")
            .arg(config)
            .arg("--out")
            .arg(out)
            .arg("--device")
            .arg(device)
            .env("RAYON_NUM_THREADS", "1")
            // Held open as long as this process lives: see `end_with_parent`.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(TrainError::io(&program, "start"))?;
        std::thread::spawn(move || {
            let lifeline = child.stdin.take();
            let output = child.wait_with_output();
            drop(lifeline);
            // Nobody listens any more when the experiment was given up.
            let _ = sender.send((index, output));
        });
        Ok(())
    }

    fn note(&mut self, (index, output): Ended) -> Result<(), TrainError> {
        let cell = &self.cells[index];
        let folder = cell.folder(self.launch.out);
        let output = output.map_err(TrainError::io(&folder, "wait for the process of"))?;
        self.states[index] = if output.status.success() {
            match cell.finished(self.launch.out)? {
                Some(result) => State::Done(Box::new(result)),
                None => State::Failed("ended without a result".into()),
            }
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("said nothing");
            State::Failed(last.trim_start_matches("mimlet-train: ").to_owned())
        };
        Ok(())
    }

    /// Steps done, and the loss of what runs.
    fn show(&self, progress: &ProgressBar) {
        let mut steps = 0;
        let mut running = Vec::new();
        for (cell, state) in self.cells.iter().zip(&self.states) {
            match state {
                State::Done(_) => steps += cell.experiment.run.train.steps,
                State::Running => {
                    let record = last_record(&cell.folder(self.launch.out));
                    let loss = record.as_ref().map(|record| format!(" {:.3}", record.loss));
                    running.push(cell.name() + &loss.unwrap_or_default());
                    steps += record.map_or(0, |record| record.step);
                }
                State::Waiting | State::Failed(_) => {}
            }
        }
        progress.set_position(steps as u64);
        progress.set_message(running.join(", "));
    }

    fn failure(&self) -> Result<(), TrainError> {
        let failed = self.cells.iter().zip(&self.states);
        let failed: Vec<(&Cell<'_>, &String)> = failed
            .filter_map(|(cell, state)| match state {
                State::Failed(reason) => Some((cell, reason)),
                _ => None,
            })
            .collect();
        let Some((cell, reason)) = failed.first() else {
            return Ok(());
        };
        Err(TrainError::Content {
            path: cell.folder(self.launch.out),
            reason: format!(
                "{reason} ({} of {} cells failed)",
                failed.len(),
                self.cells.len()
            ),
        })
    }
}

/// The last line of a cell's log so far.
fn last_record(folder: &Path) -> Option<Record> {
    let text = std::fs::read_to_string(folder.join("log.jsonl")).ok()?;
    serde_json::from_str(text.lines().last()?).ok()
}

/// Ends this process, which runs a cell, when the one that started it is gone: it held our standard
/// input open. Every file is written whole or not at all, so nothing breaks.
pub(crate) fn end_with_parent() {
    std::thread::spawn(|| {
        let mut byte = [0; 1];
        // Nobody ever writes to it: it can only end.
        let _ = std::io::stdin().read(&mut byte);
        std::process::exit(1);
    });
}
