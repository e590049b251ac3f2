//! Where a watch shows itself: events, a live panel or lines on stdout, and the display's picture.

use std::time::{Duration, Instant};

use mimlet_runtime::drift::DriftReport;

use super::events::{Event, print_line};
use super::panel;
use super::snapshot::Snapshot;
use super::source::Frame;
use super::stop::Stop;
use super::watcher::Watcher;
use crate::error::Error;
use crate::output::{Output, stderr_line};
use crate::terminal::Canvas;

/// Between redraws of the live panel, and of the display's picture: faster, nobody could read it.
const REDRAW: Duration = Duration::from_millis(100);

/// Everything that is shown while frames come.
#[derive(Debug)]
pub(super) struct Screen {
    output: Output,
    snapshot: Option<Snapshot>,
    /// When the display's picture was drawn last, and whether it showed an alarm.
    pictured: Option<(Instant, bool)>,
    stop: Stop,
    live: Option<Live>,
}

/// A panel that is drawn over itself.
#[derive(Debug)]
struct Live {
    terminal: console::Term,
    lines: usize,
    drawn: Option<Instant>,
}

impl Screen {
    pub(super) fn new(output: Output, snapshot: Option<Snapshot>, stop: Stop) -> Self {
        let live = (!output.json && Canvas::stdout().drawn).then(|| Live {
            terminal: console::Term::buffered_stdout(),
            lines: 0,
            drawn: None,
        });
        Self {
            output,
            snapshot,
            pictured: None,
            stop,
            live,
        }
    }

    pub(super) fn output(&self) -> Output {
        self.output
    }

    /// A frame was encoded.
    pub(super) fn frame(
        &mut self,
        frame: &Frame,
        watcher: &mut Watcher<'_, '_>,
    ) -> Result<(), Error> {
        if self.output.json {
            let event = Event::Frame {
                frame: watcher.frames(),
                file: frame.file.as_deref(),
                class: frame.class.and_then(|class| watcher.class(class)),
                encode_ms: watcher.latency_ms(),
                tokens: watcher.tokens(),
            };
            return event.print(&self.stop);
        }
        match &mut self.live {
            Some(live) if live.is_due() => watcher.drawing(|watcher| live.draw(watcher)),
            _ => Ok(()),
        }
    }

    /// An image could not be read.
    pub(super) fn skipped(&mut self, file: &str, reason: &str) -> Result<(), Error> {
        if self.output.json {
            return Event::Skipped { file, reason }.print(&self.stop);
        }
        if let Some(live) = &mut self.live {
            live.erase()?;
            live.terminal.flush()?;
        }
        stderr_line(&format!("skipped: {reason}"));
        Ok(())
    }

    /// A window is full.
    pub(super) fn window(
        &mut self,
        report: &DriftReport,
        watcher: &mut Watcher<'_, '_>,
    ) -> Result<(), Error> {
        let (window, frame) = (watcher.windows(), watcher.frames());
        if self.output.json {
            Event::window(window, frame, report, watcher.figures()).print(&self.stop)?;
        } else if self.live.is_none() {
            let alarms: Vec<String> = report.alarms.iter().map(ToString::to_string).collect();
            let verdict = if alarms.is_empty() {
                "calm".to_string()
            } else {
                format!("DRIFT: {}", alarms.join("; "))
            };
            print_line(
                &format!("window {window}, frame {frame}: {verdict}"),
                &self.stop,
            )?;
        }
        self.picture(!report.alarms.is_empty(), watcher)
    }

    /// Draws the display where it is due, and at once when an alarm begins or ends.
    fn picture(&mut self, alarmed: bool, watcher: &mut Watcher<'_, '_>) -> Result<(), Error> {
        let now = Instant::now();
        match &self.snapshot {
            Some(snapshot) if is_due(self.pictured, alarmed, now) => {
                self.pictured = Some((now, alarmed));
                watcher.drawing(|watcher| watcher.show(|d| snapshot.write(d)))
            }
            _ => Ok(()),
        }
    }

    /// The last picture, and the panel as it was at the end.
    pub(super) fn finish(&mut self, watcher: &Watcher<'_, '_>) -> Result<(), Error> {
        if let Some(snapshot) = &self.snapshot {
            watcher.show(|dashboard| snapshot.write(dashboard))?;
        }
        match &mut self.live {
            Some(live) => live.draw(watcher),
            None => Ok(()),
        }
    }
}

/// Whether a picture is worth drawing after the last one.
fn is_due(last: Option<(Instant, bool)>, alarmed: bool, now: Instant) -> bool {
    last.is_none_or(|(drawn, before)| before != alarmed || now - drawn >= REDRAW)
}

impl Live {
    fn is_due(&self) -> bool {
        self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW)
    }

    fn draw(&mut self, watcher: &Watcher<'_, '_>) -> Result<(), Error> {
        let lines = watcher.show(|dashboard| panel::lines(dashboard, Canvas::stdout().width));
        self.erase()?;
        for line in &lines {
            self.terminal.write_line(line)?;
        }
        self.terminal.flush()?;
        self.lines = lines.len();
        self.drawn = Some(Instant::now());
        Ok(())
    }

    fn erase(&mut self) -> Result<(), Error> {
        self.terminal.clear_last_lines(self.lines)?;
        self.lines = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{REDRAW, is_due};
    use std::time::{Duration, Instant};

    #[test]
    fn a_picture_waits_its_turn_but_for_an_alarm() {
        let drawn = Instant::now();
        let soon = drawn + REDRAW - Duration::from_millis(1);
        assert!(is_due(None, false, drawn));
        assert!(!is_due(Some((drawn, false)), false, soon));
        assert!(!is_due(Some((drawn, true)), true, soon));
        assert!(is_due(Some((drawn, false)), true, soon));
        assert!(is_due(Some((drawn, true)), false, soon));
        assert!(is_due(Some((drawn, false)), false, drawn + REDRAW));
    }
}
