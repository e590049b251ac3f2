//! Which part of a data set is meant.

use std::str::FromStr;

use crate::config::DataConfig;

/// A part of a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// What is there to train on: all, where nothing is set apart for testing.
    #[default]
    Train,
    /// What is set apart for testing.
    Test,
    /// Everything: first the part to train on, then the part to test on.
    All,
}

/// How a data set is to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OpenOptions {
    /// The part that is wanted.
    pub part: Part,
    /// Share of each class to hold out for testing, 0..1, of a set without a test part of its own.
    pub test_fraction: f64,
    /// Seed of which images are held out.
    pub split_seed: u64,
    /// The number that stands for full brightness in an array; see [`DataConfig::levels`].
    pub levels: Option<u32>,
}

impl OpenOptions {
    /// As the configuration says, for a part.
    pub fn new(config: &DataConfig, part: Part) -> Self {
        Self {
            part,
            test_fraction: config.test_fraction,
            split_seed: config.split_seed,
            levels: config.levels,
        }
    }
}

/// A part as a flag says it: `train`, `test` or `all`, the first two with that part's share of a
/// set that has no parts of its own: `train:0.8`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The part.
    pub part: Part,
    /// Share of the test part, when the flag gives shares.
    pub test_fraction: Option<f64>,
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, share) = match text.split_once(':') {
            Some((name, share)) => (name, Some(share)),
            None => (text, None),
        };
        let part = match name {
            "train" => Part::Train,
            "test" => Part::Test,
            "all" => Part::All,
            _ => return Err("give train, test or all, or a share as in train:0.8".into()),
        };
        let share = match share {
            None => None,
            Some(_) if part == Part::All => return Err("all has no share".into()),
            Some(share) => {
                let share = share.parse::<f64>().ok();
                let share = share.filter(|share| *share > 0.0 && *share < 1.0);
                Some(share.ok_or("a share lies between 0 and 1, as in train:0.8")?)
            }
        };
        let test_fraction = share.map(|share| match part {
            Part::Train => 1.0 - share,
            _ => share,
        });
        Ok(Self {
            part,
            test_fraction,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_parts_with_or_without_shares() {
        let parsed = |text: &str| text.parse::<Split>().map(|s| (s.part, s.test_fraction));
        assert_eq!(parsed("train"), Ok((Part::Train, None)));
        assert_eq!(parsed("all"), Ok((Part::All, None)));
        assert_eq!(parsed("train:0.75"), Ok((Part::Train, Some(0.25))));
        assert_eq!(parsed("test:0.25"), Ok((Part::Test, Some(0.25))));
        for bad in [
            "", "val", "train:", "train:1", "test:0", "test:NaN", "all:0.5", "test:-1",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
