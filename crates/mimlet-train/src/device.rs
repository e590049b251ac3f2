//! The device that burn computes on.

use burn::tensor::Device;

use crate::error::TrainError;

/// The device called `name`: `cpu`, or `auto` for the best this build has.
///
/// # Errors
/// [`TrainError::Config`] for a device this build does not have.
pub fn by_name(name: &str) -> Result<Device, TrainError> {
    match name {
        // The one backend this build holds.
        "auto" | "cpu" => Ok(Device::flex()),
        other => Err(TrainError::Config(format!(
            "--device {other} is not in this build; use auto or cpu"
        ))),
    }
}
