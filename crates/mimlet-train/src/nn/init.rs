//! First values of parameters, made on the host so that every device starts from the same ones.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use crate::config::Precision;
use crate::random::Stream;

/// Source of first values: one stream for a whole model.
#[derive(Debug)]
pub struct Init<'a> {
    random: Stream,
    device: &'a Device,
    bf16: bool,
}

impl<'a> Init<'a> {
    /// First values of `seed`, for parameters on `device`.
    pub fn new(seed: u64, device: &'a Device) -> Self {
        // The word keeps this stream apart from the others of the same seed.
        let random = Stream::new(&[0x696e_6974, seed]);
        Self {
            random,
            device,
            bf16: false,
        }
    }

    /// From here on, layers compute their products in `precision`. Values do not change.
    pub fn set_precision(&mut self, precision: Precision) {
        self.bf16 = precision == Precision::Bf16;
    }

    /// Whether products are in bfloat16.
    pub(super) fn bf16(&self) -> bool {
        self.bf16
    }

    /// The device parameters are made on.
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// Every element `value`.
    pub fn constant<const D: usize>(&self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        self.given(shape, vec![value; shape.iter().product()])
    }

    /// The elements of `values`, row-major.
    pub fn given<const D: usize>(&self, shape: [usize; D], values: Vec<f32>) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(values, shape), self.device)
    }

    /// Uniform in `+-sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio 2010), the first dimension
    /// being the outputs.
    pub fn xavier<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        let fan_in: usize = shape[1..].iter().product();
        let bound = (6.0 / (fan_in + shape[0]) as f32).sqrt();
        let count = fan_in * shape[0];
        let values = (0..count)
            .map(|_| self.random.range(-bound, bound))
            .collect();
        self.given(shape, values)
    }

    /// Normal with standard deviation 0.02, as MAE's class and mask tokens.
    pub fn token(&mut self, dim: usize) -> Param<Tensor<3>> {
        let values = (0..dim).map(|_| 0.02 * self.random.normal()).collect();
        self.given([1, 1, dim], values)
    }
}
