//! Token tables in Parquet, one row for each patch of each image, for data sets larger than a
//! machine.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `image` | string | the image's name: a path, relative to the data set where there is one |
//! | `patch` | int32 | the patch's place in the image, row by row from the upper left, from 0 |
//! | `token` | int32 | the patch's token, an index into the codebook |
//! | `label` | int32, null | the image's class, an index into the class names; null when unlabelled |
//!
//! Images are named by strings because machines that write shards of one data set have no common
//! count; a dictionary keeps each name once. Numbers are signed 32-bit because the engines that run
//! on a JVM have no unsigned types: nothing has to be cast anywhere. The file's key-value metadata
//! says what the numbers mean: `mimlet.table_version`, `mimlet.model` (a hash, in hexadecimal),
//! `mimlet.codebook_size` and `mimlet.class_names` (a JSON list).
//!
//! ```
//! use mimlet_parquet::{TableInfo, TokenTable, TokenTableWriter};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("tokens.parquet");
//! let info = TableInfo {
//!     model: [7; 32],
//!     codebook_size: 100,
//!     class_names: vec!["cat".into(), "dog".into()],
//! };
//! let mut writer = TokenTableWriter::create(&path, &info)?;
//! writer.write_image("cat/1.png", &[4, 4, 99, 0], Some(0))?;
//! writer.write_image("elsewhere.png", &[1, 2, 3, 4], None)?;
//! assert_eq!(writer.finish()?.rows, 8); // until then there is no such file
//!
//! let table = TokenTable::open(&path)?;
//! assert_eq!(table.info(), &info);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::unwrap_used)]

#[cfg(panic = "abort")]
compile_error!(
    "arrow panics over damaged files, which is caught: build it with `panic = \"unwind\"`"
);

mod error;
mod info;
mod name;
mod partial;
mod reader;
mod writer;

pub use error::TableError;
pub use info::TableInfo;
pub use name::image_name;
pub use reader::{Batch, TokenTable};
pub use writer::{TokenTableWriter, Written};

/// The columns. Number and order are the same in every file of this version.
const SCHEMA: &str = "
    message tokens {
        REQUIRED BYTE_ARRAY image (STRING);
        REQUIRED INT32 patch;
        REQUIRED INT32 token;
        OPTIONAL INT32 label;
    }";
