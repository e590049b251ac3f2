//! From the image to the residual stream: patches, class token, positions.

use super::super::names::{CLASS_TOKEN, PATCH_BIAS, PATCH_WEIGHT, POSITIONS};
use super::Roles;
use super::net::{Net, ints_of, other_of, output};
use super::patterns::norm;
use crate::ExportError;
use mimlet_checkpoint::onnx::Node;

/// Steps from the convolution to the first norm.
const MAX_STEPS: usize = 32;

/// Follows the image to the residual stream before the first block, whose name it returns.
pub(super) fn follow(net: &Net<'_>, roles: &mut Roles) -> Result<String, ExportError> {
    let convolution = convolution(net, roles)?;
    let mut stream = output(convolution).to_owned();
    for _ in 0..MAX_STEPS {
        if norm(net, &stream).is_some() {
            for (name, what) in [(CLASS_TOKEN, "class token"), (POSITIONS, "positions")] {
                if !roles.tensors.contains_key(name) {
                    let reason = format!("the graph adds no {what} to its patches; no plain ViT");
                    return Err(net.wrong(reason));
                }
            }
            return Ok(stream);
        }
        let readers = net.readers(&stream);
        let Some(&node) = readers.first() else {
            return Err(net.wrong("the graph ends before a block does; no plain ViT"));
        };
        match node.op.as_str() {
            "Reshape" | "Flatten" | "Transpose" | "Squeeze" | "Unsqueeze" => {}
            "Concat" => class_token(net, node, &stream, roles)?,
            "Add" => positions(net, node, &stream, roles)?,
            _ => {
                let reason = "stands between the patch embedding and the first block, where a plain \
                              ViT has nothing; export with fixed sizes, or from the checkpoint";
                return Err(net.refuse(node, reason));
            }
        }
        stream = output(node).to_owned();
    }
    Err(net.wrong("the graph has no block; no plain ViT"))
}

/// The patch embedding: one convolution over the image, its patches apart.
fn convolution<'a>(net: &Net<'a>, roles: &mut Roles) -> Result<&'a Node, ExportError> {
    let mut convolutions = net.nodes().filter(|node| node.op == "Conv");
    let Some(node) = convolutions.next() else {
        return Err(net.wrong("the graph has no convolution for its patches; no ViT"));
    };
    if let Some(second) = convolutions.next() {
        return Err(net.refuse(second, "is a second convolution, which no plain ViT has"));
    }
    let image = node.inputs.first().map(|image| net.origin(image));
    if !image.is_some_and(|image| net.is_input(image)) {
        let reason = "does not read the graph's input; export the model without preprocessing";
        return Err(net.refuse(node, reason));
    }
    let weight = node.inputs.get(1).and_then(|weight| net.weight(weight));
    let weight = weight.ok_or_else(|| net.refuse(node, "has no weight of its own"))?;
    let patch: Vec<i64> = net
        .shape(weight)
        .iter()
        .skip(2)
        .map(|&side| side as i64)
        .collect();
    let plain = |name: &str, value: i64| ints_of(node, name).iter().all(|&found| found == value);
    if ints_of(node, "strides") != patch
        || !plain("pads", 0)
        || !plain("dilations", 1)
        || !plain("group", 1)
    {
        let reason = "is no cut into patches: its stride is not its kernel, or it pads";
        return Err(net.refuse(node, reason));
    }
    roles.plain(PATCH_WEIGHT, weight);
    if let Some(bias) = node.inputs.get(2).and_then(|bias| net.weight(bias)) {
        roles.plain(PATCH_BIAS, bias);
    }
    Ok(node)
}

/// A class token before the patches.
fn class_token(
    net: &Net<'_>,
    node: &Node,
    stream: &str,
    roles: &mut Roles,
) -> Result<(), ExportError> {
    let of_stream = |input: &String| net.origin(input) == stream;
    match node.inputs.as_slice() {
        [class, patches] if of_stream(patches) && !roles.tensors.contains_key(CLASS_TOKEN) => {
            let class = net.weight(class);
            let class = class.ok_or_else(|| net.refuse(node, "joins what is no weight"))?;
            roles.plain(CLASS_TOKEN, class);
            Ok(())
        }
        _ => {
            let reason = "joins more than one class token before the patches; registers in a graph \
                          cannot be told apart, export from the checkpoint";
            Err(net.refuse(node, reason))
        }
    }
}

fn positions(
    net: &Net<'_>,
    node: &Node,
    stream: &str,
    roles: &mut Roles,
) -> Result<(), ExportError> {
    let other = other_of(net, node, stream).and_then(|other| net.weight(other));
    match other {
        Some(positions) if !roles.tensors.contains_key(POSITIONS) => {
            roles.plain(POSITIONS, positions);
            Ok(())
        }
        _ => {
            let reason = "adds what are no stored positions (computed or resampled in the graph); \
                          export with a fixed image size, or from the checkpoint";
            Err(net.refuse(node, reason))
        }
    }
}
