//! Protobuf's wire format, walked in a file: what is long is skipped, not read.
//!
//! The encoding is that of protobuf.dev's "Encoding" page.

use crate::CheckpointError;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A field's value, or the length of what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Varint(u64),
    /// 4 or 8 bytes follow.
    Fixed(u64),
    /// That many bytes follow.
    Bytes(u64),
}

/// A file of messages.
#[derive(Debug)]
pub(super) struct Wire {
    path: PathBuf,
    file: BufReader<File>,
    at: u64,
    len: u64,
}

impl Wire {
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = File::open(path).map_err(CheckpointError::io(path))?;
        let len = file.metadata().map_err(CheckpointError::io(path))?.len();
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::new(file),
            at: 0,
            len,
        })
    }

    /// The same file once more, to read from elsewhere: with a position of its own.
    pub(super) fn file(&self, path: &Path) -> Result<File, CheckpointError> {
        File::open(path).map_err(CheckpointError::io(path))
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next field's number and value; `None` at `end`.
    pub(super) fn field(&mut self, end: u64) -> Result<Option<(u64, Field)>, CheckpointError> {
        if self.at == end {
            return Ok(None);
        }
        let key = self.varint(end)?;
        let value = match key & 7 {
            0 => Field::Varint(self.varint(end)?),
            1 => Field::Fixed(8),
            2 => Field::Bytes(self.varint(end)?),
            5 => Field::Fixed(4),
            _ => return Err(self.wrong()),
        };
        let follows = match value {
            Field::Varint(_) => 0,
            Field::Fixed(len) | Field::Bytes(len) => len,
        };
        match follows <= end - self.at {
            true => Ok(Some((key >> 3, value))),
            false => Err(self.wrong()),
        }
    }

    /// Passes over what follows a field.
    pub(super) fn skip(&mut self, value: Field) -> Result<(), CheckpointError> {
        let (Field::Fixed(len) | Field::Bytes(len)) = value else {
            return Ok(());
        };
        // `field` has found it to be inside the file.
        self.at += len;
        let seek = match i64::try_from(len) {
            Ok(len) => self.file.seek_relative(len),
            Err(_) => self.file.seek(SeekFrom::Start(self.at)).map(drop),
        };
        seek.map_err(CheckpointError::io(&self.path))
    }

    /// The next bytes, which `field` has found to be there.
    pub(super) fn bytes(&mut self, len: u64) -> Result<Vec<u8>, CheckpointError> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        self.file
            .read_exact(&mut bytes)
            .map_err(CheckpointError::io(&self.path))?;
        self.at += len;
        Ok(bytes)
    }

    fn varint(&mut self, end: u64) -> Result<u64, CheckpointError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            if self.at >= end {
                return Err(self.wrong());
            }
            let byte = self.bytes(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.wrong())
    }

    pub(super) fn wrong(&self) -> CheckpointError {
        let reason = format!(
            "not an ONNX model: it breaks off or is damaged at byte {}",
            self.at
        );
        CheckpointError::content(&self.path, reason)
    }
}
