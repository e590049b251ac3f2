//! A graph with both directions at hand.

use crate::ExportError;
use mimlet_checkpoint::Checkpoint;
use mimlet_checkpoint::onnx::{Constant, Graph, Node};
use std::collections::HashMap;
use std::path::Path;

/// Steps in a row that change no number.
const MAX_PASSES: usize = 16;

/// A graph whose values know what makes and what reads them.
#[derive(Debug)]
pub(super) struct Net<'a> {
    path: &'a Path,
    graph: &'a Graph,
    weights: &'a Checkpoint,
    makers: HashMap<&'a str, &'a Node>,
    readers: HashMap<&'a str, Vec<&'a Node>>,
}

impl<'a> Net<'a> {
    pub(super) fn new(path: &'a Path, graph: &'a Graph, weights: &'a Checkpoint) -> Self {
        let mut makers = HashMap::new();
        let mut readers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in &graph.nodes {
            for output in &node.outputs {
                makers.insert(output.as_str(), node);
            }
            for input in &node.inputs {
                let readers = readers.entry(input).or_default();
                if !readers.last().is_some_and(|last| std::ptr::eq(*last, node)) {
                    readers.push(node);
                }
            }
        }
        Self {
            path,
            graph,
            weights,
            makers,
            readers,
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &'a Node> {
        self.graph.nodes.iter()
    }

    pub(super) fn is_input(&self, name: &str) -> bool {
        self.graph.inputs.iter().any(|input| input.name == name)
    }

    /// What makes a value, steps that change no number left out.
    pub(super) fn maker(&self, name: &str) -> Option<&'a Node> {
        self.makers.get(self.origin(name)).copied()
    }

    /// A value before the steps that change no number.
    pub(super) fn origin<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        let mut name = name;
        for _ in 0..MAX_PASSES {
            match self.makers.get(name) {
                Some(node) if changes_nothing(node) => name = &node.inputs[0],
                _ => break,
            }
        }
        name
    }

    /// What reads a value to compute with it: steps that change no number are looked through, and
    /// what asks for its shape alone is left out.
    pub(super) fn readers(&self, name: &str) -> Vec<&'a Node> {
        let mut found = Vec::new();
        let mut open = vec![name];
        // Every value of a graph at most once: a hostile one may be a ring.
        let mut left = self.graph.nodes.len();
        while let Some(name) = open.pop() {
            for &node in self.readers.get(name).into_iter().flatten() {
                if changes_nothing(node) && left > 0 {
                    left -= 1;
                    open.extend(node.outputs.first().map(String::as_str));
                } else if node.op != "Shape" {
                    found.push(node);
                }
            }
        }
        found
    }

    /// The weight that a value is, possibly repeated along the batch.
    pub(super) fn weight(&self, name: &str) -> Option<&'a str> {
        let mut name = self.origin(name);
        for _ in 0..MAX_PASSES {
            match self.makers.get(name) {
                Some(node) if matches!(node.op.as_str(), "Expand" | "Tile") => {
                    name = self.origin(node.inputs.first()?);
                }
                _ => break,
            }
        }
        let found = self.weights.shapes().find(|(weight, _)| *weight == name);
        found
            .map(|(weight, _)| weight)
            .filter(|weight| self.weights.is_float(weight))
    }

    pub(super) fn shape(&self, weight: &str) -> &'a [usize] {
        self.weights.shape(weight).unwrap_or(&[])
    }

    /// The one number that a value is.
    pub(super) fn scalar(&self, name: &str) -> Option<f32> {
        match self.graph.constants.get(self.origin(name))? {
            Constant::Floats(values) => match values[..] {
                [value] => Some(value),
                _ => None,
            },
            Constant::Ints(values) => match values[..] {
                [value] => Some(value as f32),
                _ => None,
            },
        }
    }

    /// The integers that a value is; `None` for those that are computed.
    pub(super) fn ints(&self, name: &str) -> Option<Vec<Option<i64>>> {
        if let Some(Constant::Ints(values)) = self.graph.constants.get(self.origin(name)) {
            return Some(values.iter().copied().map(Some).collect());
        }
        let node = self.maker(name).filter(|node| node.op == "Concat")?;
        let part = |input: &String| match self.graph.constants.get(self.origin(input)) {
            Some(Constant::Ints(values)) => values.iter().copied().map(Some).collect(),
            _ => vec![None],
        };
        Some(node.inputs.iter().flat_map(part).collect())
    }

    /// A complaint about a node.
    pub(super) fn refuse(&self, node: &Node, reason: &str) -> ExportError {
        let name = match node.name.as_str() {
            "" => node.outputs.first().map_or("", String::as_str),
            name => name,
        };
        ExportError::UnknownNode {
            path: self.path.to_owned(),
            node: name.to_owned(),
            op: node.op.clone(),
            reason: reason.to_owned(),
        }
    }

    /// A complaint about the graph.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> ExportError {
        ExportError::content(self.path, reason)
    }
}

/// Whether a node gives its input's numbers in its input's shape.
fn changes_nothing(node: &Node) -> bool {
    matches!(node.op.as_str(), "Identity" | "Cast" | "Dropout") && !node.inputs.is_empty()
}

/// An output that every node of a checked operator has.
pub(super) fn output(node: &Node) -> &str {
    node.outputs.first().map_or("", String::as_str)
}

/// A setting of integers.
pub(super) fn ints_of<'n>(node: &'n Node, name: &str) -> &'n [i64] {
    match node.attributes.get(name) {
        Some(Constant::Ints(values)) => values,
        _ => &[],
    }
}

/// A setting of one floating-point number.
pub(super) fn float_of(node: &Node, name: &str) -> Option<f32> {
    match node.attributes.get(name)? {
        Constant::Floats(values) => values.first().copied(),
        Constant::Ints(_) => None,
    }
}

/// Of two inputs the other one, when one of them is the value.
pub(super) fn other_of<'n>(net: &Net<'_>, node: &'n Node, name: &str) -> Option<&'n str> {
    let [first, second] = node.inputs.as_slice() else {
        return None;
    };
    let is = |input: &str| net.origin(input) == net.origin(name);
    match (is(first), is(second)) {
        (true, _) => Some(second),
        (_, true) => Some(first),
        _ => None,
    }
}
