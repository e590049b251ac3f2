//! A float model as an ONNX graph, in the form that PyTorch's exporter gives timm's ViT: operator
//! set 17, GELU by its error function, one qkv product split in three.

use super::onnx_messages::{
    self as onnx, Attribute, AttributeKind, Dimension, Element, Node, OperatorSet, Shape, Tensor,
    TensorType, Type, ValueInfo,
};
use mimlet_export::FloatModel;
use mimlet_format::{BlockTensor, EncoderConfig, LinearPart, NormPart, TensorRole};

/// The model's features after the final norm, `[batch, tokens, embed_dim]`, of an input
/// `[batch, 3, height, width]`. Both shapes are fixed: every runtime may plan for them.
pub(crate) fn vit(model: &FloatModel, batch: u32) -> onnx::Model {
    let mut graph = Graph::new(model, batch);
    let mut stream = graph.embed();
    for layer in 0..model.encoder.depth {
        stream = graph.block(layer, &stream);
    }
    let features = graph.layer_norm(TensorRole::FinalNorm, &stream);
    let config = &model.encoder;
    let [height, width] = config.image_size;
    let input = tensor_info("input", &[batch, 3, height, width]);
    let output = tensor_info(&features, &[batch, config.tokens(), config.embed_dim]);
    onnx::Model {
        ir_version: 8,
        opset_import: vec![OperatorSet { version: 17 }],
        graph: Some(onnx::Graph {
            name: "vit".into(),
            nodes: graph.nodes,
            initializers: graph.constants,
            inputs: vec![input],
            outputs: vec![output],
        }),
    }
}

/// A role of one block's tensor, by the part of its layer.
type Layer = fn(LinearPart) -> BlockTensor;

