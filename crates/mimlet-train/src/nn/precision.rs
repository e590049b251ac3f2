//! Matrix products in bfloat16, by casts: burn 0.22 has no automatic ones.

use burn::tensor::{FloatDType, Tensor};

/// `a b` for f32 tensors; with `bf16` both are rounded to bfloat16 first and the result is widened
/// again, so that weights, sums, norms, softmax and loss stay f32. Gradients pass through the same
/// casts.
pub(super) fn product<const D: usize>(a: Tensor<D>, b: Tensor<D>, bf16: bool) -> Tensor<D> {
    if !bf16 {
        return a.matmul(b);
    }
    let narrow = |tensor: Tensor<D>| tensor.cast(FloatDType::BF16);
    narrow(a).matmul(narrow(b)).cast(FloatDType::F32)
}

#[cfg(test)]
mod tests {
    use burn::optim::GradientsParams;
    use burn::tensor::Device;

    use crate::config::Precision;
    use crate::nn::init::Init;
    use crate::nn::mae::Mae;
    use crate::nn::state::{host_values, read_state};
    use crate::pretrain::batch::Batches;
    use crate::pretrain::optim::{AdamW, StepSize};
    use crate::pretrain::step::on_device;
    use crate::pretrain::tiny;
    use crate::synth;

    /// The outputs, and the norm of the gradient of their mean square, in one precision.
    fn outputs(precision: Precision) -> (Vec<f32>, f64) {
        let device = Device::flex().autodiff();
        let mut config = tiny::config();
        config.train.precision = precision;
        let images = synth::generate(config.data.synth.unwrap()).unwrap();
        let batch = Batches::new(&config, &images, [0, 1]).get(0).unwrap();
        let model = Mae::new(&config, 8, &mut Init::new(3, &device));
        let before = read_state(&model);
        let outputs = model.forward(on_device(&config, &batch, &device));
        let loss = (outputs.clone() * outputs.clone()).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let size = StepSize {
            rate: 1e-3,
            weight_decay: 0.0,
            clip: 1.0,
        };
        let (model, norm) = AdamW::default().step(model, gradients, size);
        let after = read_state(&model);
        let fixed = |name: &String| name.ends_with("pos_embed");
        assert!(
            before
                .keys()
                .all(|name| fixed(name) || before[name] != after[name])
        );
        (host_values(outputs.inner()), norm)
    }

    #[test]
    fn products_in_bf16_are_near_those_in_f32_but_not_the_same() {
        let (wide, wide_norm) = outputs(Precision::F32);
        let (narrow, narrow_norm) = outputs(Precision::Bf16);
        let distance: f32 = wide.iter().zip(&narrow).map(|(a, b)| (a - b).powi(2)).sum();
        let length: f32 = wide.iter().map(|v| v * v).sum();
        let relative = (distance / length).sqrt();
        // bfloat16 keeps 8 bits: 2^-9 a rounding, over some tens of layers' products.
        assert!((1e-4..3e-2).contains(&relative), "{relative}");
        assert!((wide_norm - narrow_norm).abs() < 3e-2 * wide_norm);
        assert!(wide_norm != narrow_norm);
    }
}
