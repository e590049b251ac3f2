//! The bytes in which counts travel from the machine that counted to the one that merges.
//!
//! Layout: [`SHARD_MAGIC`], the version as u16 little-endian, then one postcard record of
//! `model: [u8; 32]`, `class_names: Vec<String>`, `tokens: u32`, `classes: u32`, `patches: u64`,
//! `counts: Vec<u64>` (row-major). A reader checks every field against the others. A file may hold
//! several, one after the other with nothing between.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::error::ShardError;
use crate::{CountsError, TokenClassCounts};

/// First bytes of a counts file.
pub const SHARD_MAGIC: [u8; 8] = *b"mimcount";

/// The version this build writes and reads.
pub const SHARD_VERSION: u16 = 1;

/// Counts with what they were counted over, so that only shards that belong together are merged.
///
/// ```
/// use mimlet_tcas::{CountsShard, TokenClassCounts};
///
/// let mut counts = TokenClassCounts::new(100, 2)?;
/// counts.add(42, 1)?;
/// let names = vec!["cat".to_string(), "dog".to_string()];
/// let shard = CountsShard::new([7; 32], names, counts)?;
/// assert_eq!(CountsShard::from_bytes(&shard.to_bytes())?, shard);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountsShard {
    model: [u8; 32],
    class_names: Vec<String>,
    counts: TokenClassCounts,
}

/// The record on the wire; field order is the format.
#[derive(Serialize, Deserialize)]
struct Record {
    model: [u8; 32],
    class_names: Vec<String>,
    tokens: u32,
    classes: u32,
    patches: u64,
    counts: Vec<u64>,
}

impl CountsShard {
    /// Counts made with the model of content hash `model` over the classes `class_names`.
    ///
    /// # Errors
    /// [`ShardError::Contradiction`] when there is not one name per class.
    pub fn new(
        model: [u8; 32],
        class_names: Vec<String>,
        counts: TokenClassCounts,
    ) -> Result<Self, ShardError> {
        agree(
            "class_names",
            class_names.len() as u64,
            counts.classes() as u64,
        )?;
        Ok(Self {
            model,
            class_names,
            counts,
        })
    }

    /// Content hash of the model whose tokens were counted.
    pub fn model(&self) -> &[u8; 32] {
        &self.model
    }

    /// Names of the classes, in the order of the columns.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The counts.
    pub fn counts(&self) -> &TokenClassCounts {
        &self.counts
    }

    /// Adds the counts of another shard, exactly.
    ///
    /// # Errors
    /// [`ShardError::OtherModel`], [`ShardError::OtherClasses`], or the errors of
    /// [`TokenClassCounts::merge`]; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), ShardError> {
        if self.model != other.model {
            return Err(ShardError::OtherModel);
        }
        let name = |shard: &Self, index| shard.class_names.get(index).cloned().unwrap_or_default();
        let longest = self.class_names.len().max(other.class_names.len());
        let differs =
            (0..longest).find(|&index| self.class_names.get(index) != other.class_names.get(index));
        if let Some(index) = differs {
            return Err(ShardError::OtherClasses {
                index,
                found: name(other, index),
                expected: name(self, index),
            });
        }
        Ok(self.counts.merge(&other.counts)?)
    }

    /// The shard as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let record = Record {
            model: self.model,
            class_names: self.class_names.clone(),
            // Both fit: a count matrix has at most 2^27 cells and no side of 0.
            tokens: self.counts.tokens() as u32,
            classes: self.counts.classes() as u32,
            patches: self.counts.patches(),
            counts: self.counts.counts().to_vec(),
        };
        let mut bytes = SHARD_MAGIC.to_vec();
        bytes.extend(SHARD_VERSION.to_le_bytes());
        postcard::to_extend(&record, bytes)
            .expect("growing a vector is the only thing that could fail, and it aborts instead")
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Memory is bounded by a small multiple of the
    /// bytes.
    ///
    /// # Errors
    /// One [`ShardError`] for each way the bytes can lie; never a panic.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ShardError> {
        match Self::take(bytes)? {
            (shard, []) => Ok(shard),
            (_, rest) => Err(ShardError::TrailingBytes(rest.len())),
        }
    }

    /// Reads the shard that `bytes` begin with; what follows it.
    pub(crate) fn take(bytes: &[u8]) -> Result<(Self, &[u8]), ShardError> {
        let rest = bytes.strip_prefix(&SHARD_MAGIC).ok_or(ShardError::Magic)?;
        let (version, rest) = rest.split_first_chunk().ok_or(ShardError::Damaged)?;
        let found = u16::from_le_bytes(*version);
        if found != SHARD_VERSION {
            return Err(ShardError::Version { found });
        }
        let (record, rest): (Record, _) =
            postcard::take_from_bytes(rest).map_err(|_| ShardError::Damaged)?;
        let (tokens, classes) = (record.tokens as usize, record.classes as usize);
        let cells = tokens
            .checked_mul(classes)
            .ok_or(CountsError::Size { tokens, classes })?;
        agree("tokens x classes", cells as u64, record.counts.len() as u64)?;
        let counts = TokenClassCounts::from_cells(tokens, classes, record.counts)?;
        agree("patches", record.patches, counts.patches())?;
        let shard = Self::new(record.model, record.class_names, counts)?;
        Ok((shard, rest))
    }

    pub(crate) fn counts_mut(&mut self) -> &mut TokenClassCounts {
        &mut self.counts
    }
}

/// How the bytes of all shards of the same model, classes and codebook begin: up to the number of
/// tokens and classes.
pub(crate) fn head(shard: &CountsShard) -> Vec<u8> {
    let counts = &shard.counts;
    let sides = (counts.tokens() as u32, counts.classes() as u32);
    let record = (shard.model, &shard.class_names, sides);
    let mut bytes = SHARD_MAGIC.to_vec();
    bytes.extend(SHARD_VERSION.to_le_bytes());
    postcard::to_extend(&record, bytes)
        .expect("growing a vector is the only thing that could fail, and it aborts instead")
}

/// An error unless the field says what the counts say.
pub(crate) fn agree(field: &'static str, claimed: u64, found: u64) -> Result<(), ShardError> {
    if claimed == found {
        Ok(())
    } else {
        Err(ShardError::Contradiction {
            field,
            claimed,
            found,
        })
    }
}
