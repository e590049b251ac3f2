//! What each rung of a ladder came to.

use crate::trial::Trial;
use serde::Serialize;
use std::fmt;

/// Each rung's standing, and which one was kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// In the order of the ladder.
    pub rungs: Vec<Standing>,
    /// Position of the rung that was kept, the fastest that passed; `None` when none did.
    pub kept: Option<usize>,
}

/// A rung, and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The rung's name.
    pub name: String,
    /// What it came to.
    pub tried: Tried,
    /// How many times its device failed later and was opened anew.
    pub opened_anew: u32,
}

/// What a rung came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tried {
    /// The acceptance test ran now.
    Now(Trial),
    /// It ran at an earlier start with the same file, device, driver and code.
    Earlier(Trial),
    /// It did not get to a verdict, for this reason.
    Broken(String),
    /// It was not needed: it computes the same as a rung that passed, only slower.
    Spared,
    /// It was asked for by name and runs untried.
    AskedFor,
}

impl Tried {
    /// What the acceptance test found, when it got so far.
    #[must_use]
    pub fn trial(&self) -> Option<&Trial> {
        match self {
            Self::Now(trial) | Self::Earlier(trial) => Some(trial),
            Self::Broken(_) | Self::Spared | Self::AskedFor => None,
        }
    }

    /// Time of an image, milliseconds, of a rung that passed.
    #[must_use]
    pub fn passed_ms(&self) -> Option<f64> {
        self.trial()
            .filter(|trial| trial.verdict.passed())
            .and_then(|trial| trial.median_ms)
    }
}

impl Report {
    /// The rung that was kept.
    #[must_use]
    pub fn kept(&self) -> Option<&Standing> {
        self.rungs.get(self.kept?)
    }
}

/// `passed in 2.1 ms an image`, `failed: …`.
impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => write!(f, "broken: {reason}"),
            Self::Spared => write!(f, "not needed"),
            Self::AskedFor => write!(f, "asked for"),
            Self::Now(trial) | Self::Earlier(trial) => {
                match trial.median_ms {
                    Some(ms) => write!(f, "passed, {ms:.1} ms an image")?,
                    None => write!(f, "FAILED: {}", trial.verdict.failures.join("; "))?,
                }
                if matches!(self, Self::Earlier(_)) {
                    write!(f, " (verdict of an earlier start)")?;
                }
                Ok(())
            }
        }
    }
}

/// A line for each rung; the kept one is marked.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, standing) in self.rungs.iter().enumerate() {
            let mark = if self.kept == Some(index) { "->" } else { "  " };
            write!(f, "{mark} {}: {}", standing.name, standing.tried)?;
            match standing.opened_anew {
                0 => writeln!(f)?,
                times => writeln!(f, ", opened anew {times} x")?,
            }
        }
        Ok(())
    }
}
