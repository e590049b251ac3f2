//! Token-Class Alignment Similarity (TCAS) from a token x class count matrix.
//!
//! A tokenizer gives each patch of an image a discrete token; the image's label gives the patch a
//! class. [`TokenClassCounts`] holds how often they meet, adds up exactly over shards, and reads off
//! the TCAS ([`TokenClassCounts::tcas`], lower is better), the normalised mutual information
//! ([`TokenClassCounts::nmi`]) and the number of tokens in use. [`shuffled_tcas`] is the value that
//! labels without meaning would give, and [`CountsShard`] the bytes a shard travels in. `TCAS.md`
//! beside this crate gives the definition, what it is good for, and how it can be fooled.
//!
//! ```
//! use mimlet_tcas::TokenClassCounts;
//!
//! let mut counts = TokenClassCounts::new(2, 2)?;
//! counts.add_tokens(&[0, 0, 0, 1], 0)?; // the patches of an image of class 0
//! counts.add_tokens(&[1, 1, 1, 1], 1)?;
//! assert_eq!(counts.row(1), Some(&[1, 4][..]));
//! assert!(counts.tcas().is_some_and(|tcas| (tcas - 0.0712).abs() < 1e-12));
//! # Ok::<(), mimlet_tcas::CountsError>(())
//! ```
#![warn(clippy::unwrap_used)]
#![no_std]

extern crate alloc;

mod counts;
mod error;
mod floating;
mod nmi;
pub mod reference;
mod shard;
mod shuffled;
mod stream;
mod tcas;

pub use counts::{MAX_CELLS, TokenClassCounts};
pub use error::{CountsError, ShardError};
pub use shard::{CountsShard, SHARD_MAGIC, SHARD_VERSION};
pub use shuffled::{ImageTokens, shuffled_tcas};
pub use stream::ShardSum;
