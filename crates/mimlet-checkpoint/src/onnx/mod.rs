//! ONNX models: the graph, and its initialisers as a [`Checkpoint`].
//!
//! The messages are those of `onnx.proto3` (onnx 1.x), as tract-onnx compiles them. Weights are not
//! decoded with the rest: where they lie is noted, and they are read like any checkpoint's.

mod external;
mod initializer;
mod wire;

use crate::CheckpointError;
use crate::checkpoint::{Checkpoint, Kind};
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use tract_onnx::pb;
use wire::{Field, Wire};

/// Longest message that is decoded at once, bytes: nodes and all but the numbers of tensors.
const MAX_MESSAGE: u64 = 1 << 20;
/// Bytes of all nodes and other messages. A ViT's take a few hundred kilobytes.
const MAX_MESSAGES: u64 = 32 << 20;
/// Numbers of a tensor that is read with the graph: shapes, scales, epsilons.
const MAX_CONSTANT: usize = 64;

/// An ONNX model.
#[derive(Debug)]
pub struct OnnxModel {
    /// The graph's weights. Of the other types than f32, f64, f16 and bf16 there are names and shapes
    /// alone.
    pub initializers: Checkpoint,
    /// What is computed with them.
    pub graph: Graph,
}

/// A graph.
#[derive(Debug, Default)]
pub struct Graph {
    /// In the file's order, which ONNX asks to be one of execution; constants left out.
    pub nodes: Vec<Node>,
    /// What it is given, initialisers left out.
    pub inputs: Vec<Value>,
    /// Names of what it gives.
    pub outputs: Vec<String>,
    /// Small tensors, of initialisers and constant nodes.
    pub constants: BTreeMap<String, Constant>,
}

/// A step of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name, for people; may be empty.
    pub name: String,
    /// Its operator: `MatMul`. One outside ONNX's own domain has the domain before it:
    /// `com.microsoft.FusedMatMul`.
    pub op: String,
    /// Names of what it reads; an empty one stands for an optional input that is not there.
    pub inputs: Vec<String>,
    /// Names of what it makes.
    pub outputs: Vec<String>,
    /// Its settings that are numbers.
    pub attributes: BTreeMap<String, Constant>,
    /// Its settings that are texts.
    pub texts: BTreeMap<String, String>,
}

/// An input of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// Its sides, outermost first; `None` for one that is not fixed.
    pub shape: Vec<Option<u64>>,
}

/// Numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// Integers and booleans.
    Ints(Vec<i64>),
    /// Floating-point numbers.
    Floats(Vec<f32>),
}

impl OnnxModel {
    /// Opens a model: decodes its graph and finds its weights, in the file or in files beside it.
    ///
    /// # Errors
    /// [`CheckpointError`]: no ONNX, weights outside their file, or a file of weights that is not
    /// beside the model.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let mut reader = Reader {
            wire: Wire::open(path)?,
            model: Self {
                initializers: Checkpoint::new(path, Kind::Onnx),
                graph: Graph::default(),
            },
            left: MAX_MESSAGES,
        };
        let file = reader.wire.file(path)?;
        reader
            .model
            .initializers
            .files
            .push((path.to_owned(), file));
        reader.model(path)?;
        let Self {
            initializers,
            mut graph,
        } = reader.model;
        if graph.nodes.is_empty() {
            return Err(CheckpointError::content(
                path,
                "not an ONNX model: it has no graph",
            ));
        }
        graph
            .inputs
            .retain(|input| initializers.shape(&input.name).is_none());
        Ok(Self {
            initializers,
            graph,
        })
    }
}

/// A model that is being read.
struct Reader {
    wire: Wire,
    model: OnnxModel,
    /// Bytes of messages that may still be decoded.
    left: u64,
}

