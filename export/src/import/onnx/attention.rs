//! Attention, followed back from its output to queries, keys and values.

use super::net::{Net, ints_of};
use super::patterns::{Linear, Norm, linear};
use crate::ExportError;
use mimlet_checkpoint::onnx::Node;

/// Steps from a product back to a linear layer.
const MAX_STEPS: usize = 24;

/// The ways that exporters turn `[images, tokens, heads, width]` about.
const TURNS: [&[i64]; 7] = [
    &[0, 2, 1, 3],
    &[0, 1, 3, 2],
    &[0, 2, 3, 1],
    &[2, 0, 3, 1, 4],
    &[2, 0, 1, 3],
    &[0, 2, 1],
    &[1, 0, 2],
];

/// Attention's parts before its output layer.
#[derive(Debug)]
pub(super) struct Attention<'a> {
    /// One linear layer, or three: of queries, keys, values.
    pub(super) linears: Vec<Linear<'a>>,
    pub(super) heads: u32,
    /// What is added to the products and must be zeros: tensor and node.
    pub(super) masks: Vec<(String, String)>,
}

/// What was met on the way back from a product to a linear layer.
#[derive(Debug)]
struct Route<'a> {
    linear: Linear<'a>,
    /// Which part of the layer's output it is, where it was cut.
    slot: Option<i64>,
    /// The product of the constants it was multiplied by; `None` when one is computed.
    scale: Option<f32>,
    /// The shape that the layer's output was given, `None` for a computed side.
    shape: Vec<Option<i64>>,
}

/// Follows attention back from the input of its output layer to the norm before it.
pub(super) fn back<'a>(
    net: &Net<'a>,
    value: &'a str,
    sum: &'a Node,
    norm: &Norm<'_>,
) -> Result<Attention<'a>, ExportError> {
    let refuse = |what: &str| net.refuse(sum, what);
    let mixed = product(net, value)
        .ok_or_else(|| refuse("adds what is no attention: no product with values"))?;
    let (weights, values) = inputs(net, mixed)?;
    let softmax = softmax(net, weights)
        .ok_or_else(|| refuse("adds what is no attention: no softmax of products"))?;
    let mut masks = Vec::new();
    let scores = softmax.inputs.first().map_or("", String::as_str);
    let (scores, after) = unmasked(net, scores, &mut masks)?;
    let (queries, keys) = inputs(net, scores)?;
    let routes = [queries, keys, values].map(|value| route(net, value, norm));
    let [queries, keys, values] = routes;
    let (queries, keys, values) = (queries?, keys?, values?);
    let [rows, heads] = heads(net, &queries).ok_or_else(|| {
        refuse("comes from attention whose heads no shape tells; export with a fixed image size")
    })?;
    let width = rows as f32 / heads as f32;
    let scale = [queries.scale, keys.scale, Some(after)];
    let scale = scale
        .into_iter()
        .try_fold(1.0, |product, scale| Some(product * scale?));
    if scale.is_some_and(|scale: f32| (scale * width.sqrt() - 1.0).abs() > 1e-3) {
        return Err(refuse(
            "comes from attention that is not scaled by 1 / sqrt(width of a head)",
        ));
    }
    let linears = match (queries.slot, keys.slot, values.slot) {
        (None, None, None) => vec![queries.linear, keys.linear, values.linear],
        (Some(0), Some(1), Some(2)) if queries.linear.weight == values.linear.weight => {
            vec![queries.linear]
        }
        _ => {
            return Err(refuse(
                "comes from attention whose queries, keys and values are mixed up",
            ));
        }
    };
    Ok(Attention {
        linears,
        heads: u32::try_from(heads).map_err(|_| refuse("has no heads"))?,
        masks,
    })
}

fn inputs<'a>(net: &Net<'a>, node: &'a Node) -> Result<(&'a str, &'a str), ExportError> {
    match node.inputs.as_slice() {
        [first, second] => Ok((first, second)),
        _ => Err(net.refuse(node, "has not two inputs")),
    }
}

/// The product behind shapes and turns.
fn product<'a>(net: &Net<'a>, value: &'a str) -> Option<&'a Node> {
    let mut value = value;
    for _ in 0..MAX_STEPS {
        let node = net.maker(value)?;
        match node.op.as_str() {
            "MatMul" => return Some(node),
            "Reshape" => value = node.inputs.first()?,
            "Transpose" if is_turn(node) => value = node.inputs.first()?,
            _ => return None,
        }
    }
    None
}

/// The softmax, behind what puts zeros in place of NaN.
fn softmax<'a>(net: &Net<'a>, value: &'a str) -> Option<&'a Node> {
    let node = net.maker(value)?;
    match node.op.as_str() {
        "Softmax" => {
            let axis = ints_of(node, "axis").first().copied().unwrap_or(-1);
            (axis == -1 || axis == 3).then_some(node)
        }
        "Where" => {
            net.maker(node.inputs.first()?)
                .filter(|node| node.op == "IsNaN")?;
            softmax(net, node.inputs.get(2)?)
        }
        _ => None,
    }
}

