//! How many tests passed and failed, from what `cargo test` prints.

use std::fmt;

/// Tests that passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
}

impl Tally {
    /// Counts one line of output; only `test result:` lines matter.
    pub(crate) fn line(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result:") else {
            return;
        };
        self.passed += number_before(result, " passed");
        self.failed += number_before(result, " failed");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The whole number that ends where `word` begins; 0 when there is none.
fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn results_are_added_up_and_other_lines_passed_over() {
        let mut tally = Tally::default();
        for line in [
            "running 2 tests",
            "test a ... ok",
            "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out",
            "3 passed; 4 failed",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; finished in 0.10s",
            "   test result: ok. 1 passed; 0 failed",
        ] {
            tally.line(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 18,
                failed: 2
            }
        );
        assert_eq!(tally.to_string(), "18 passed, 2 failed");
    }
}
