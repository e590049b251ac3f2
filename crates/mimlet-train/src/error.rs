//! What can go wrong in training, each with the file or field and the mend.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Any failure of this crate.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A file or folder could not be read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as in "read" or "create".
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file was read but does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// The configuration contradicts itself or the data.
    #[error("configuration: {0}")]
    Config(String),
    /// Training left the finite numbers.
    #[error("step {step}: loss or gradient is not finite {times} times in a row; lower train.blr")]
    Diverged {
        /// Optimiser step.
        step: usize,
        /// Steps skipped in a row.
        times: usize,
    },
    /// The processes of a run could not work together.
    #[error("processes: {0}")]
    Collective(String),
    /// A device is not in this build, not on this machine, or does not work.
    #[error("--device {name}: {reason}")]
    Device {
        /// As `--device` has it.
        name: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// A device computes other numbers than the CPU.
    #[error(
        "self-test of {device}: {reason}; use another device or driver, or --no-self-test if such \
         errors do not matter"
    )]
    SelfTest {
        /// The device's own name.
        device: String,
        /// What differs, and by how much.
        reason: String,
    },
    /// An image or a folder of images could not be used.
    #[error(transparent)]
    Image(#[from] mimlet_image::ImageError),
    /// A checkpoint could not be read.
    #[error(transparent)]
    Checkpoint(#[from] mimlet_checkpoint::CheckpointError),
    /// A token table could not be written.
    #[error(transparent)]
    Table(#[from] mimlet_parquet::TableError),
    /// Token counts were refused.
    #[error("token counts: {0}")]
    Counts(#[from] mimlet_tcas::CountsError),
}

impl TrainError {
    /// For `map_err` on file operations.
    pub(crate) fn io<'a>(
        path: &'a Path,
        action: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Self + use<'a> {
        move |source| Self::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }

    /// For `map_err` on anything that judges a file's content.
    pub(crate) fn content<'a, E: std::fmt::Display>(
        path: &'a Path,
        what: &'static str,
    ) -> impl FnOnce(E) -> Self + use<'a, E> {
        move |error| Self::Content {
            path: path.to_owned(),
            reason: one_line(&format!("{what}: {error}")),
        }
    }
}

impl TrainError {
    /// For `map_err` on reading a file's `text` as TOML: names the line.
    pub(crate) fn toml<'a>(
        path: &'a Path,
        text: &'a str,
        what: &'static str,
    ) -> impl FnOnce(toml::de::Error) -> Self + use<'a> {
        move |error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(String::new(), |before| {
                format!("line {}: ", before.matches('\n').count() + 1)
            });
            let message = one_line(error.message());
            Self::Content {
                path: path.to_owned(),
                reason: format!("{what}: {line}{message}"),
            }
        }
    }
}

/// Some libraries report over many lines; ours is one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::TrainError;
    use crate::config::Config;
    use std::path::Path;

    #[test]
    fn an_error_in_toml_names_its_line_in_one_line() {
        let text = "[model]\nimage_size = 64\nimage_sise = 64\n";
        let error = toml::from_str::<Config>(text).unwrap_err();
        let error = TrainError::toml(Path::new("run.toml"), text, "not a run's TOML")(error);
        let error = error.to_string();
        assert!(
            error.starts_with("run.toml: not a run's TOML: line 3: unknown field `image_sise`"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}