/// The product of queries and keys, without scale and mask.
fn unmasked<'a>(
    net: &Net<'a>,
    value: &'a str,
    masks: &mut Vec<(String, String)>,
) -> Result<(&'a Node, f32), ExportError> {
    let mut value = value;
    let mut scale = 1.0;
    for _ in 0..MAX_STEPS {
        let Some(node) = net.maker(value) else {
            break;
        };
        match node.op.as_str() {
            "MatMul" => return Ok((node, scale)),
            "Add" => {
                let (first, second) = inputs(net, node)?;
                let Some(mask) = net.weight(second) else {
                    return Err(net.refuse(node, "adds to the attention a mask that is computed"));
                };
                masks.push((mask.to_owned(), node.name.clone()));
                value = first;
            }
            "Mul" | "Div" => {
                let (first, second) = inputs(net, node)?;
                let by = net.scalar(second);
                let by = by.ok_or_else(|| net.refuse(node, "scales attention by no constant"))?;
                scale *= if node.op == "Mul" { by } else { 1.0 / by };
                value = first;
            }
            _ => return Err(net.refuse(node, "stands between attention's product and softmax")),
        }
    }
    Err(net.wrong("a softmax is of no product; no plain ViT"))
}

/// From a product's input back to the linear layer that reads the norm.
fn route<'a>(net: &Net<'a>, value: &'a str, norm: &Norm<'_>) -> Result<Route<'a>, ExportError> {
    let (mut value, mut slot, mut scale) = (value, None, Some(1.0));
    let mut shape = Vec::new();
    for _ in 0..MAX_STEPS {
        if let Some(linear) = linear(net, value)
            && net.origin(linear.input) == net.origin(norm.output)
        {
            return Ok(Route {
                linear,
                slot,
                scale,
                shape,
            });
        }
        let Some(node) = net.maker(value) else {
            break;
        };
        let first = node.inputs.first().map_or("", String::as_str);
        match node.op.as_str() {
            "Reshape" => {
                let sides = node.inputs.get(1).and_then(|sides| net.ints(sides));
                shape = sides.unwrap_or_default();
            }
            "Transpose" if is_turn(node) => {}
            "Squeeze" | "Unsqueeze" => {}
            "Split" => {
                let at = node
                    .outputs
                    .iter()
                    .position(|output| output == net.origin(value));
                slot = at.map(|at| at as i64);
            }
            "Gather" => {
                slot = node
                    .inputs
                    .get(1)
                    .and_then(|at| net.scalar(at))
                    .map(|at| at as i64)
            }
            "Slice" => slot = start_of(net, node),
            "Mul" | "Div" => {
                let by = node.inputs.get(1).and_then(|by| net.scalar(by));
                scale = scale.zip(by).map(|(scale, by)| match node.op.as_str() {
                    "Mul" => scale * by,
                    _ => scale / by,
                });
            }
            _ => {
                let reason = "stands between attention's linear layer and its products, where a \
                              plain ViT has nothing";
                return Err(net.refuse(node, reason));
            }
        }
        value = first;
    }
    Err(net.wrong("attention reads what is no linear layer after the norm; no plain ViT"))
}

/// Which of three parts a slice takes: the start, one by one.
fn start_of(net: &Net<'_>, node: &Node) -> Option<i64> {
    let [_, start, end, ..] = node.inputs.as_slice() else {
        return None;
    };
    let (start, end) = (net.scalar(start)? as i64, net.scalar(end)? as i64);
    let len = end.saturating_sub(start).max(1);
    // Cut along the linear layer's outputs, a third is as long as the stream is wide.
    Some(start / len)
}

/// Width of the stream and number of heads, by the shape of the queries: `[images, tokens, 3, heads,
/// width]` or `[images, tokens, heads, width]`, one side of them possibly left to be computed.
fn heads(net: &Net<'_>, queries: &Route<'_>) -> Option<[i64; 2]> {
    let weight = net.shape(&queries.linear.weight.name);
    let (rows, columns) = match (weight, queries.linear.weight.transposed) {
        (&[columns, rows], true) | (&[rows, columns], false) => (rows as i64, columns as i64),
        _ => return None,
    };
    let dim = if rows == 3 * columns { columns } else { rows };
    let (heads, width) = match queries.shape[..] {
        [_, _, Some(3), heads, width] | [_, _, heads, width] => (heads, width),
        _ => return None,
    };
    let above_zero = |side: &i64| *side > 0;
    let heads = match (heads.filter(above_zero), width.filter(above_zero)) {
        (Some(heads), _) => heads,
        (None, Some(width)) => dim / width,
        _ => return None,
    };
    (heads > 0 && dim % heads == 0).then_some([dim, heads])
}

fn is_turn(node: &Node) -> bool {
    TURNS.contains(&ints_of(node, "perm"))
}
