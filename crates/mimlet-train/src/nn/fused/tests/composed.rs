//! A whole training step against the same network in f64, which burn computes from its own
//! operations.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::{disagreement, noise};
use crate::nn::init::Init;
use crate::nn::mae::{Mae, MaskedImages, cross_entropy};
use crate::pretrain::optim::{AdamW, StepSize};
use crate::pretrain::tiny;

const IMAGES: usize = 3;

struct ToDouble;

impl ModuleMapper for ToDouble {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let trained = tensor.is_require_grad();
            let double = tensor.inner().cast(DType::F64);
            Tensor::from_inner(double).set_require_grad(trained)
        })
    }
}

/// Every parameter, or its gradient where there is one.
#[derive(Default)]
struct Collect<'a> {
    gradients: Option<&'a GradientsParams>,
    values: Vec<Vec<f64>>,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            Some(gradients) => gradients.get::<D>(param.id),
            None => Some(param.val().inner()),
        };
        let data = tensor.map(Tensor::into_data);
        self.values
            .push(data.map_or(Vec::new(), |data| data.iter::<f64>().collect()));
    }
}

fn batch(device: &Device, dtype: DType) -> (MaskedImages, Tensor<1, Int>) {
    let model = tiny::config().model;
    let (dim, seen) = (model.patch_dim(), 4);
    let hidden = model.patches() - seen;
    let ints = |values: Vec<i32>| {
        let count = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [count]), device)
    };
    let places = |range: std::ops::Range<usize>| -> Vec<i32> {
        let of_image = |image: usize| range.clone().map(move |i| ((i + image) % 16) as i32);
        (0..IMAGES).flat_map(of_image).collect()
    };
    let patches = TensorData::new(noise(7, IMAGES * seen * dim), [IMAGES * seen, dim]);
    let input = MaskedImages {
        batch: IMAGES,
        patches: Tensor::<2>::from_data(patches, device).cast(dtype),
        visible: ints(places(0..seen)),
        masked: ints(places(seen..model.patches())),
    };
    let targets = (0..IMAGES * hidden).map(|row| (row * 5 % 8) as i32);
    (input, ints(targets.collect()))
}

/// Loss, gradients, and parameters after a step.
fn step(model: Mae, dtype: DType) -> (f64, Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let device = Device::flex().autodiff();
    let (input, targets) = batch(&device, dtype);
    let loss = cross_entropy(model.forward(input), targets);
    let value = loss.clone().into_data().iter::<f64>().sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut collected = Collect {
        gradients: Some(&gradients),
        values: Vec::new(),
    };
    model.visit(&mut collected);
    let all = collected.values;
    let size = StepSize {
        rate: 0.01,
        weight_decay: 0.1,
        clip: 0.5,
    };
    let (model, _) = AdamW::default().step(model, gradients, size);
    let mut after = Collect::default();
    model.visit(&mut after);
    (value, all, after.values)
}

#[test]
fn a_training_step_equals_the_one_of_burns_own_operations() {
    let device = Device::flex().autodiff();
    let config = tiny::config();
    let model = Mae::new(&config, config.codebook.tokens, &mut Init::new(3, &device));
    let (loss, gradients, parameters) = step(model.clone(), DType::F32);
    let double = model.map(&mut ToDouble);
    let (expected_loss, expected_gradients, expected_parameters) = step(double, DType::F64);
    assert!((loss - expected_loss).abs() < 1e-6 * expected_loss);
    let narrow = |values: &[f64]| -> Vec<f32> { values.iter().map(|&v| v as f32).collect() };
    let trained = gradients.iter().filter(|values| !values.is_empty()).count();
    assert_eq!(
        trained,
        gradients.len() - 2,
        "all but the two tables of positions"
    );
    for (index, (found, expected)) in gradients.iter().zip(&expected_gradients).enumerate() {
        let wrong = disagreement(&narrow(found), expected, 1e-4);
        assert_eq!(wrong, None, "gradient of parameter {index}");
    }
    for (index, (found, expected)) in parameters.iter().zip(&expected_parameters).enumerate() {
        // Where a gradient is all but zero, as that of a key's bias, AdamW's first step is of
        // full size in a direction that rounding decides.
        let slopes = &expected_gradients[index];
        let steepest = slopes.iter().fold(0.0f64, |top, g| top.max(g.abs()));
        let clear = |at: &usize| slopes.get(*at).is_none_or(|g| g.abs() > 1e-2 * steepest);
        let places: Vec<usize> = (0..found.len()).filter(clear).collect();
        assert!(
            places.len() > found.len() / 3,
            "parameter {index} is hardly compared"
        );
        let found: Vec<f64> = places.iter().map(|&at| found[at]).collect();
        let expected: Vec<f64> = places.iter().map(|&at| expected[at]).collect();
        let wrong = disagreement(&narrow(&found), &expected, 1e-4);
        assert_eq!(wrong, None, "parameter {index} after the step");
    }
}
