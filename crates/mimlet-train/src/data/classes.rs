//! Names of classes, from a file of one a line or made from numbers.

use std::path::Path;

use crate::error::TrainError;

/// Most classes a set may have: a stray label must not make a list of four billion names.
pub(super) const MAX_CLASSES: usize = 1 << 16;

/// `0`, `1`, ... for sets whose labels are only numbers.
pub(super) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

/// The lines of a file of names, or `None` when there is no such file. Empty lines at the end do
/// not count.
///
/// # Errors
/// [`TrainError::Content`] for an empty line in between, a name given twice, or too many names.
pub(super) fn read_names(path: &Path) -> Result<Option<Vec<String>>, TrainError> {
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(TrainError::io(path, "read"))?;
    let names: Vec<String> = text.trim_end().lines().map(|l| l.trim().into()).collect();
    let wrong = |reason: String| TrainError::Content {
        path: path.to_owned(),
        reason,
    };
    if let Some(line) = names.iter().position(String::is_empty) {
        return Err(wrong(format!(
            "line {} is empty; give one class name a line",
            line + 1
        )));
    }
    if names.len() > MAX_CLASSES {
        return Err(wrong(format!(
            "has {} class names, more than {MAX_CLASSES}",
            names.len()
        )));
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(wrong(format!("names class {} twice", twice[0])));
    }
    Ok(Some(names))
}

/// Names for labels up to the largest of `labels`: those of `names`, or numbers.
///
/// # Errors
/// What is wrong with the largest label, with its place in `labels`.
pub(super) fn names_for(
    labels: &[u32],
    names: Option<Vec<String>>,
) -> Result<Vec<String>, (usize, String)> {
    let most = names.as_ref().map_or(MAX_CLASSES, Vec::len);
    if let Some(at) = labels.iter().position(|&label| label as usize >= most) {
        let reason = match &names {
            Some(names) => format!("label {} with {} class names", labels[at], names.len()),
            None => format!("label {} is above {}", labels[at], MAX_CLASSES - 1),
        };
        return Err((at, reason));
    }
    let count = labels.iter().max().map_or(0, |&label| label as usize + 1);
    Ok(names.unwrap_or_else(|| numbered(count)))
}
