//! A pre-norm transformer block (Dosovitskiy et al. 2021, arXiv 2010.11929).

use burn::backend::Dispatch;
use burn::module::Module;
use burn::tensor::{Tensor, activation};

use super::fused::{self, BlockTensors};
use super::init::Init;
use super::linear::Linear;
use super::norm::LayerNorm;
use super::precision::product;

/// `x + attn(norm1(x))`, then `x + mlp(norm2(x))`.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    /// A block of width `dim`.
    pub fn new(init: &mut Init<'_>, dim: usize, heads: usize, mlp: usize) -> Self {
        Self {
            norm1: LayerNorm::new(init, dim),
            attn: Attention {
                qkv: Linear::new(init, dim, 3 * dim),
                proj: Linear::new(init, dim, dim),
                heads,
                bf16: init.bf16(),
            },
            norm2: LayerNorm::new(init, dim),
            mlp: Mlp {
                fc1: Linear::new(init, dim, mlp),
                fc2: Linear::new(init, mlp, dim),
            },
        }
    }

    /// `[batch * tokens, dim]` to the same.
    pub fn forward(&self, x: Tensor<2>, batch: usize) -> Tensor<2> {
        if !self.attn.bf16 && fused::applies(&x) {
            return fused::block(x, self.tensors(), self.attn.heads, batch);
        }
        let attended = self.attn.forward(self.norm1.forward(x.clone()), batch);
        let x = x + attended;
        let widened = self.mlp.forward(self.norm2.forward(x.clone()));
        x + widened
    }

    /// As [`Block::forward`], with the attention's and the MLP's branch times `scales`,
    /// `[batch * tokens, 1]` each, before they are added: stochastic depth (Huang et al. 2016,
    /// arXiv 1603.09382).
    pub fn forward_scaled(&self, x: Tensor<2>, batch: usize, scales: &[Tensor<2>; 2]) -> Tensor<2> {
        let attended = self.attn.forward(self.norm1.forward(x.clone()), batch);
        let x = x + attended * scales[0].clone();
        let widened = self.mlp.forward(self.norm2.forward(x.clone()));
        x + widened * scales[1].clone()
    }

    fn tensors(&self) -> BlockTensors<Dispatch> {
        let (qkv, proj) = (&self.attn.qkv, &self.attn.proj);
        let (fc1, fc2) = (&self.mlp.fc1, &self.mlp.fc2);
        BlockTensors {
            norm1_gain: self.norm1.weight.val().into_dispatch(),
            norm1_offset: self.norm1.bias.val().into_dispatch(),
            qkv_weight: qkv.weight.val().into_dispatch(),
            qkv_bias: qkv.bias.val().into_dispatch(),
            proj_weight: proj.weight.val().into_dispatch(),
            proj_bias: proj.bias.val().into_dispatch(),
            norm2_gain: self.norm2.weight.val().into_dispatch(),
            norm2_offset: self.norm2.bias.val().into_dispatch(),
            fc1_weight: fc1.weight.val().into_dispatch(),
            fc1_bias: fc1.bias.val().into_dispatch(),
            fc2_weight: fc2.weight.val().into_dispatch(),
            fc2_bias: fc2.bias.val().into_dispatch(),
        }
    }
}

/// Multi-head self-attention (Vaswani et al. 2017, arXiv 1706.03762).
#[derive(Module, Debug)]
struct Attention {
    /// Rows are queries, keys, values, each head by head.
    qkv: Linear,
    proj: Linear,
    heads: usize,
    /// Whether products are in bfloat16.
    bf16: bool,
}

impl Attention {
    fn forward(&self, x: Tensor<2>, batch: usize) -> Tensor<2> {
        let [rows, dim] = x.dims();
        let (tokens, head_dim) = (rows / batch, dim / self.heads);
        let qkv = self
            .qkv
            .forward(x)
            .reshape([batch, tokens, 3, self.heads, head_dim])
            .permute([2, 0, 3, 1, 4]);
        let part = |index: usize| -> Tensor<4> { qkv.clone().narrow(0, index, 1).squeeze_dim(0) };
        // Scaling the queries costs less than scaling the scores.
        let queries = part(0) * (head_dim as f64).powf(-0.5);
        let scores = product(queries, part(1).swap_dims(2, 3), self.bf16);
        let mixed = product(activation::softmax(scores, 3), part(2), self.bf16);
        let joined = mixed.swap_dims(1, 2).reshape([rows, dim]);
        self.proj.forward(joined)
    }
}

/// `fc2(gelu(fc1(x)))` with the exact GELU.
#[derive(Module, Debug)]
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(activation::gelu(self.fc1.forward(x)))
    }
}
