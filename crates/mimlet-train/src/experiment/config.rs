//! The experiment's file: a run's TOML with an `[experiment]` section.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::images;
use crate::config::Config;
use crate::data::{self, OpenOptions, Part, Source};
use crate::error::TrainError;
use crate::synth::SynthConfig;

/// An experiment as its file says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// The budget that all cells share.
    pub run: Config,
    /// What is compared.
    pub plan: Plan,
    /// Where the file lies; paths in it are relative to this.
    folder: PathBuf,
}

/// The `[experiment]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it is called in tables.
    pub name: String,
    /// Each tokenizer is run with each of them: they seed codebook, training and probe.
    pub seeds: Vec<u64>,
    /// The entry of `tokenizer` that the others are compared with; the first of kind `mae` when not
    /// given.
    pub baseline: Option<String>,
    /// Images.
    pub images: ImageSets,
    /// What is compared.
    #[serde(rename = "tokenizer")]
    pub entries: Vec<Entry>,
}

/// Which images are for what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSets {
    /// Codebooks and encoders learn from these.
    pub pretrain: ImageSetConfig,
    /// Probes learn from these, and they are the neighbours; `pretrain` when not given.
    pub probe: Option<ImageSetConfig>,
    /// TCAS, probes and neighbours are measured on these.
    pub test: ImageSetConfig,
}

/// One set: synthetic, or a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSetConfig {
    /// Synthetic images.
    pub synth: Option<SynthConfig>,
    /// A data set, relative to the experiment's file.
    pub path: Option<PathBuf>,
    /// For a path, which part of it: its own, or as `[data]` `test_fraction` and `split_seed` split
    /// it; `train` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartName>,
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartName {
    /// What is there to train on.
    Train,
    /// What is set apart for testing.
    Test,
    /// Everything.
    All,
}

impl From<PartName> for Part {
    fn from(name: PartName) -> Self {
        match name {
            PartName::Train => Self::Train,
            PartName::Test => Self::Test,
            PartName::All => Self::All,
        }
    }
}

/// One tokenizer of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name in tables and folders; its kind's when not given.
    pub name: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// For `features`: the entry whose encoder, of the same seed, gives the features.
    pub teacher: Option<String>,
    /// For `grouped-labels`: classes that share their tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes_together: Option<usize>,
}

/// A kind of tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// K-means over the pixels of patches.
    Pixels,
    /// K random codewords in a random projection of the pixels.
    RandomProjection,
    /// K-means over the patch features of a teacher.
    Features,
    /// The image's class, for each of its patches: an oracle.
    Labels,
    /// Pixel tokens of their own for each group of classes: an oracle by degrees, of equal K.
    GroupedLabels,
    /// A token without any meaning for each different patch.
    Random,
    /// No tokens: patches are guessed pixel by pixel.
    Mae,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::RandomProjection => "random-projection",
            Self::Features => "features",
            Self::Labels => "labels",
            Self::GroupedLabels => "grouped-labels",
            Self::Random => "random",
            Self::Mae => "mae",
        }
    }

    /// Whether it has `codebook.tokens` tokens, so that its TCAS can be compared with the others'.
    pub fn has_equal_k(self) -> bool {
        !matches!(self, Self::Labels | Self::Mae)
    }

    /// Whether it reads the labels, which no tokenizer in use can.
    pub fn is_oracle(self) -> bool {
        matches!(self, Self::Labels | Self::GroupedLabels)
    }
}

impl Entry {
    /// Its name in tables and folders.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.kind.name())
    }
}

