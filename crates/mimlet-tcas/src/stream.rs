//! Many shards one after the other, as a fleet sends them home: added without a matrix for each.

use alloc::vec::Vec;

use crate::error::ShardError;
use crate::shard::{agree, head};
use crate::{CountsError, CountsShard, TokenClassCounts};

/// What adds streams of shards to one sum.
///
/// ```
/// use mimlet_tcas::{CountsShard, ShardSum, TokenClassCounts};
///
/// let mut counts = TokenClassCounts::new(100, 2)?;
/// counts.add_tokens(&[7, 7, 42], 1)?;
/// let names = vec!["cat".to_string(), "dog".to_string()];
/// let day = CountsShard::new([7; 32], names, counts)?.to_bytes();
///
/// let mut sum = ShardSum::default();
/// assert_eq!(sum.add_stream(&[&day[..], &day, &day].concat())?, 3);
/// assert_eq!(sum.total().map(|sum| sum.counts().patches()), Some(9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ShardSum {
    sum: Option<CountsShard>,
    /// How a shard of the same model, classes and codebook begins.
    head: Vec<u8>,
}

impl ShardSum {
    /// The sum; `None` before the first shard.
    #[must_use]
    pub fn total(&self) -> Option<&CountsShard> {
        self.sum.as_ref()
    }

    /// The sum, for itself.
    #[must_use]
    pub fn into_total(self) -> Option<CountsShard> {
        self.sum
    }

    /// Adds the shards that `bytes` are, one after the other without anything between, and says how
    /// many they were. About as fast as reading them: cells of 0 are passed over eight at a time.
    ///
    /// # Errors
    /// As [`CountsShard::from_bytes`] and [`CountsShard::merge`], of the first shard that is wrong;
    /// those before it have been added, it and those after it have not.
    pub fn add_stream(&mut self, mut bytes: &[u8]) -> Result<u64, ShardError> {
        let mut shards = 0;
        while !bytes.is_empty() {
            bytes = self.add_first(bytes)?;
            shards += 1;
        }
        Ok(shards)
    }

    /// Adds the first shard of a stream; what follows it.
    fn add_first<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], ShardError> {
        let Some(sum) = &mut self.sum else {
            let (first, rest) = CountsShard::take(bytes)?;
            self.head = head(&first);
            self.sum = Some(first);
            return Ok(rest);
        };
        let Some(record) = bytes.strip_prefix(&self.head[..]) else {
            // Another model or other classes, or no shard: the slow way says which.
            let (other, rest) = CountsShard::take(bytes)?;
            sum.merge(&other)?;
            return Ok(rest);
        };
        sum.counts_mut().add_record(record)
    }
}

impl TokenClassCounts {
    /// Adds the shard whose record goes on with `bytes`: patches, the number of cells, the cells. What
    /// follows it.
    ///
    /// Cells are added as they are read, once; where the record turns out wrong they are taken off
    /// again.
    fn add_record<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], ShardError> {
        let patches = leb128(&mut bytes).ok_or(ShardError::Damaged)?;
        let found = leb128(&mut bytes).ok_or(ShardError::Damaged)?;
        let cells = self.cells_mut();
        agree("tokens x classes", found, cells.len() as u64)?;
        let added = walk(cells, bytes, u64::wrapping_add);
        let sum = added.sum.ok_or(ShardError::from(CountsError::Overflow));
        let checked = if added.cells < cells.len() {
            Err(ShardError::Damaged)
        } else {
            sum.and_then(|sum| agree("patches", patches, sum))
        };
        let checked = checked.and_then(|()| Ok(self.add_patches(patches)?));
        if let Err(error) = checked {
            walk(
                &mut self.cells_mut()[..added.cells],
                bytes,
                u64::wrapping_sub,
            );
            return Err(error);
        }
        Ok(added.rest)
    }
}

/// How far a walk over cells came.
struct Walked<'a> {
    /// Cells walked over: all, unless the bytes end early or hold what no writer wrote.
    cells: usize,
    /// Sum of the counts; `None` beyond 64 bits.
    sum: Option<u64>,
    /// What follows the last of them.
    rest: &'a [u8],
}

/// Takes each cell's count from `bytes` and sets the cell to `apply(cell, count)`. Cells of 0, which
/// are most of a device's, are passed over up to eight at a time.
#[inline(always)]
fn walk<'a>(cells: &mut [u64], mut bytes: &'a [u8], apply: fn(u64, u64) -> u64) -> Walked<'a> {
    let (mut at, mut sum) = (0, Some(0_u64));
    while at < cells.len() {
        if let Some(eight) = bytes.first_chunk() {
            let zeros = u64::from_le_bytes(*eight).trailing_zeros() as usize / 8;
            let zeros = zeros.min(cells.len() - at);
            at += zeros;
            bytes = &bytes[zeros..];
            if at == cells.len() || zeros == 8 {
                continue;
            }
        }
        let Some(count) = leb128(&mut bytes) else {
            break;
        };
        cells[at] = apply(cells[at], count);
        sum = sum.and_then(|sum| sum.checked_add(count));
        at += 1;
    }
    Walked {
        cells: at,
        sum,
        rest: bytes,
    }
}

/// Takes the first number, seven bits a byte and the lowest first; `None` when it ends early, is beyond
/// 64 bits, or has a shorter spelling.
#[inline(always)]
fn leb128(bytes: &mut &[u8]) -> Option<u64> {
    // Most counts are below 128.
    if let [byte @ 0..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    leb128_longer(bytes)
}

/// As [`leb128`], of more than one byte.
fn leb128_longer(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return (byte != 0).then_some(value);
        }
    }
    None
}
