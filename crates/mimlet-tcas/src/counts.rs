//! The count matrix R: how often each token falls in an image of each class.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::CountsError;

/// Most cells (tokens x classes) a count matrix may have: 1 GiB of counts.
pub const MAX_CELLS: usize = 1 << 27;

/// R: `counts[token][class]`, the number of patches with that token in images of that class.
///
/// Counts are `u64` and their total is checked, so sums over shards are exact in any order or an
/// error, never silently wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenClassCounts {
    tokens: usize,
    classes: usize,
    /// Row-major, `tokens * classes`.
    counts: Vec<u64>,
    /// Sum of `counts`. No cell or partial sum can exceed it, so checking it alone is enough.
    patches: u64,
}

impl TokenClassCounts {
    /// All zeros, for a codebook of `tokens` centroids and `classes` classes.
    ///
    /// # Errors
    /// [`CountsError::Size`] when a side is 0 or the cells exceed [`MAX_CELLS`].
    pub fn new(tokens: usize, classes: usize) -> Result<Self, CountsError> {
        match tokens.checked_mul(classes) {
            Some(cells @ 1..=MAX_CELLS) => Ok(Self {
                tokens,
                classes,
                counts: vec![0; cells],
                patches: 0,
            }),
            _ => Err(CountsError::Size { tokens, classes }),
        }
    }

    /// From one row of class counts per token.
    ///
    /// ```
    /// # use mimlet_tcas::TokenClassCounts;
    /// let counts = TokenClassCounts::from_rows(&[[10, 0], [0, 7]])?;
    /// assert_eq!(counts.tcas(), Some(0.0));
    /// # Ok::<(), mimlet_tcas::CountsError>(())
    /// ```
    ///
    /// # Errors
    /// [`CountsError::Size`], [`CountsError::Ragged`], or [`CountsError::Overflow`].
    pub fn from_rows<R: AsRef<[u64]>>(rows: &[R]) -> Result<Self, CountsError> {
        let classes = rows.first().map_or(0, |row| row.as_ref().len());
        let mut result = Self::new(rows.len(), classes)?;
        for (index, (row, cells)) in rows
            .iter()
            .zip(result.counts.chunks_mut(classes))
            .enumerate()
        {
            let row = row.as_ref();
            if row.len() != classes {
                return Err(CountsError::Ragged {
                    row: index,
                    found: row.len(),
                    expected: classes,
                });
            }
            cells.copy_from_slice(row);
        }
        result.patches = checked_sum(&result.counts)?;
        Ok(result)
    }

    /// From a row-major matrix of `tokens * classes` cells.
    pub(crate) fn from_cells(
        tokens: usize,
        classes: usize,
        counts: Vec<u64>,
    ) -> Result<Self, CountsError> {
        let patches = checked_sum(&counts)?;
        match tokens.checked_mul(classes) {
            Some(cells @ 1..=MAX_CELLS) if cells == counts.len() => Ok(Self {
                tokens,
                classes,
                counts,
                patches,
            }),
            _ => Err(CountsError::Size { tokens, classes }),
        }
    }

    /// Counts one patch with `token` in an image of `class`.
    ///
    /// # Errors
    /// [`CountsError::Token`], [`CountsError::Class`] or [`CountsError::Overflow`]; nothing is
    /// counted then.
    pub fn add(&mut self, token: u32, class: u32) -> Result<(), CountsError> {
        self.add_tokens(&[token], class)
    }

    /// Counts the patches of one image of `class`, one token per patch.
    ///
    /// # Errors
    /// As [`add`](Self::add); nothing is counted then.
    pub fn add_tokens(&mut self, tokens: &[u32], class: u32) -> Result<(), CountsError> {
        let column = class as usize;
        if column >= self.classes {
            return Err(CountsError::Class {
                class,
                classes: self.classes,
            });
        }
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= self.tokens) {
            return Err(CountsError::Token {
                token,
                tokens: self.tokens,
            });
        }
        self.patches = self
            .patches
            .checked_add(tokens.len() as u64)
            .ok_or(CountsError::Overflow)?;
        for &token in tokens {
            self.counts[token as usize * self.classes + column] += 1;
        }
        Ok(())
    }

    /// Adds the counts of another shard. Exact: any order and grouping of merges gives the same
    /// matrix.
    ///
    /// # Errors
    /// [`CountsError::Shape`] or [`CountsError::Overflow`]; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), CountsError> {
        if [self.tokens, self.classes] != [other.tokens, other.classes] {
            return Err(CountsError::Shape {
                found: [other.tokens, other.classes],
                expected: [self.tokens, self.classes],
            });
        }
        self.patches = self
            .patches
            .checked_add(other.patches)
            .ok_or(CountsError::Overflow)?;
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        Ok(())
    }

    /// The cells, for who adds to them as many patches as to [`add_patches`](Self::add_patches).
    pub(crate) fn cells_mut(&mut self) -> &mut [u64] {
        &mut self.counts
    }

    /// Says how many patches were added to [`cells_mut`](Self::cells_mut).
    ///
    /// # Errors
    /// [`CountsError::Overflow`]; nothing is added then.
    pub(crate) fn add_patches(&mut self, patches: u64) -> Result<(), CountsError> {
        let sum = self.patches.checked_add(patches);
        self.patches = sum.ok_or(CountsError::Overflow)?;
        Ok(())
    }

    /// Rows: the size of the codebook, K.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Columns: the number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All counts, row-major `[tokens, classes]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The class counts of one token; `None` outside the codebook.
    pub fn row(&self, token: usize) -> Option<&[u64]> {
        self.rows().nth(token)
    }

    /// The class counts of each token, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks_exact(self.classes)
    }

    /// Patches counted.
    pub fn patches(&self) -> u64 {
        self.patches
    }

    /// Tokens with at least one patch.
    pub fn used_tokens(&self) -> usize {
        self.rows()
            .filter(|row| row.iter().any(|&count| count > 0))
            .count()
    }
}

/// The sum of all counts, or [`CountsError::Overflow`].
fn checked_sum(counts: &[u64]) -> Result<u64, CountsError> {
    counts
        .iter()
        .try_fold(0u64, |sum, &count| sum.checked_add(count))
        .ok_or(CountsError::Overflow)
}
