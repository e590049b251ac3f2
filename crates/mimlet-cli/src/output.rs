//! What a command prints: one JSON object, or text for people.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::error::Error;

/// How a command that did its work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well: exit code 0.
    Good,
    /// What was compared differs, as the report says: exit code 1, as diff(1)'s.
    Different,
    /// A check failed, for this reason: exit code 1.
    Failed(String),
}

impl Outcome {
    /// Of a check of `what` that found these failures.
    pub(crate) fn of_check(what: &str, failures: &[String]) -> Self {
        if failures.is_empty() {
            Self::Good
        } else {
            Self::Failed(format!("{what}: {}", failures.join("; ")))
        }
    }
}

/// Where and how results are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// One JSON object instead of text.
    pub(crate) json: bool,
}

impl Output {
    /// Prints a command's result on stdout. A reader that has gone away is no error.
    pub(crate) fn print<R: Serialize + fmt::Display>(self, report: &R) -> Result<(), Error> {
        let text = if self.json {
            serde_json::to_string(report)? + "\n"
        } else {
            report.to_string()
        };
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::new(format_args!(
                "stdout: cannot be written: {error}"
            ))),
            _ => Ok(()),
        }
    }

    /// Prints a remark for people on stderr; nothing with `--json`, whose object says the same.
    pub(crate) fn remark(self, text: &str) {
        if !self.json {
            stderr_line(text);
        }
    }
}

/// Writes a line to stderr. When nobody listens there, nothing can be done about it.
pub(crate) fn stderr_line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
