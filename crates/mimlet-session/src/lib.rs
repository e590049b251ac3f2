//! The front door of the runtime: a model file on the fastest backend of this device that proves
//! right.
//!
//! A [`Ladder`] is the ways to run a model here: each GPU, the CPU with all its instructions, the CPU
//! with those that every one of its kind has. Each rung runs the file's own acceptance test; of those
//! that pass, the fastest by measured time is kept. Verdicts are cached by what they depend on (the
//! file's content, the device, its driver, the code of this runtime), so that a second start believes
//! the first, and any change asks anew. A rung that fails later, a lost GPU for one, is opened
//! anew, and when it fails again with the same image, it is left for the next ([`Running`]).
//!
//! ```no_run
//! let mut session = mimlet_session::Session::open("shapes-tiny.mim")?;
//! println!("{}", session.report());
//! # let photo = vec![0; 64 * 64 * 3];
//! let encoding = session.encode_pixels(&photo)?;
//! println!("{:?}", encoding.tokens);
//! # Ok::<(), mimlet_session::SessionError>(())
//! ```
#![warn(clippy::unwrap_used)]

mod cache;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod ladder;
mod report;
mod rung;
mod running;
mod session;
mod trial;

pub use cache::{VerdictCache, VerdictKey, cache_folder};
pub use cpu::CpuRung;
#[cfg(feature = "gpu")]
pub use gpu::GpuRung;
pub use ladder::{Climbed, Ladder, NothingPasses, all_gpus, hardware_gpus};
pub use report::{Report, Standing, Tried};
pub use rung::Rung;
pub use running::Running;
pub use session::{Session, SessionError};
pub use trial::Trial;

/// What the code is that gives a verdict: a hash of the sources and the compiler.
pub const CODE_HASH: &str = env!("MIMLET_CODE_HASH");
