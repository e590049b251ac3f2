//! Which branches a step leaves out: stochastic depth (Huang et al. 2016, arXiv 1603.09382).

use burn::tensor::{Device, Tensor, TensorData};

use crate::random::Stream;

/// For each block, attention and MLP, `[images]` each: 0 where the branch is left out, or the
/// inverse of how often it is kept. No block when nothing is ever left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Scales(Vec<[Vec<f32>; 2]>);

impl Scales {
    /// Those of `step`: the last of `depth` blocks leaves branches out with probability `rate`, the
    /// first never, those between in proportion (Huang et al., equation 4).
    pub(crate) fn new(rate: f64, depth: usize, images: usize, seed: u64, step: usize) -> Self {
        if rate == 0.0 || depth < 2 {
            return Self::default();
        }
        let blocks = (0..depth).map(|block| {
            let drop = rate * block as f64 / (depth - 1) as f64;
            [0, 1].map(|branch| {
                let key = [0x6472_6f70, seed, step as u64, block as u64, branch];
                let mut random = Stream::new(&key);
                let mut scale = || {
                    let kept = random.uniform_f64() >= drop;
                    if kept {
                        (1.0 / (1.0 - drop)) as f32
                    } else {
                        0.0
                    }
                };
                (0..images).map(|_| scale()).collect()
            })
        });
        Self(blocks.collect())
    }

    /// As [`crate::nn::vit::Vit::forward_scaled`] takes them, `[images * tokens, 1]`.
    pub(crate) fn on(&self, device: &Device, tokens: usize) -> Vec<[Tensor<2>; 2]> {
        let tensor = |scales: &Vec<f32>| {
            let rows: Vec<f32> = scales
                .iter()
                .flat_map(|&scale| std::iter::repeat_n(scale, tokens))
                .collect();
            let count = rows.len();
            Tensor::from_data(TensorData::new(rows, [count, 1]), device)
        };
        let blocks = self.0.iter();
        blocks
            .map(|[first, second]| [tensor(first), tensor(second)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_blocks_are_left_out_more_often_and_the_mean_stays_one() {
        let scales = Scales::new(0.4, 3, 4000, 1, 7);
        assert_eq!(scales, Scales::new(0.4, 3, 4000, 1, 7));
        assert_ne!(scales, Scales::new(0.4, 3, 4000, 1, 8));
        for (block, drop) in [(0, 0.0), (1, 0.2), (2, 0.4)] {
            for branch in &scales.0[block] {
                let out = branch.iter().filter(|scale| **scale == 0.0).count() as f64 / 4000.0;
                assert!((out - drop).abs() < 0.03, "{block}: {out}");
                let mean = branch.iter().sum::<f32>() / 4000.0;
                assert!((mean - 1.0).abs() < 0.05, "{mean}");
            }
        }
        assert_ne!(scales.0[2][0], scales.0[2][1]);
        assert_eq!(Scales::new(0.0, 3, 4, 1, 7), Scales::default());
    }
}
