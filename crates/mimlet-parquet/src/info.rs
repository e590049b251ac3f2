//! What the numbers of a table mean, as the file's key-value metadata.

use std::fmt::Write as _;

use parquet::file::metadata::KeyValue;

use crate::error::TableError;

/// The version this build writes and reads.
const VERSION: &str = "1";

const VERSION_KEY: &str = "mimlet.table_version";
const MODEL_KEY: &str = "mimlet.model";
const CODEBOOK_SIZE_KEY: &str = "mimlet.codebook_size";
const CLASS_NAMES_KEY: &str = "mimlet.class_names";

/// What the tokens and labels of a table mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Hash of what gave the tokens: the content hash of a `.mim` file, or the BLAKE3 of a codebook
    /// file. Tables of one hash may be put together.
    pub model: [u8; 32],
    /// K: tokens are below it.
    pub codebook_size: u32,
    /// Names of the classes; a label is an index into it. Empty when there are no labels.
    pub class_names: Vec<String>,
}

impl TableInfo {
    /// That tokens and labels fit their columns.
    ///
    /// # Errors
    /// [`TableError::TooMany`].
    pub(crate) fn check(&self) -> Result<(), TableError> {
        if i32::try_from(self.codebook_size).is_err() {
            return Err(TableError::TooMany("the tokens of the codebook"));
        }
        if i32::try_from(self.class_names.len()).is_err() {
            return Err(TableError::TooMany("the classes"));
        }
        Ok(())
    }

    pub(crate) fn to_metadata(&self) -> Vec<KeyValue> {
        let mut model = String::with_capacity(64);
        for byte in self.model {
            // Growing a string does not fail.
            let _ = write!(model, "{byte:02x}");
        }
        let class_names = serde_json::Value::from(self.class_names.clone());
        [
            (VERSION_KEY, VERSION.to_owned()),
            (MODEL_KEY, model),
            (CODEBOOK_SIZE_KEY, self.codebook_size.to_string()),
            (CLASS_NAMES_KEY, class_names.to_string()),
        ]
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .into()
    }

    /// # Errors
    /// What is missing or odd, with the mend.
    pub(crate) fn from_metadata(metadata: &[KeyValue]) -> Result<Self, String> {
        let text = |key: &str| {
            let entry = metadata.iter().find(|entry| entry.key == key);
            entry.and_then(|entry| entry.value.as_deref())
        };
        let needed = |key| text(key).ok_or_else(|| damaged(key));
        match text(VERSION_KEY) {
            Some(VERSION) => {}
            Some(found) => {
                return Err(format!(
                    "is a token table of version {found}; this build reads version {VERSION}"
                ));
            }
            None => {
                return Err(format!(
                    "lacks {VERSION_KEY} in its metadata; give a table of `mimlet encode -o \
                     tokens.parquet`, as it was written"
                ));
            }
        }
        Ok(Self {
            model: hash(needed(MODEL_KEY)?).ok_or_else(|| damaged(MODEL_KEY))?,
            codebook_size: needed(CODEBOOK_SIZE_KEY)?
                .parse()
                .map_err(|_| damaged(CODEBOOK_SIZE_KEY))?,
            class_names: serde_json::from_str(needed(CLASS_NAMES_KEY)?)
                .map_err(|_| damaged(CLASS_NAMES_KEY))?,
        })
    }
}

fn damaged(key: &str) -> String {
    format!("its metadata holds no usable {key}; write the table again")
}

/// 32 bytes in hexadecimal.
fn hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if !text.is_ascii() || text.len() != 2 * hash.len() {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..][..2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::{CODEBOOK_SIZE_KEY, MODEL_KEY, TableInfo, VERSION_KEY};

    #[test]
    fn metadata_reads_back_and_lies_are_named() {
        let info = TableInfo {
            model: std::array::from_fn(|index| (index * 9) as u8),
            codebook_size: 8192,
            class_names: vec!["a \"quoted\" name".into(), "new\nline".into()],
        };
        let metadata = info.to_metadata();
        assert_eq!(TableInfo::from_metadata(&metadata), Ok(info));
        for (key, value) in [
            (VERSION_KEY, "2"),
            (MODEL_KEY, "00ff"),
            (CODEBOOK_SIZE_KEY, "-1"),
        ] {
            let mut lie = metadata.clone();
            for entry in lie.iter_mut().filter(|entry| entry.key == key) {
                entry.value = Some(value.into());
            }
            let problem = TableInfo::from_metadata(&lie).unwrap_err();
            assert!(problem.contains(key) || problem.contains("version 2"));
        }
        assert!(TableInfo::from_metadata(&[]).is_err());
    }
}
