//! A checkpoint whose tensors have been told apart: each of the encoder's by timm's name for it.

use super::names::{Dialect, Place};
use super::{Facts, refusals};
use crate::ExportError;
use crate::model::check_finite;
use mimlet_checkpoint::{Array, Checkpoint};
use mimlet_format::TensorRole;
use std::collections::BTreeMap;
use std::path::Path;

/// A checkpoint, and where in it an encoder's tensors are.
#[derive(Debug)]
pub(super) struct Source {
    checkpoint: Checkpoint,
    naming: Naming,
    /// LayerScale by the layer that it scales (`blocks.3.attn.proj`): the checkpoint's name.
    gains: BTreeMap<String, String>,
    /// Names of tensors that an encoder has no use for.
    pub(super) ignored: Vec<String>,
    /// What the checkpoint says of itself.
    pub(super) facts: Facts,
}

/// How a tensor is found by timm's name.
#[derive(Debug)]
enum Naming {
    /// By the checkpoint's own naming.
    Dialect(Dialect),
    /// By its place in a graph.
    #[cfg(feature = "onnx")]
    Graph(BTreeMap<String, Vec<Part>>),
}

/// A tensor of the checkpoint that is an encoder's tensor, or a third of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// Whether it is `[in, out]` where a linear layer's weight is `[out, in]`.
    pub(super) transposed: bool,
}

impl Source {
    /// Tells a checkpoint's tensors apart by their names.
    ///
    /// # Errors
    /// [`ExportError::UnknownTensor`] or [`ExportError::NoOp`] for the first that is neither an
    /// encoder's nor known to be beside one.
    pub(super) fn by_names(checkpoint: Checkpoint, facts: Facts) -> Result<Self, ExportError> {
        let dialect = Dialect::of(&checkpoint)?;
        let mut gains = BTreeMap::new();
        let mut ignored = Vec::new();
        for (name, shape) in checkpoint.shapes() {
            match dialect.place(name) {
                Place::Encoder => {}
                Place::Gain(layer) => drop(gains.insert(layer, name.to_owned())),
                Place::Beside => ignored.push(name.to_owned()),
                // The tensor that tells most is not always the first.
                Place::Unknown => {
                    return Err(refusals::telling(&checkpoint).unwrap_or_else(|| {
                        ExportError::UnknownTensor {
                            path: checkpoint.path().to_owned(),
                            name: name.to_owned(),
                            shape: shape.to_vec(),
                        }
                    }));
                }
            }
        }
        let mut facts = facts;
        facts.positions = facts.positions.or(Some(dialect.rule()));
        Ok(Self {
            checkpoint,
            naming: Naming::Dialect(dialect),
            gains,
            ignored,
            facts,
        })
    }

    /// A graph's initialisers, whose roles the graph has told.
    #[cfg(feature = "onnx")]
    pub(super) fn by_graph(
        checkpoint: Checkpoint,
        tensors: BTreeMap<String, Vec<Part>>,
        gains: BTreeMap<String, String>,
        ignored: Vec<String>,
        facts: Facts,
    ) -> Self {
        Self {
            checkpoint,
            naming: Naming::Graph(tensors),
            gains,
            ignored,
            facts,
        }
    }

    /// The checkpoint's path.
    pub(super) fn path(&self) -> &Path {
        self.checkpoint.path()
    }

    /// The checkpoint's file that holds the weights.
    pub(super) fn weights_path(&self) -> &Path {
        self.checkpoint.weights_path()
    }

    /// BLAKE3 of the checkpoint.
    pub(super) fn hash(&mut self) -> Result<[u8; 32], ExportError> {
        Ok(self.checkpoint.hash()?)
    }

