//! Bad input, or a file that is refused: one line that names the file or field and the mend.

use std::fmt;
use std::path::Path;

/// Why a command cannot do its work. Ends the program with exit code 2, or 1 where a check came first
/// and failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    message: String,
    is_check: bool,
}

impl Error {
    /// From a whole message.
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        // Messages of the system and of file contents may have several lines; ours has one.
        let message = message.to_string();
        let lines: Vec<&str> = message.split(['\n', '\r']).map(str::trim).collect();
        Self {
            message: lines.join(" "),
            is_check: false,
        }
    }

    /// A token table, where the program was built without them.
    #[cfg(not(feature = "parquet"))]
    pub(crate) fn no_tables() -> Self {
        Self::new("this mimlet was built without Parquet; build it with the feature `parquet`")
    }

    /// A file that was asked to pass a check before it is used, and did not.
    pub(crate) fn check(path: &Path, problem: impl fmt::Display) -> Self {
        Self {
            is_check: true,
            ..Self::file(path, problem)
        }
    }

    /// Whether it is a failed check, not bad input.
    pub(crate) fn is_check(&self) -> bool {
        self.is_check
    }

    /// What is wrong with a file, and what to do.
    pub(crate) fn file(path: &Path, problem: impl fmt::Display) -> Self {
        Self::new(format_args!("{}: {problem}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The libraries' errors name the file or field already. `Error` itself is no
/// [`std::error::Error`], which keeps this from being ambiguous.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_one_line() {
        let error = Error::file(Path::new("a.mim"), "first\n  second\r\nthird");
        assert_eq!(error.to_string(), "a.mim: first second  third");
    }
}
