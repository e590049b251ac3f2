//! NumPy's `.npy`: a magic number, a Python dictionary as text, numbers.
//!
//! The format is NumPy's NEP 1, versions 1 to 3.

use crate::CheckpointError;
use crate::checkpoint::{Checkpoint, Entry, Kind, Place};
use crate::numbers::{Number, count};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The name that the array goes by: the file gives it none.
const NAME: &str = "array";
/// Longest header that is read, bytes; NumPy writes 118.
const MAX_HEADER: usize = 1 << 16;

/// Opens a file that starts with the magic number.
pub(crate) fn open(path: &Path, mut file: File, len: u64) -> Result<Checkpoint, CheckpointError> {
    let wrong = |reason: &str| CheckpointError::content(path, format!("not a .npy file: {reason}"));
    let mut start = [0; 10];
    file.read_exact(&mut start)
        .map_err(|_| wrong("it ends before its header"))?;
    let (header_len, offset) = match start[6] {
        1 => (usize::from(u16::from_le_bytes([start[8], start[9]])), 10),
        2 | 3 => {
            let mut high = [0; 2];
            file.read_exact(&mut high)
                .map_err(|_| wrong("it ends before its header"))?;
            let header_len = u32::from_le_bytes([start[8], start[9], high[0], high[1]]);
            (header_len as usize, 12)
        }
        version => return Err(wrong(&format!("its version is {version}, not 1 to 3"))),
    };
    if header_len > MAX_HEADER {
        return Err(wrong(&format!(
            "its header would be {header_len} bytes long"
        )));
    }
    let mut header = vec![0; header_len];
    file.read_exact(&mut header)
        .map_err(|_| wrong("it ends in its header"))?;
    let header = String::from_utf8_lossy(&header);
    let Some((descr, fortran, shape)) = parse(&header) else {
        return Err(wrong(
            "its header is no dictionary of descr, fortran_order and shape",
        ));
    };
    let Some(number) = number(descr) else {
        return Err(wrong(&format!(
            "its numbers are {descr:?}; save them as little-endian float32"
        )));
    };
    let bytes = count(&shape).and_then(|count| count.checked_mul(number.size()));
    let end = bytes.and_then(|bytes| bytes.checked_add(header_len + offset));
    if end.is_none_or(|end| end as u64 != len) {
        return Err(wrong(&format!(
            "an array {shape:?} does not fill it: it is truncated or has been added to"
        )));
    }
    let strides = fortran.then(|| column_major(&shape));
    let mut checkpoint = Checkpoint::new(path, Kind::Npy);
    let place = Place::At {
        file: 0,
        offset: (offset + header_len) as u64,
        strides,
    };
    checkpoint.files.push((path.to_owned(), file));
    let entry = Entry {
        number,
        shape,
        place,
    };
    checkpoint.entries.insert(NAME.to_owned(), entry);
    Ok(checkpoint)
}

/// `descr`, `fortran_order` and `shape` of a header.
fn parse(header: &str) -> Option<(&str, bool, Vec<usize>)> {
    let after = |key: &str| {
        let (_, rest) = header.split_once(key)?;
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    };
    let descr = after("'descr'")?.strip_prefix('\'')?.split('\'').next()?;
    let order = after("'fortran_order'")?;
    let fortran = order.starts_with("True");
    if !fortran && !order.starts_with("False") {
        return None;
    }
    let (shape, _) = after("'shape'")?.strip_prefix('(')?.split_once(')')?;
    let sides = shape
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty());
    let shape: Result<Vec<usize>, _> = sides.map(str::parse).collect();
    Some((descr, fortran, shape.ok()?))
}

fn number(descr: &str) -> Option<Number> {
    match descr {
        "<f8" => Some(Number::F64),
        "<f4" => Some(Number::F32),
        "<f2" => Some(Number::F16),
        _ => None,
    }
}

/// Numbers from one index to the next along each side, the first side's being neighbours.
fn column_major(shape: &[usize]) -> Vec<usize> {
    let mut stride = 1;
    let mut next = |&side: &usize| {
        let this = stride;
        stride *= side;
        this
    };
    shape.iter().map(&mut next).collect()
}
