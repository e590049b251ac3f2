//! Patterns in braces: `train-{000..012}.tar`, `{train,extra}-0.tar`.

use std::path::{Path, PathBuf};

use crate::error::TrainError;

/// Most paths that a pattern may mean.
const MOST: usize = 100_000;

/// The paths that a pattern means, in order; `None` for a path without braces.
///
/// # Errors
/// [`TrainError::Content`] for braces that are not closed, hold neither a range nor a list, or mean
/// too many paths.
pub(super) fn expand(path: &Path) -> Result<Option<Vec<PathBuf>>, TrainError> {
    let Some(text) = path.to_str().filter(|text| text.contains('{')) else {
        return Ok(None);
    };
    let paths = texts(text).map_err(|reason| TrainError::Content {
        path: path.to_owned(),
        reason,
    })?;
    Ok(Some(paths.into_iter().map(PathBuf::from).collect()))
}

fn texts(pattern: &str) -> Result<Vec<String>, String> {
    let mut all = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').ok_or("has a { without }")?;
        let choices = choices(inside)?;
        if all.len() * choices.len() > MOST {
            return Err(format!("means more than {MOST} files"));
        }
        let with = |start: &String| {
            let choices = choices.iter();
            let paths = choices.map(|choice| format!("{start}{before}{choice}"));
            paths.collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
        rest = after;
    }
    all.iter_mut().for_each(|text| text.push_str(rest));
    Ok(all)
}

/// `a,b` as a list, `08..11` as a range that keeps its width.
fn choices(inside: &str) -> Result<Vec<String>, String> {
    if let Some((first, last)) = inside.split_once("..") {
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<usize>().ok().filter(|_| digits)
        };
        let wrong = || format!("{{{inside}}} is no range such as {{000..012}}");
        let (from, to) = number(first).zip(number(last)).ok_or_else(wrong)?;
        if from > to || to - from >= MOST {
            return Err(wrong());
        }
        let width = first.len();
        return Ok((from..=to).map(|at| format!("{at:0width$}")).collect());
    }
    if inside.contains(',') {
        return Ok(inside.split(',').map(String::from).collect());
    }
    Err(format!(
        "{{{inside}}} is neither a range such as {{000..012}} nor a list"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_multiply() {
        assert_eq!(
            texts("d/{a,b}-{08..10}.tar").unwrap(),
            [
                "d/a-08.tar",
                "d/a-09.tar",
                "d/a-10.tar",
                "d/b-08.tar",
                "d/b-09.tar",
                "d/b-10.tar"
            ]
        );
        assert_eq!(texts("{9..10}").unwrap(), ["9", "10"]);
        assert!(expand(Path::new("plain.tar")).unwrap().is_none());
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for bad in [
            "{0..",
            "{}",
            "{a}",
            "{3..1}",
            "{-1..2}",
            "{+1..2}",
            "{0..99999999999999999999}",
            "{0..99999}{0..99999}",
            "{0..18446744073709551615}",
        ] {
            assert!(expand(Path::new(bad)).is_err(), "{bad}");
        }
    }
}
