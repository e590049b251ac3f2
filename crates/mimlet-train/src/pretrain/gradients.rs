//! Gradients as one flat vector, to be summed over the processes of a run.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use crate::collective::Collective;
use crate::error::TrainError;
use crate::nn::state::host_values;

/// The sums over all processes of `gradients` and `loss`. One process has nothing to sum.
///
/// # Errors
/// What the other processes or the network report.
pub(crate) fn sum_over_processes<M: Module>(
    module: &M,
    gradients: GradientsParams,
    loss: f64,
    collective: &dyn Collective,
) -> Result<(GradientsParams, f64), TrainError> {
    if collective.world() == 1 {
        return Ok((gradients, loss));
    }
    let mut flat = Flatten {
        gradients: &gradients,
        values: Vec::new(),
    };
    module.visit(&mut flat);
    let mut values = flat.values;
    collective.sum_f32(&mut values)?;
    let mut total = [loss];
    collective.sum_f64(&mut total)?;
    let mut spread = Spread {
        old: gradients,
        new: GradientsParams::new(),
        values: &values,
    };
    module.visit(&mut spread);
    Ok((spread.new, total[0]))
}

/// Appends each parameter's gradient, in the order the module is visited in.
struct Flatten<'a> {
    gradients: &'a GradientsParams,
    values: Vec<f32>,
}

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.values.extend(host_values(gradient));
        }
    }
}

/// Cuts the flat vector up again in the same order.
struct Spread<'a> {
    old: GradientsParams,
    new: GradientsParams,
    values: &'a [f32],
}

impl ModuleVisitor for Spread<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.old.remove::<D>(param.id) {
            let (values, rest) = self.values.split_at(gradient.shape().num_elements());
            let data = TensorData::new(values.to_vec(), gradient.dims());
            let summed = Tensor::<D>::from_data(data, &gradient.device());
            self.new.register(param.id, summed);
            self.values = rest;
        }
    }
}
