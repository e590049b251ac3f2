//! What can be wrong with counts and with the bytes they travel in.

use alloc::string::String;

/// Counts that cannot be made, filled or joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountsError {
    /// A side is zero, or the matrix has more cells than [`MAX_CELLS`](crate::MAX_CELLS).
    #[error(
        "a count matrix of {tokens} tokens x {classes} classes is refused: each side must be at \
         least 1 and the cells at most {}",
        crate::MAX_CELLS
    )]
    Size {
        /// Rows asked for.
        tokens: usize,
        /// Columns asked for.
        classes: usize,
    },
    /// A token the codebook has no centroid for.
    #[error("token {token} is outside the codebook of {tokens} tokens")]
    Token {
        /// The token.
        token: u32,
        /// Size of the codebook.
        tokens: usize,
    },
    /// A class that was not announced.
    #[error("class {class} is outside the {classes} classes of the count matrix")]
    Class {
        /// The class.
        class: u32,
        /// Number of classes.
        classes: usize,
    },
    /// Rows of different lengths.
    #[error("row {row} has {found} classes where row 0 has {expected}")]
    Ragged {
        /// The first odd row.
        row: usize,
        /// Its length.
        found: usize,
        /// The length of row 0.
        expected: usize,
    },
    /// Two matrices of different shapes.
    #[error(
        "counts of {} tokens x {} classes cannot be added to counts of {} x {}",
        found[0], found[1], expected[0], expected[1]
    )]
    Shape {
        /// Tokens and classes of the matrix that was to be added.
        found: [usize; 2],
        /// Tokens and classes of the matrix it was to be added to.
        expected: [usize; 2],
    },
    /// More patches than a `u64` counts.
    #[error("the number of patches does not fit in 64 bits")]
    Overflow,
}

/// A shard that cannot be read or joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// The bytes do not start with [`SHARD_MAGIC`](crate::SHARD_MAGIC).
    #[error("not a mimlet counts file; write one with `mimlet tcas --counts-out`")]
    Magic,
    /// A version this build does not read.
    #[error(
        "counts file of version {found}; this build reads version {}",
        crate::SHARD_VERSION
    )]
    Version {
        /// The version the bytes claim.
        found: u16,
    },
    /// The bytes end early, or hold what no writer wrote.
    #[error("the counts file is damaged or cut short; write it again")]
    Damaged,
    /// Bytes follow the record.
    #[error("{0} bytes follow the end of the counts; write the file again")]
    TrailingBytes(usize),
    /// The header and the counts contradict each other.
    #[error("counts file: {field} says {claimed}, the counts say {found}; write it again")]
    Contradiction {
        /// The header's field.
        field: &'static str,
        /// What the field says.
        claimed: u64,
        /// What the counts say.
        found: u64,
    },
    /// The shards come from different models, so their tokens mean different things.
    #[error("the shards come from different models; count them with the same file")]
    OtherModel,
    /// The shards name different classes.
    #[error(
        "class {index} is `{found}` in one shard and `{expected}` in another; give every shard the \
         same class folders"
    )]
    OtherClasses {
        /// The first class that differs.
        index: usize,
        /// Its name in the shard that was to be added; empty when it has fewer classes.
        found: String,
        /// Its name in the shard it was to be added to; empty when it has fewer classes.
        expected: String,
    },
    /// The counts themselves.
    #[error(transparent)]
    Counts(#[from] CountsError),
}
