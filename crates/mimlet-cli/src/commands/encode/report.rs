//! What `mimlet encode` prints.

use std::collections::BTreeSet;
use std::fmt;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use super::What;
use super::array::{Array, Values};
use crate::backend::Choice;
use crate::table::Facts;
use crate::units::count;

/// Values of a feature vector that are shown.
const SHOWN: usize = 6;

/// The values themselves, or where they were written.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) file: String,
    pub(crate) backend: Choice,
    /// Patches along height and width.
    pub(crate) grid: [u32; 2],
    pub(crate) written: Option<String>,
    pub(crate) array: &'a Array,
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let array = self.array;
        let images = array
            .to_json(self.written.is_none())
            .map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("hash", &array.model)?;
        map.serialize_entry("backend", &self.backend)?;
        map.serialize_entry("what", &array.what)?;
        map.serialize_entry("shape", &array.full_shape())?;
        map.serialize_entry("output", &self.written)?;
        map.serialize_entry("images", &images)?;
        map.end()
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let array = self.array;
        let images = count(array.images.len() as u64, "image");
        let shape = format!("{} {:?}, {images}", array.what.name(), array.full_shape());
        let mut facts = Facts::new();
        facts.fact("backend", self.backend.to_string());
        match &self.written {
            Some(path) => {
                facts.fact("wrote", format!("{path}: {shape}"));
                return facts.fmt(f);
            }
            None => facts.fact("result", shape).fmt(f)?,
        }
        for (file, values) in array.files.iter().zip(&array.images) {
            match values {
                Values::U32(tokens) => self.tokens(f, file, tokens)?,
                Values::F32(features) => self.features(f, file, features)?,
            }
        }
        Ok(())
    }
}

impl Report<'_> {
    /// The tokens where their patches lie.
    fn tokens(&self, f: &mut fmt::Formatter<'_>, file: &str, tokens: &[u32]) -> fmt::Result {
        let distinct = tokens.iter().collect::<BTreeSet<_>>().len();
        writeln!(f, "\n{file}: {}", count(distinct as u64, "distinct token"))?;
        let widest = tokens
            .iter()
            .max()
            .map_or(1, |token| token.to_string().len());
        for row in tokens.chunks(self.grid[1].max(1) as usize) {
            for token in row {
                write!(f, "  {token:>widest$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    /// Length and first values of the class feature, or of the mean patch.
    fn features(&self, f: &mut fmt::Formatter<'_>, file: &str, features: &[f32]) -> fmt::Result {
        let norm = |row: &[f32]| {
            row.iter()
                .map(|&x| f64::from(x).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let dim = self.array.shape.last().copied().unwrap_or(1).max(1);
        let rows = (features.len() / dim).max(1);
        let mean_norm = features.chunks(dim).map(norm).sum::<f64>() / rows as f64;
        let name = match self.array.what {
            What::Patches => "mean norm",
            What::Cls | What::Tokens => "norm",
        };
        write!(f, "\n{file}: {name} {mean_norm:.4}, starts")?;
        for value in features.iter().take(SHOWN) {
            write!(f, " {value:+.4}")?;
        }
        writeln!(f)
    }
}
