//! ONNX graphs of ViTs: what each weight is for is told from the graph, not from names.
//!
//! Both of PyTorch's exporters rename and transpose weights (`onnx::MatMul_312`, `val_27`). So the
//! residual stream is followed from the patch embedding on, and each branch back from where it is
//! added; anything on the way that is no part of a plain ViT is refused by its node's name.

mod attention;
mod blocks;
mod embedding;
mod net;
mod patterns;

use super::source::{Part, Source};
use super::{Facts, PositionRule};
use crate::ExportError;
use crate::model::check_finite;
use mimlet_checkpoint::onnx::OnnxModel;
use net::Net;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a graph tells of the weights and of the encoder.
#[derive(Debug, Default)]
struct Roles {
    /// By timm's name.
    tensors: BTreeMap<String, Vec<Part>>,
    /// LayerScale by the layer that it scales.
    gains: BTreeMap<String, String>,
    heads: Option<u32>,
    eps: Option<f32>,
    /// Attention masks, which must be zeros: tensor and node.
    masks: Vec<(String, String)>,
}

impl Roles {
    fn put(&mut self, name: impl Into<String>, part: Part) {
        self.tensors.insert(name.into(), vec![part]);
    }

    fn plain(&mut self, name: impl Into<String>, tensor: &str) {
        self.put(
            name,
            Part {
                name: tensor.to_owned(),
                transposed: false,
            },
        );
    }
}

/// Opens a model and tells its weights apart.
pub(super) fn open(path: &Path, said: Facts) -> Result<Source, ExportError> {
    let OnnxModel {
        mut initializers,
        graph,
    } = OnnxModel::open(path)?;
    let net = Net::new(path, &graph, &initializers);
    let mut roles = Roles::default();
    let stream = embedding::follow(&net, &mut roles)?;
    blocks::follow(&net, &stream, &mut roles)?;
    let size = graph.inputs.first().map(|input| input.shape.as_slice());
    let facts = said.or(Facts {
        num_heads: roles.heads,
        layer_norm_eps: roles.eps,
        image_size: size.and_then(image_size),
        positions: Some(PositionRule::Timm),
        ..Facts::default()
    });
    for (tensor, node) in &roles.masks {
        let values = initializers.read(tensor)?.map(|array| array.values);
        let values = values.unwrap_or_default();
        check_finite(tensor, &values)?;
        if values.iter().any(|value| *value != 0.0) {
            return Err(ExportError::UnknownNode {
                path: path.to_owned(),
                node: node.clone(),
                op: "Add".to_owned(),
                reason: format!(
                    "adds {tensor} to the attention, a mask or bias without an op here"
                ),
            });
        }
    }
    let used: BTreeSet<&String> = roles
        .tensors
        .values()
        .flatten()
        .map(|part| &part.name)
        .collect();
    let ignored = initializers.shapes().filter(|(name, shape)| {
        let is_weight = shape.iter().product::<usize>() > 1 && initializers.is_float(name);
        let name = (*name).to_owned();
        is_weight
            && !used.contains(&name)
            && !roles.gains.values().any(|gain| *gain == name)
            && !roles.masks.iter().any(|(mask, _)| *mask == name)
    });
    let ignored = ignored.map(|(name, _)| name.to_owned()).collect();
    Ok(Source::by_graph(
        initializers,
        roles.tensors,
        roles.gains,
        ignored,
        facts,
    ))
}

/// Height and width of an input `[images, 3, height, width]`, when they are fixed.
fn image_size(shape: &[Option<u64>]) -> Option<[u32; 2]> {
    match *shape {
        [_, _, Some(height), Some(width)] => {
            Some([u32::try_from(height).ok()?, u32::try_from(width).ok()?])
        }
        _ => None,
    }
}
