//! Outliers as trained ViTs have them, put into random weights.

use crate::FloatModel;
use crate::random::Random;
use mimlet_format::{BlockTensor, LinearPart, NormPart, TensorRole};

/// Share of the residual stream's channels that become massive: 3 of 384.
const MASSIVE_SHARE: f64 = 0.008;

/// What a massive channel is raised to in every token, against about 1 in the others.
const EVERYWHERE: [f64; 2] = [8.0, 20.0];

/// What it is raised to in the class token besides.
const IN_CLASS_TOKEN: [f64; 2] = [40.0, 80.0];

/// How much more of the MLP's outputs a massive channel takes: it differs between tokens too.
const SPREAD: f32 = 4.0;

/// What norms' gains are times in massive channels: training learns to turn them down.
const MASSIVE_GAIN: [f64; 2] = [0.03, 0.3];

/// Standard deviation of the logarithm of norms' gains.
const UNEVEN: f64 = 0.5;

/// Adds outliers to a model of random weights: gains of uneven size, and massive channels that
/// appear in an early block and stay, as Sun et al. 2024 (arXiv 2402.17762) find them in ViTs.
pub(crate) fn add_outliers(model: &mut FloatModel, seed: u64) {
    let mut random = Random::named(seed, "outliers");
    let (dim, depth) = (model.encoder.embed_dim as usize, model.encoder.depth);
    let massive = massive_channels(dim, &mut random);
    let first = depth / 4;
    for layer in 0..depth {
        for norm in [BlockTensor::Norm1, BlockTensor::Norm2] {
            let role = |part| TensorRole::Block {
                layer,
                tensor: norm(part),
            };
            let is_after = layer > first;
            uneven(
                model,
                role(NormPart::Weight),
                &massive,
                is_after,
                &mut random,
            );
        }
    }
    let last = TensorRole::FinalNorm(NormPart::Weight);
    uneven(model, last, &massive, true, &mut random);
    let fc2 = |part| TensorRole::Block {
        layer: first,
        tensor: BlockTensor::Fc2(part),
    };
    let hidden = model.encoder.mlp_dim as usize;
    for &channel in &massive {
        let sign = if random.unit() < 0.5 { -1.0 } else { 1.0 };
        let [low, high] = EVERYWHERE;
        if let Some(bias) = model.weights.get_mut(fc2(LinearPart::Bias)) {
            bias[channel] = (sign * random.between(low, high)) as f32;
        }
        if let Some(weight) = model.weights.get_mut(fc2(LinearPart::Weight)) {
            let row = &mut weight[channel * hidden..][..hidden];
            row.iter_mut().for_each(|weight| *weight *= SPREAD);
        }
        let [low, high] = IN_CLASS_TOKEN;
        if let Some(table) = model.weights.get_mut(TensorRole::TokenTable) {
            table[channel] = (sign * random.between(low, high)) as f32;
        }
    }
}

/// At least one channel, each once, ascending.
fn massive_channels(dim: usize, random: &mut Random) -> Vec<usize> {
    let count = ((dim as f64 * MASSIVE_SHARE).round() as usize).max(1);
    let mut channels = Vec::new();
    while channels.len() < count.min(dim) {
        let channel = (random.unit() * dim as f64) as usize;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    channels.sort_unstable();
    channels
}

/// Log-normal gains, turned down in massive channels.
fn uneven(
    model: &mut FloatModel,
    role: TensorRole,
    massive: &[usize],
    turn_down: bool,
    random: &mut Random,
) {
    let Some(gains) = model.weights.get_mut(role) else {
        return;
    };
    for (channel, gain) in gains.iter_mut().enumerate() {
        *gain *= libm::exp(f64::from(random.normal(UNEVEN))) as f32;
        if turn_down && massive.contains(&channel) {
            let [low, high] = MASSIVE_GAIN;
            *gain *= random.between(low, high) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::float_run::FloatRun;
    use crate::model::Weights;
    use crate::{Arch, random, synthetic_golden};

    #[test]
    fn a_few_channels_of_the_residual_stream_are_far_above_the_others() {
        let model = random(Arch::VitTiny16, 32, 1);
        let encoder = &model.encoder;
        let preprocess = model.preprocess.resolve(encoder.image_size);
        let golden = synthetic_golden(encoder.image_size, 2, 1);
        let images: Vec<&[u8]> = golden.iter().map(|image| &image.pixels[..]).collect();
        let weights = Weights::Lent(&model.weights);
        let mut run = FloatRun::new(encoder, &weights, &preprocess, &images, (0..2, 64));
        for layer in 0..6 {
            run.block(&weights, layer);
        }
        let dim = encoder.embed_dim as usize;
        let mut peaks = vec![0.0_f32; dim];
        for row in run.calibration_streams().flat_map(|s| s.chunks_exact(dim)) {
            for (peak, value) in peaks.iter_mut().zip(row) {
                *peak = peak.max(value.abs());
            }
        }
        peaks.sort_by(f32::total_cmp);
        let median = peaks[dim / 2];
        let massive = peaks.iter().filter(|&&peak| peak > 8.0 * median).count();
        assert!(
            (1..=4).contains(&massive),
            "{massive} massive, median {median}"
        );
    }
}
