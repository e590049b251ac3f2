//! Layer-wise decay of the learning rate, by BEiT's rule, which MAE took over (Bao et al. 2021,
//! arXiv 2106.08254): embeddings are layer 0, block `i` is layer `i + 1`, all that follows is the
//! last layer.

/// How the rate falls from the classifier down to the embeddings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerDecay {
    /// The rate of a layer over that of the layer above it.
    pub decay: f64,
    /// Blocks of the encoder.
    pub depth: usize,
}

impl LayerDecay {
    /// The share of the rate that the parameter called `name` (timm's name) gets.
    pub fn share(&self, name: &str) -> f64 {
        let last = self.depth + 1;
        let layer = match name.split('.').collect::<Vec<_>>()[..] {
            ["cls_token" | "pos_embed" | "patch_embed", ..] => 0,
            ["blocks", block, ..] => block.parse().map_or(last, |block: usize| block + 1),
            _ => last,
        };
        self.decay.powi(last.saturating_sub(layer) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_maes() {
        let layers = LayerDecay {
            decay: 0.5,
            depth: 3,
        };
        for (name, share) in [
            ("cls_token", 0.0625),
            ("pos_embed", 0.0625),
            ("patch_embed.proj.weight", 0.0625),
            ("blocks.0.attn.qkv.weight", 0.125),
            ("blocks.2.mlp.fc2.bias", 0.5),
            ("norm.weight", 1.0),
            ("head.weight", 1.0),
        ] {
            assert_eq!(layers.share(name), share, "{name}");
        }
    }
}