/// Nodes and constants so far. A value's name is that of the node or constant that gives it.
struct Graph<'m> {
    model: &'m FloatModel,
    config: &'m EncoderConfig,
    batch: u32,
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl<'m> Graph<'m> {
    fn new(model: &'m FloatModel, batch: u32) -> Self {
        Self {
            model,
            config: &model.encoder,
            batch,
            nodes: Vec::new(),
            constants: Vec::new(),
        }
    }

    /// Image to residual stream: a convolution, the class token in front, the token table added.
    fn embed(&mut self) -> String {
        let config = self.config;
        let (dim, patch) = (config.embed_dim, config.patch_size);
        let weight = self.model.weights.get(TensorRole::PatchEmbedWeight);
        let weight = self.floats(&[dim, 3, patch, patch], weight);
        let sides = vec![i64::from(patch); 2];
        let attributes = [ints("kernel_shape", sides.clone()), ints("strides", sides)];
        let grid = self.node("Conv", &["input", &weight], attributes);
        let shape = self.integers(&[self.batch.into(), dim.into(), -1]);
        let columns = self.node("Reshape", &[&grid, &shape], []);
        let patches = self.node("Transpose", &[&columns], [ints("perm", vec![0, 2, 1])]);
        let prefix = config.prefix_tokens();
        let zeros = vec![0.0; (self.batch * prefix * dim) as usize];
        let zeros = self.floats(&[self.batch, prefix, dim], &zeros);
        let rows = self.node("Concat", &[&zeros, &patches], [int("axis", 1)]);
        let table = self.model.weights.get(TensorRole::TokenTable);
        let table = self.floats(&[1, config.tokens(), dim], table);
        self.node("Add", &[&rows, &table], [])
    }

    fn block(&mut self, layer: u32, stream: &str) -> String {
        let role = |tensor| TensorRole::Block { layer, tensor };
        let (dim, mlp) = (self.config.embed_dim, self.config.mlp_dim);
        let normed = self.layer_norm(|part| role(BlockTensor::Norm1(part)), stream);
        let qkv = self.linear(layer, BlockTensor::Qkv, [dim, 3 * dim], &normed);
        let mixed = self.attention(&qkv);
        let branch = self.linear(layer, BlockTensor::Proj, [dim, dim], &mixed);
        let stream = self.node("Add", &[stream, &branch], []);
        let normed = self.layer_norm(|part| role(BlockTensor::Norm2(part)), &stream);
        let hidden = self.linear(layer, BlockTensor::Fc1, [dim, mlp], &normed);
        let hidden = self.gelu(&hidden);
        let branch = self.linear(layer, BlockTensor::Fc2, [mlp, dim], &hidden);
        self.node("Add", &[&stream, &branch], [])
    }

    fn layer_norm(&mut self, role: impl Fn(NormPart) -> TensorRole, x: &str) -> String {
        let dim = self.config.embed_dim;
        let weight = self.model.weights.get(role(NormPart::Weight));
        let weight = self.floats(&[dim], weight);
        let bias = self.model.weights.get(role(NormPart::Bias));
        let bias = self.floats(&[dim], bias);
        let epsilon = Attribute {
            name: "epsilon".into(),
            kind: AttributeKind::Float.into(),
            float: Some(self.config.layer_norm_eps),
            ..Default::default()
        };
        let attributes = [int("axis", -1), epsilon];
        self.node("LayerNormalization", &[x, &weight, &bias], attributes)
    }

    /// `x W^T + b` with the weight stored transposed, as exporters do.
    fn linear(
        &mut self,
        layer: u32,
        tensor: Layer,
        [inputs, outputs]: [u32; 2],
        x: &str,
    ) -> String {
        let role = |part| TensorRole::Block {
            layer,
            tensor: tensor(part),
        };
        let rows = self.model.weights.get(role(LinearPart::Weight));
        let inputs_len = inputs as usize;
        let column = |input| rows.iter().skip(input).step_by(inputs_len);
        let transposed: Vec<f32> = (0..inputs_len).flat_map(column).copied().collect();
        let weight = self.floats(&[inputs, outputs], &transposed);
        let bias = self.model.weights.get(role(LinearPart::Bias));
        let bias = self.floats(&[outputs], bias);
        let product = self.node("MatMul", &[x, &weight], []);
        self.node("Add", &[&product, &bias], [])
    }

    fn attention(&mut self, qkv: &str) -> String {
        let config = self.config;
        let (heads, head_dim) = (config.num_heads, config.head_dim());
        let apart = [self.batch.into(), -1, 3, heads.into(), head_dim.into()];
        let apart = self.integers(&apart);
        let rows = self.node("Reshape", &[qkv, &apart], []);
        let rows = self.node("Transpose", &[&rows], [ints("perm", vec![2, 0, 3, 1, 4])]);
        let (first, ones) = (self.integers(&[0]), self.integers(&[1, 1, 1]));
        let parts = self.split(&rows, &ones);
        let [q, k, v] = parts.map(|part| self.node("Squeeze", &[&part, &first], []));
        let scale = self.floats(&[], &[1.0 / (head_dim as f32).sqrt()]);
        let q = self.node("Mul", &[&q, &scale], []);
        let k = self.node("Transpose", &[&k], [ints("perm", vec![0, 1, 3, 2])]);
        let scores = self.node("MatMul", &[&q, &k], []);
        let weights = self.node("Softmax", &[&scores], [int("axis", -1)]);
        let mixed = self.node("MatMul", &[&weights, &v], []);
        let mixed = self.node("Transpose", &[&mixed], [ints("perm", vec![0, 2, 1, 3])]);
        let together = self.integers(&[self.batch.into(), -1, config.embed_dim.into()]);
        self.node("Reshape", &[&mixed, &together], [])
    }

    fn gelu(&mut self, x: &str) -> String {
        let root = self.floats(&[], &[std::f32::consts::SQRT_2]);
        let (one, half) = (self.floats(&[], &[1.0]), self.floats(&[], &[0.5]));
        let scaled = self.node("Div", &[x, &root], []);
        let error = self.node("Erf", &[&scaled], []);
        let raised = self.node("Add", &[&error, &one], []);
        let product = self.node("Mul", &[x, &raised], []);
        self.node("Mul", &[&product, &half], [])
    }

    /// Three equal parts along the first axis.
    fn split(&mut self, x: &str, sizes: &str) -> [String; 3] {
        let parts = ["q", "k", "v"].map(|part| format!("{x}.{part}"));
        self.node("Split", &[x, sizes], [int("axis", 0)]);
        if let Some(node) = self.nodes.last_mut() {
            node.outputs = parts.to_vec();
        }
        parts
    }

    fn node<const N: usize>(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: [Attribute; N],
    ) -> String {
        let name = format!("{op}.{}", self.nodes.len());
        self.nodes.push(Node {
            inputs: inputs.iter().map(|input| (*input).into()).collect(),
            outputs: vec![name.clone()],
            name: name.clone(),
            op: op.into(),
            attributes: attributes.into(),
        });
        name
    }

    fn floats(&mut self, shape: &[u32], values: &[f32]) -> String {
        self.constant(Tensor {
            dims: shape.iter().map(|&side| side.into()).collect(),
            element: Element::Float.into(),
            data: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            ..Default::default()
        })
    }

    fn integers(&mut self, values: &[i64]) -> String {
        self.constant(Tensor {
            dims: vec![values.len() as i64],
            element: Element::Int64.into(),
            data: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            ..Default::default()
        })
    }

    fn constant(&mut self, tensor: Tensor) -> String {
        let name = format!("constant.{}", self.constants.len());
        self.constants.push(Tensor {
            name: name.clone(),
            ..tensor
        });
        name
    }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute {
        name: name.into(),
        kind: AttributeKind::Int.into(),
        int: Some(value),
        ..Default::default()
    }
}

fn ints(name: &str, values: Vec<i64>) -> Attribute {
    Attribute {
        name: name.into(),
        kind: AttributeKind::Ints.into(),
        ints: values,
        ..Default::default()
    }
}

fn tensor_info(name: &str, shape: &[u32]) -> ValueInfo {
    let dimension = |&side: &u32| Dimension { value: side.into() };
    let tensor = TensorType {
        element: Element::Float.into(),
        shape: Some(Shape {
            dims: shape.iter().map(dimension).collect(),
        }),
    };
    ValueInfo {
        name: name.into(),
        r#type: Some(Type {
            tensor: Some(tensor),
        }),
    }
}