impl Reader {
    /// `ModelProto`: its graph is field 7.
    fn model(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let end = self.wire.len();
        while let Some((field, value)) = self.wire.field(end)? {
            match (field, value) {
                (7, Field::Bytes(len)) => {
                    let end = self.wire.at() + len;
                    self.graph(path, end)?;
                }
                (_, value) => self.wire.skip(value)?,
            }
        }
        Ok(())
    }

    /// `GraphProto`: nodes 1, initialisers 5, inputs 11, outputs 12, sparse initialisers 15.
    fn graph(&mut self, path: &Path, end: u64) -> Result<(), CheckpointError> {
        while let Some((field, value)) = self.wire.field(end)? {
            match (field, value) {
                (1, Field::Bytes(len)) => {
                    let node = self.message::<pb::NodeProto>(path, len)?;
                    self.node(node);
                }
                (5, Field::Bytes(len)) => {
                    let end = self.wire.at() + len;
                    self.initializer(path, end)?;
                }
                (11, Field::Bytes(len)) => {
                    let input = self.message::<pb::ValueInfoProto>(path, len)?;
                    self.model.graph.inputs.push(Value::of(input));
                }
                (12, Field::Bytes(len)) => {
                    let output = self.message::<pb::ValueInfoProto>(path, len)?;
                    self.model.graph.outputs.push(output.name);
                }
                (15, _) => {
                    let reason = "has sparse weights; export it with dense ones";
                    return Err(CheckpointError::content(path, reason));
                }
                (_, value) => self.wire.skip(value)?,
            }
        }
        Ok(())
    }

    fn message<M: Message + Default>(
        &mut self,
        path: &Path,
        len: u64,
    ) -> Result<M, CheckpointError> {
        let bytes = self.bytes(path, len)?;
        M::decode(bytes.as_slice())
            .map_err(|error| CheckpointError::content(path, format!("not an ONNX model: {error}")))
    }

    /// The next bytes, when they are not too many to be held.
    fn bytes(&mut self, path: &Path, len: u64) -> Result<Vec<u8>, CheckpointError> {
        if len > MAX_MESSAGE || len > self.left {
            let reason = format!(
                "its graph has a part of {len} bytes beside its weights; export it with constants \
                 as initialisers (torch.onnx.export does)"
            );
            return Err(CheckpointError::content(path, reason));
        }
        self.left -= len;
        self.wire.bytes(len)
    }

    fn node(&mut self, node: pb::NodeProto) {
        let mut attributes = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for attribute in node.attribute {
            let name = attribute.name.clone();
            if !attribute.s.is_empty() {
                let text = String::from_utf8_lossy(&attribute.s).into_owned();
                texts.insert(name, text);
            } else if let Some(constant) = initializer::of_attribute(attribute) {
                attributes.insert(name, constant);
            }
        }
        if node.op_type == "Constant" {
            let constant = attributes.into_values().next();
            if let (Some(name), Some(constant)) = (node.output.into_iter().next(), constant) {
                self.model.graph.constants.insert(name, constant);
            }
            return;
        }
        self.model.graph.nodes.push(Node {
            name: node.name,
            op: match node.domain.as_str() {
                "" | "ai.onnx" => node.op_type,
                domain => format!("{domain}.{}", node.op_type),
            },
            inputs: node.input,
            outputs: node.output,
            attributes,
            texts,
        });
    }
}

impl Value {
    fn of(info: pb::ValueInfoProto) -> Self {
        use pb::tensor_shape_proto::dimension;
        let tensor = match info.r#type.and_then(|kind| kind.value) {
            Some(pb::type_proto::Value::TensorType(tensor)) => tensor.shape,
            None => None,
        };
        let side = |side: pb::tensor_shape_proto::Dimension| match side.value {
            Some(dimension::Value::DimValue(side)) => u64::try_from(side).ok(),
            _ => None,
        };
        let sides = tensor.map(|shape| shape.dim).unwrap_or_default();
        Self {
            name: info.name,
            shape: sides.into_iter().map(side).collect(),
        }
    }
}
