//! A module's parameters by their timm and MAE names, as plain arrays on the host.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use crate::error::TrainError;

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Parameters by name.
pub type State = BTreeMap<String, Array>;

/// The checkpoint name of the parameter at `path` in [`super::mae::Mae`] or [`super::vit::Vit`].
pub fn checkpoint_name(path: &[String]) -> String {
    let joined = path.join(".");
    if let Some(rest) = joined.strip_prefix("encoder.") {
        return rest.to_owned();
    }
    match joined.strip_prefix("decoder.") {
        Some("mask_token") => "mask_token".to_owned(),
        Some(rest) => format!("decoder_{rest}"),
        None => joined,
    }
}

/// Copies every parameter of `module`.
pub fn read_state<M: Module>(module: &M) -> State {
    let mut reader = Reader::default();
    module.visit(&mut reader);
    reader.state
}

/// `module` with the values of `state`. Names that `module` does not have are left alone, so a
/// whole MAE checkpoint can fill an encoder.
///
/// # Errors
/// [`TrainError::Config`] naming the first parameter that is missing or has another shape.
pub fn with_state<M: Module>(module: M, state: &State) -> Result<M, TrainError> {
    let mut writer = Writer {
        path: Vec::new(),
        state,
        wrong: None,
    };
    let module = module.map(&mut writer);
    match writer.wrong {
        Some(reason) => Err(TrainError::Config(reason)),
        None => Ok(module),
    }
}

#[derive(Default)]
struct Reader {
    path: Vec<String>,
    state: State,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let array = Array {
            shape: tensor.dims().to_vec(),
            values: host_values(tensor),
        };
        self.state.insert(checkpoint_name(&self.path), array);
    }
}

/// A tensor's elements, row-major.
pub(crate) fn host_values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data_as::<f32>()
        .try_into_vec()
        .expect("f32 data was asked for above")
}

struct Writer<'a> {
    path: Vec<String>,
    state: &'a State,
    wrong: Option<String>,
}

impl ModuleMapper for Writer<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = checkpoint_name(&self.path);
        let shape = param.dims();
        let reason = match self.state.get(&name) {
            Some(array) if array.shape == shape => {
                return param.map(|tensor| {
                    let trained = tensor.is_require_grad();
                    let data = TensorData::new(array.values.clone(), shape);
                    Tensor::from_data(data, &tensor.device()).set_require_grad(trained)
                });
            }
            Some(array) => format!(
                "the checkpoint's {name} is {:?}, the model's is {shape:?}; use the checkpoint's \
                 own configuration",
                array.shape
            ),
            None => format!("the checkpoint has no {name}"),
        };
        self.wrong.get_or_insert(reason);
        param
    }
}
