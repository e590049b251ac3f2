//! Where the samples of a shard lie.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use tar::{Archive, Entry, EntryType};

use crate::error::TrainError;

/// Extensions of images, lower case.
const IMAGES: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Longest label, bytes.
const MAX_LABEL: u64 = 256;

/// Bytes of a tar block.
const BLOCK: u64 = 512;

/// An image in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    /// Its path in the archive.
    pub(super) name: Box<str>,
    /// First byte in the shard.
    pub(super) offset: u64,
    /// Bytes; the shard holds them all.
    pub(super) length: u64,
}

/// What is known of the sample being read.
#[derive(Debug, Default)]
struct Pending {
    key: String,
    image: Option<Sample>,
    label: Option<u32>,
}

/// The images of a shard with their labels, in order.
///
/// # Errors
/// [`TrainError::Content`] naming the shard, the sample and what is wrong with it.
pub(super) fn index(
    path: &Path,
    names: Option<&[String]>,
) -> Result<(Vec<Sample>, Vec<u32>), TrainError> {
    let file = File::open(path).map_err(TrainError::io(path, "read"))?;
    scan(file, names).map_err(|reason| TrainError::Content {
        path: path.to_owned(),
        reason,
    })
}

/// As [`index`], of any bytes; the error is what is wrong with them.
fn scan(
    mut bytes: impl Read + Seek,
    names: Option<&[String]>,
) -> Result<(Vec<Sample>, Vec<u32>), String> {
    let unreadable = |error: std::io::Error| {
        let error = error.to_string();
        let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("cannot be read as tar: {error}; copy it again")
    };
    let total = bytes.seek(SeekFrom::End(0)).map_err(unreadable)?;
    bytes.rewind().map_err(unreadable)?;
    let (mut samples, mut labels) = (Vec::new(), Vec::new());
    let mut pending = Pending::default();
    let mut end = 0;
    let mut archive = Archive::new(bytes);
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        // Skipping goes past the end of a file without a word.
        let last = entry.raw_file_position().checked_add(entry.size());
        end = last
            .filter(|&last| last <= total)
            .ok_or_else(|| cut_short(&name))?;
        let Some((key, extension)) = split(&name).filter(|_| is_file(&entry)) else {
            continue;
        };
        if key != pending.key {
            finish(std::mem::take(&mut pending), &mut samples, &mut labels)?;
            pending.key = key.to_owned();
        }
        let extension = extension.to_ascii_lowercase();
        if extension == "cls" {
            pending.label = Some(read_label(&mut entry, &name, names)?);
        } else if IMAGES.contains(&extension.as_str()) {
            let sample = Sample {
                offset: entry.raw_file_position(),
                length: entry.size(),
                name: name.as_str().into(),
            };
            if pending.image.replace(sample).is_some() {
                return Err(format!("sample {key} has two images; keep one"));
            }
        }
    }
    finish(pending, &mut samples, &mut labels)?;
    // Two empty blocks end an archive; one will do.
    if total < end.next_multiple_of(BLOCK) + BLOCK {
        return Err("is cut short: the archive's end is missing; copy it again".into());
    }
    Ok((samples, labels))
}

fn cut_short(name: &str) -> String {
    format!("is cut short inside {name}; copy it again")
}

/// Whether an entry's bytes lie in one piece in the archive.
fn is_file<R: Read>(entry: &Entry<'_, R>) -> bool {
    matches!(
        entry.header().entry_type(),
        EntryType::Regular | EntryType::Continuous
    )
}

/// A path's key, up to the first dot of its last part, and what follows the dot. `None` for hidden
/// files and those without a dot.
fn split(name: &str) -> Option<(&str, &str)> {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[file..].find('.').filter(|&dot| dot > 0)?;
    Some((&name[..file + dot], &name[file + dot + 1..]))
}

/// Takes a whole sample over. One that holds neither image nor label is something else.
fn finish(
    pending: Pending,
    samples: &mut Vec<Sample>,
    labels: &mut Vec<u32>,
) -> Result<(), String> {
    match (pending.image, pending.label) {
        (None, None) => Ok(()),
        (Some(image), Some(label)) => {
            samples.push(image);
            labels.push(label);
            Ok(())
        }
        (Some(_), None) => Err(format!("sample {} has no .cls with its label", pending.key)),
        (None, Some(_)) => Err(format!(
            "sample {} has no image; JPEG, PNG and WebP are read",
            pending.key
        )),
    }
}

/// A label as text: a number, or one of `names`.
fn read_label<R: Read>(
    entry: &mut Entry<'_, R>,
    name: &str,
    names: Option<&[String]>,
) -> Result<u32, String> {
    if entry.size() > MAX_LABEL {
        return Err(format!(
            "{name} has {} bytes; a label is a number or a name",
            entry.size()
        ));
    }
    let mut text = String::new();
    let read = entry.read_to_string(&mut text);
    read.map_err(|error| format!("{name} is no text: {error}"))?;
    let text = text.trim();
    let named = || {
        names?
            .iter()
            .position(|class| class == text)
            .map(|at| at as u32)
    };
    text.parse().ok().or_else(named).ok_or_else(|| {
        let text: String = text.escape_debug().take(40).collect();
        format!("{name} has the label `{text}`, which is no number nor a line of classes.txt")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_at_the_first_dot_of_the_file() {
        assert_eq!(split("a.b/0.seg.png"), Some(("a.b/0", "seg.png")));
        assert_eq!(split("0.cls"), Some(("0", "cls")));
        assert_eq!(
            split("../../etc/passwd.jpg"),
            Some(("../../etc/passwd", "jpg"))
        );
        for none in ["README", "a/.hidden", "a/._0.jpg", "", "/"] {
            assert_eq!(split(none), None, "{none}");
        }
    }
}
