//! Writing shards.

use std::fmt;
use std::path::{Path, PathBuf};

use tar::{Builder, Header};

use super::NAMES;
use crate::atomic;
use crate::error::TrainError;

/// Writes PNG images with their labels as shards `shard-000000.tar`, ... and `classes.txt`.
/// A shard appears whole or not at all, and the same images give the same bytes.
pub struct ShardWriter {
    folder: PathBuf,
    per_shard: usize,
    builder: Builder<Vec<u8>>,
    images: usize,
    written: usize,
}

impl fmt::Debug for ShardWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardWriter")
            .field("folder", &self.folder)
            .field("images", &self.images)
            .finish_non_exhaustive()
    }
}

impl ShardWriter {
    /// Into `folder`, `per_shard` images each.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn create(folder: &Path, names: &[String], per_shard: usize) -> Result<Self, TrainError> {
        let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
        atomic::write(&folder.join(NAMES), lines.as_bytes())?;
        Ok(Self {
            folder: folder.to_owned(),
            per_shard: per_shard.max(1),
            builder: Builder::new(Vec::new()),
            images: 0,
            written: 0,
        })
    }

    /// Adds an image, the bytes of a PNG file, and its label.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn add(&mut self, png: &[u8], label: u32) -> Result<(), TrainError> {
        let key = format!("{:07}", self.images);
        self.member(&format!("{key}.png"), png)?;
        self.member(&format!("{key}.cls"), label.to_string().as_bytes())?;
        self.images += 1;
        if self.images.is_multiple_of(self.per_shard) {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn finish(mut self) -> Result<(), TrainError> {
        if self.images.is_multiple_of(self.per_shard) {
            return Ok(());
        }
        self.flush()
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        // No time and no owner: bytes depend on the images alone.
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let appended = self.builder.append_data(&mut header, name, bytes);
        appended.map_err(TrainError::io(&self.folder, "pack images for"))
    }

    fn flush(&mut self) -> Result<(), TrainError> {
        let path = self.folder.join(format!("shard-{:06}.tar", self.written));
        let builder = std::mem::replace(&mut self.builder, Builder::new(Vec::new()));
        let bytes = builder
            .into_inner()
            .map_err(TrainError::io(&path, "pack"))?;
        self.written += 1;
        atomic::write(&path, &bytes)
    }
}
