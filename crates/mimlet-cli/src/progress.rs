//! A bar for work that takes long.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work shows nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bar on stderr that appears after two seconds, on a terminal only, and is gone afterwards.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Dropping the sender ends the thread's wait.
    curtain: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// A bar over `steps` steps of `what`.
    pub(crate) fn new(steps: usize, what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::hidden());
        Self::show(bar, "{msg} [{bar:30}] {pos}/{len}, {eta} left", what)
    }

    /// A bar for work that tells its stages and how much of each is done.
    #[cfg(feature = "export")]
    pub(crate) fn stages() -> Self {
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::hidden());
        Self::show(bar, "{msg} [{bar:30}] {percent} %, {elapsed}", "starting")
    }

    /// A sign of life for work that does not say how far it is.
    pub(crate) fn unknown(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self::show(bar, "{spinner} {msg}, {elapsed}", what)
    }

    fn show(bar: ProgressBar, template: &str, what: &'static str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        let curtain = stderr().is_terminal().then(|| {
            let (sender, receiver) = channel::<()>();
            let bar = bar.clone();
            let thread = std::thread::spawn(move || {
                if receiver.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(200));
                }
            });
            (sender, thread)
        });
        Self { bar, curtain }
    }

    /// `share` of `stage` is done, 0..1.
    #[cfg(feature = "export")]
    pub(crate) fn stage(&self, stage: &str, share: f32) {
        self.bar.set_message(stage.to_string());
        self.at((share.clamp(0.0, 1.0) * 100.0) as u64);
    }

    /// A step is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// `position` steps are done.
    pub(crate) fn at(&self, position: u64) {
        self.bar.set_position(position);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.curtain.take() {
            drop(sender);
            // It can only have panicked if the terminal is gone; there is nothing to show then.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}