impl Experiment {
    /// Reads and checks an experiment's file.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Content`] for what is no such TOML, or
    /// [`TrainError::Config`].
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        /// The section of [`Plan`].
        const SECTION: &str = "experiment";
        let text = std::fs::read_to_string(path).map_err(TrainError::io(path, "read"))?;
        let wrong = || TrainError::toml(path, &text, "not an experiment's TOML");
        let mut table: toml::Table = toml::from_str(&text).map_err(wrong())?;
        let plan = table.remove(SECTION).ok_or_else(|| TrainError::Content {
            path: path.to_owned(),
            reason: "has no [experiment] section; `pretrain` and `probe` take files without".into(),
        })?;
        let experiment = Self {
            run: toml::Value::Table(table).try_into().map_err(wrong())?,
            plan: plan.try_into().map_err(wrong())?,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        };
        experiment.run.check()?;
        experiment.plan.check()?;
        Ok(experiment)
    }

    /// The images of `set`; synthetic ones from the experiment's folder `out`, if they are there.
    ///
    /// # Errors
    /// As [`crate::synth::generate`], or what opening the data set reports.
    pub fn open(&self, set: &ImageSetConfig, out: &Path) -> Result<Box<dyn Source>, TrainError> {
        match (&set.synth, &set.path) {
            (Some(synth), None) if set.part.is_none() => Ok(Box::new(images::load(out, *synth)?)),
            (None, Some(path)) => {
                let part = set.part.map_or(Part::Train, Part::from);
                let options = OpenOptions::new(&self.run.data, part);
                data::open(&self.folder.join(path), &options)
            }
            _ => Err(TrainError::Config(
                "each of experiment.images needs synth, or a path and perhaps its part".into(),
            )),
        }
    }
}

impl Plan {
    /// The entry called `name`.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name() == name)
    }

    /// The entry that the others are compared with.
    pub fn baseline(&self) -> Option<&Entry> {
        match &self.baseline {
            Some(name) => self.entry(name),
            None => self.entries.iter().find(|entry| entry.kind == Kind::Mae),
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        let wrong = |reason: String| Err(TrainError::Config(reason));
        if self.seeds.is_empty() || has_twins(&self.seeds) {
            return wrong(
                "experiment.seeds must hold a seed or several, none of them twice".into(),
            );
        }
        let names: Vec<&str> = self.entries.iter().map(Entry::name).collect();
        if names.is_empty() || has_twins(&names) {
            return wrong(
                "experiment.tokenizer must hold an entry or several; give those of one kind a \
                 name each"
                    .into(),
            );
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(name) = names
            .iter()
            .find(|name| name.is_empty() || !name.chars().all(plain))
        {
            return wrong(format!(
                "experiment.tokenizer name {name:?} is also a folder's: use a-z, 0-9 and -"
            ));
        }
        if let Some(name) = self
            .baseline
            .as_deref()
            .filter(|name| self.entry(name).is_none())
        {
            return wrong(format!(
                "experiment.baseline {name:?} is no tokenizer's name"
            ));
        }
        // A teacher stands above its student, so there is no circle.
        for (index, entry) in self.entries.iter().enumerate() {
            let name = entry.name();
            match (entry.kind, &entry.teacher) {
                (Kind::Features, Some(teacher)) if names[..index].contains(&teacher.as_str()) => {}
                (Kind::Features, _) => {
                    return wrong(format!(
                        "experiment.tokenizer {name:?} needs a teacher: the name of an entry above \
                         it"
                    ));
                }
                (_, Some(_)) => {
                    return wrong(format!(
                        "experiment.tokenizer {name:?} has a teacher; only kind \"features\" has one"
                    ));
                }
                (_, None) => {}
            }
            let together = entry.classes_together;
            if (entry.kind == Kind::GroupedLabels) != together.is_some() || together == Some(0) {
                return wrong(format!(
                    "experiment.tokenizer {name:?}: kind \"grouped-labels\", and no other, has \
                     classes_together, at least 1"
                ));
            }
        }
        Ok(())
    }
}

fn has_twins<T: PartialEq>(items: &[T]) -> bool {
    let twin = |(index, item): (usize, &T)| items[..index].contains(item);
    items.iter().enumerate().any(twin)
}
