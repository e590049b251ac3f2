//! Opens other software's checkpoints: safetensors (one file or Hugging Face's shards), PyTorch's
//! `torch.save`, NumPy's `.npy` and, by feature, ONNX.
//!
//! A [`Checkpoint`] knows the name and shape of every tensor once it is open, and reads them one at a
//! time. No code that a file carries is run. Whatever a file says is held to its length before
//! anything is allocated, so that a file of any bytes is read or refused in memory of its own order.
//!
//! ```
//! use mimlet_checkpoint::Checkpoint;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("centroids.npy");
//! # let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
//! # let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
//! # bytes.extend((header.len() as u16).to_le_bytes());
//! # bytes.extend(header.bytes());
//! # bytes.extend([0; 24]);
//! # std::fs::write(&path, bytes)?;
//! let mut checkpoint = Checkpoint::open(&path)?;
//! let names: Vec<String> = checkpoint.shapes().map(|(name, _)| name.to_owned()).collect();
//! for name in names {
//!     let array = checkpoint.read(&name)?.expect("it has just been listed");
//!     assert_eq!((array.shape, array.values), (vec![2, 3], vec![0.0; 6]));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod error;
mod folder;
mod npy;
mod numbers;
#[cfg(feature = "onnx")]
pub mod onnx;
mod pytorch;
mod safetensors_file;

pub use checkpoint::{Array, Checkpoint, Kind};
pub use error::CheckpointError;