    /// One more than the highest index of a block.
    pub(super) fn depth(&self) -> u32 {
        let last = match &self.naming {
            Naming::Dialect(dialect) => {
                let names = self.checkpoint.shapes().map(|(name, _)| name);
                names.filter_map(|name| dialect.block_index(name)).max()
            }
            #[cfg(feature = "onnx")]
            Naming::Graph(tensors) => {
                let index = |name: &String| {
                    name.strip_prefix("blocks.")?
                        .split('.')
                        .next()?
                        .parse::<u32>()
                        .ok()
                };
                tensors.keys().filter_map(index).max()
            }
        };
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// The tensors of the checkpoint that are what timm names `ours`. Of alternative names the first
    /// that is there, else the first.
    fn parts(&self, ours: &str) -> Vec<Part> {
        let plain = |name: String| Part {
            name,
            transposed: false,
        };
        match &self.naming {
            Naming::Dialect(dialect) => {
                let names = dialect.names(ours);
                if ours.contains(".attn.qkv.") {
                    return names.into_iter().map(plain).collect();
                }
                let there = |name: &&String| self.checkpoint.shape(name).is_some();
                let name = names.iter().find(there).or(names.first()).cloned();
                vec![plain(name.unwrap_or_else(|| ours.to_owned()))]
            }
            #[cfg(feature = "onnx")]
            Naming::Graph(tensors) => match tensors.get(ours) {
                Some(parts) => parts.clone(),
                None => vec![plain(ours.to_owned())],
            },
        }
    }

    /// The checkpoint's name of a tensor that is in one piece.
    pub(super) fn name(&self, ours: &str) -> String {
        let part = self.parts(ours).into_iter().next();
        part.map_or_else(|| ours.to_owned(), |part| part.name)
    }

    /// The shape of a tensor that is in one piece.
    pub(super) fn shape(&self, ours: &str) -> Option<Vec<usize>> {
        self.part_shape(self.parts(ours).first()?)
    }

    /// Whether any piece of a tensor is there.
    pub(super) fn has(&self, ours: &str) -> bool {
        let parts = self.parts(ours);
        parts
            .iter()
            .any(|part| self.checkpoint.shape(&part.name).is_some())
    }

    fn part_shape(&self, part: &Part) -> Option<Vec<usize>> {
        let mut shape = self.checkpoint.shape(&part.name)?.to_vec();
        if part.transposed {
            shape.reverse();
        }
        Some(shape)
    }

    /// A tensor that must be there, in this shape, with finite values; scaled by its LayerScale.
    pub(super) fn required(
        &mut self,
        ours: &str,
        role: TensorRole,
        shape: &[usize],
    ) -> Result<Vec<f32>, ExportError> {
        let parts = self.parts(ours);
        let mut of_part = shape.to_vec();
        if let Some(rows) = of_part.first_mut() {
            *rows /= parts.len().max(1);
        }
        let mut values = Vec::new();
        for part in &parts {
            let read = self.part(part, role, &of_part)?;
            match values.is_empty() {
                true => values = read,
                false => values.extend(read),
            }
        }
        let layer = ours.rsplit_once('.').map_or(ours, |(layer, _)| layer);
        if let Some(name) = self.gains.get(layer).cloned() {
            let gain = Part {
                name,
                transposed: false,
            };
            let gains = self.part(&gain, role, &shape[..1])?;
            let row = values.len() / gains.len().max(1);
            for (row, gain) in values.chunks_mut(row.max(1)).zip(gains) {
                row.iter_mut().for_each(|value| *value *= gain);
            }
            check_finite(ours, &values)?;
        }
        Ok(values)
    }

    fn part(
        &mut self,
        part: &Part,
        role: TensorRole,
        shape: &[usize],
    ) -> Result<Vec<f32>, ExportError> {
        let (path, name) = (self.path().to_owned(), part.name.clone());
        let Some(found) = self.part_shape(part) else {
            return Err(ExportError::MissingTensor {
                path,
                name,
                role,
                expected: shape.to_vec(),
            });
        };
        if found != shape {
            return Err(ExportError::WrongShape {
                path,
                name,
                role,
                found,
                expected: shape.to_vec(),
            });
        }
        let array = self.checkpoint.read(&part.name)?;
        let values = array.map(|array| array.values).unwrap_or_default();
        check_finite(&part.name, &values)?;
        Ok(match part.transposed {
            true => transposed(&values, shape),
            false => values,
        })
    }

    /// A tensor as it is.
    pub(super) fn read(&mut self, ours: &str) -> Result<Option<Array>, ExportError> {
        let array = self.checkpoint.read(&self.name(ours))?;
        if let Some(array) = &array {
            check_finite(&self.name(ours), &array.values)?;
        }
        Ok(array)
    }
}

/// `[out, in]` of values that are stored `[in, out]`.
fn transposed(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let &[rows, columns] = shape else {
        return values.to_vec();
    };
    let value = |i: usize| values[i % columns * rows + i / columns];
    (0..rows * columns).map(value).collect()
}
