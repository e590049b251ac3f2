//! ONNX models: the graph, and its initialisers as a [`Checkpoint`].
//!
//! Weights are not decoded with the rest: where they lie is noted, and they are read like any
//! checkpoint's.

mod external;
mod initializer;
mod messages;
mod wire;

use crate::CheckpointError;
use crate::checkpoint::{Checkpoint, Kind};
use messages::Damaged;
use std::collections::BTreeMap;
use std::path::Path;
use wire::{Field, Wire};

/// Longest message that is decoded at once, bytes: nodes and all but the numbers of tensors.
const MAX_MESSAGE: u64 = 1 << 20;
/// Bytes of all nodes and other messages. A ViT's take a few hundred kilobytes.
const MAX_MESSAGES: u64 = 16 << 20;
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
                    let node = self.message(path, len, Node::of)?;
                    self.node(node);
                }
                (5, Field::Bytes(len)) => {
                    let end = self.wire.at() + len;
                    self.initializer(path, end)?;
                }
                (11, Field::Bytes(len)) => {
                    let input = self.message(path, len, Value::of)?;
                    self.model.graph.inputs.push(input);
                }
                (12, Field::Bytes(len)) => {
                    let output = self.message(path, len, Value::of)?;
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

    fn message<M>(
        &mut self,
        path: &Path,
        len: u64,
        decode: impl Fn(&[u8]) -> Result<M, Damaged>,
    ) -> Result<M, CheckpointError> {
        let bytes = self.bytes(path, len)?;
        decode(&bytes).map_err(|Damaged| self.wire.wrong())
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

    /// A step; of a constant its value alone.
    fn node(&mut self, mut node: Node) {
        if node.op != "Constant" {
            self.model.graph.nodes.push(node);
            return;
        }
        let constant = node.attributes.pop_first().map(|(_, constant)| constant);
        if let (Some(name), Some(constant)) = (node.outputs.pop(), constant) {
            self.model.graph.constants.insert(name, constant);
        }
    }
}
