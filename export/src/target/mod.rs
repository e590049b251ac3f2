//! What a device offers: `targets/*.toml`, read or built in; and whether a model fits it.

mod bundled;
mod profile;
mod proof;
mod shape;
mod work;

pub use profile::{CpuProfile, GpuLimits, Simd, Target, WeightType};
pub use proof::Refusal;
pub(crate) use proof::in_a_line;
pub use shape::Shape;
