//! Ctrl-C, taken as "that is enough".

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// Longest wait before a request is seen.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// Whether somebody asked for the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asked for by the first Ctrl-C. The second ends the program at once: a slow device may keep the
    /// first from being seen.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn on_interrupt() -> Result<Self, Error> {
        let stop = Self::default();
        let asked = stop.clone();
        ctrlc::set_handler(move || {
            if asked.0.swap(true, Ordering::Relaxed) {
                process::exit(130);
            }
        })?;
        Ok(stop)
    }

    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits, unless asked to stop.
    pub(super) fn wait(&self, duration: Duration) {
        let start = Instant::now();
        while !self.is_asked_for() {
            let left = duration.saturating_sub(start.elapsed());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(PATIENCE));
        }
    }
}
