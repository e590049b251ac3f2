//! A count matrix as JSON.

use std::fs;
use std::path::Path;

use mimlet_tcas::TokenClassCounts;
use serde::Deserialize;

use crate::error::Error;

/// `{"R": [[...]]}`: one row for each token, one count for each class.
#[derive(Debug, Deserialize)]
struct Matrix {
    #[serde(rename = "R")]
    r: Vec<Vec<u64>>,
}

/// Reads a count matrix.
///
/// # Errors
/// A line naming the file and what is wrong with it.
pub(super) fn read(path: &Path) -> Result<TokenClassCounts, Error> {
    let refuse = |problem: String| Error::file(path, problem);
    let text =
        fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let matrix: Matrix = serde_json::from_str(&text).map_err(|error| {
        refuse(format!(
            "{error}; give {{\"R\": [[...]]}} with whole counts, a row for each token"
        ))
    })?;
    TokenClassCounts::from_rows(&matrix.r).map_err(|error| refuse(format!("R: {error}")))
}
