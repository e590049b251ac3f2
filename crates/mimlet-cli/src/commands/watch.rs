//! `mimlet watch`: a model on images as they come, as a device would run it.

mod events;
mod figures;
mod folder;
mod panel;
mod screen;
mod snapshot;
mod source;
mod stop;
mod stream;
mod summary;
mod watcher;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mimlet_format::Model;

use crate::backend::BackendArgs;
use crate::destination::Destination;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::signature::SignatureArgs;

use screen::Screen;
use snapshot::{Layout, Snapshot};
use source::{Source, Taken};
use stop::Stop;
use watcher::Watcher;

/// How a file gets a drift reference.
const MEND: &str =
    "export it with --codebook FILE and --calibrate DIR, a folder of 32 images or more";

/// Arguments of `mimlet watch`.
///
/// With --json each line on stdout is an object whose `event` is `frame`, `skipped`, `window` or, at
/// the end, `summary`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The .mim file
    file: PathBuf,
    /// A folder of images, or of one folder of images for each class; or - for raw frames on stdin:
    /// u8 [H, W, 3] at the model's input size, back to back
    #[arg(value_name = "DIR|-")]
    input: PathBuf,
    /// End after the images that are in the folder now
    #[arg(long)]
    once: bool,
    /// Milliseconds between looks for new images
    #[arg(long, value_name = "MS", default_value_t = 500)]
    interval: u64,
    /// End after this many frames
    #[arg(long, value_name = "N")]
    frames: Option<NonZeroU64>,
    /// Measure drift on each Nth frame: of a camera, frames that follow each other are much alike
    #[arg(long, value_name = "N", default_value = "1")]
    every: NonZeroU64,
    /// Write the picture of a small display to this .png file after each window
    #[arg(long, value_name = "FILE")]
    display: Option<PathBuf>,
    /// That display: colour, 320 x 240; or mono, 128 x 64
    #[arg(long, value_enum, default_value = "colour", requires = "display")]
    layout: Layout,
    /// Exit with 1 when a window drifted
    #[arg(long)]
    fail_on_drift: bool,
    #[command(flatten)]
    signature: SignatureArgs,
    #[command(flatten)]
    backend: BackendArgs,
}

impl WatchArgs {
    /// Watches until the input ends, or Ctrl-C; then prints a summary.
    pub(crate) fn run(self, output: Output) -> Result<Outcome, Error> {
        let destination = self.display.as_deref().map(Destination::new).transpose()?;
        let snapshot = destination.map(|destination| Snapshot::new(destination, self.layout));
        let file = self.signature.open(&self.file)?;
        let model = file.model();
        let measured = model.manifest().drift.is_some();
        self.check_reference(measured)?;
        let stop = Stop::on_interrupt()?;
        let mut source = self.source(&model, &stop)?;
        let session = self.backend.open(&model)?;
        if !measured {
            let file = self.file.display();
            output.remark(&format!(
                "{file}: has no drift reference, so drift is not measured; {MEND}"
            ));
        }
        let mut watcher = Watcher::new(&model, session, source.classes(), self.every)?;
        let mut screen = Screen::new(output, snapshot, stop.clone());
        let watched = self.watch(&mut source, &mut watcher, &mut screen, &stop);
        // What was seen counts, however it ended.
        screen.finish(&watcher)?;
        let summary = watcher.summary(self.file.display().to_string());
        output.print(&summary)?;
        watched?;
        match watcher.alarmed() {
            0 => Ok(Outcome::Good),
            _ if !self.fail_on_drift => Ok(Outcome::Good),
            alarmed => Ok(Outcome::Failed(format!(
                "drift in {alarmed} of {} windows",
                watcher.windows()
            ))),
        }
    }

    fn watch(
        &self,
        source: &mut Source,
        watcher: &mut Watcher<'_, '_>,
        screen: &mut Screen,
        stop: &Stop,
    ) -> Result<(), Error> {
        let most = self.frames.map_or(u64::MAX, NonZeroU64::get);
        while watcher.frames() < most && !stop.is_asked_for() {
            match source.take()? {
                None => break,
                Some(Taken::Skipped { file, reason }) => {
                    watcher.skip();
                    screen.skipped(&file, &reason)?;
                }
                Some(Taken::Frame(frame)) => {
                    let report = watcher.encode(&frame, screen.output())?;
                    screen.frame(&frame, watcher)?;
                    if let Some(report) = &report {
                        screen.window(report, watcher)?;
                    }
                    watcher.end_frame();
                }
            }
        }
        Ok(())
    }

    fn source(&self, model: &Model<'_>, stop: &Stop) -> Result<Source, Error> {
        if self.input == Path::new("-") {
            return Source::stream(model.manifest(), stop);
        }
        let interval = Duration::from_millis(self.interval);
        Source::folder(model.manifest(), &self.input, interval, self.once, stop)
    }

    /// A check that is asked for can be made.
    fn check_reference(&self, measured: bool) -> Result<(), Error> {
        if measured || !self.fail_on_drift {
            return Ok(());
        }
        Err(Error::file(
            &self.file,
            format_args!("has no drift reference, which --fail-on-drift needs; {MEND}"),
        ))
    }
}
