//! A run of one process.

use super::Collective;
use crate::error::TrainError;

/// The one process of a run: sums are what it has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Solo;

impl Collective for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn sum_f32(&self, _values: &mut [f32]) -> Result<(), TrainError> {
        Ok(())
    }

    fn sum_f64(&self, _values: &mut [f64]) -> Result<(), TrainError> {
        Ok(())
    }

    fn sum_u64(&self, _values: &mut [u64]) -> Result<(), TrainError> {
        Ok(())
    }

    fn broadcast_f32(&self, root: usize, _values: &mut [f32]) -> Result<(), TrainError> {
        if root == 0 {
            return Ok(());
        }
        Err(TrainError::Collective(format!(
            "process {root} cannot broadcast: there is only process 0"
        )))
    }

    fn barrier(&self) -> Result<(), TrainError> {
        Ok(())
    }

    fn fail(&self, error: TrainError) -> TrainError {
        error
    }
}
