//! The residual stream through the blocks to the final norm.

use super::super::source::Part;
use super::Roles;
use super::attention;
use super::net::{Net, other_of, output};
use super::patterns::{Linear, Norm, gelu, linear, norm};
use crate::ExportError;
use mimlet_checkpoint::onnx::Node;
use mimlet_format::limits::MAX_DEPTH;

/// Follows the residual stream and gives every layer on the way its role.
pub(super) fn follow(net: &Net<'_>, stream: &str, roles: &mut Roles) -> Result<(), ExportError> {
    let mut stream = stream.to_owned();
    // Two branches a block, attention and MLP.
    for step in 0..=2 * MAX_DEPTH {
        let readers = net.readers(&stream);
        let Some(norm) = norm(net, &stream) else {
            return Err(match readers.first() {
                Some(node) => net.refuse(
                    node,
                    "reads the residual stream where a plain ViT has a layer norm with weight and \
                     bias",
                ),
                None => net.wrong("the graph ends without a final norm; no plain ViT"),
            });
        };
        same(net, &mut roles.eps, norm.eps, "epsilons of the layer norms")?;
        let (block, is_mlp) = (step / 2, step % 2 == 1);
        let Some(sum) = readers.into_iter().find(|node| node.op == "Add") else {
            if is_mlp || step == 0 {
                return Err(net.wrong("the graph ends within a block; no plain ViT"));
            }
            put_norm(roles, "norm", &norm);
            return Ok(());
        };
        let name = format!("blocks.{block}");
        put_norm(
            roles,
            &format!("{name}.norm{}", if is_mlp { 2 } else { 1 }),
            &norm,
        );
        branch(net, sum, &stream, &norm, (&name, is_mlp), roles)?;
        stream = output(sum).to_owned();
    }
    Err(net.wrong(format!("the graph has more than {MAX_DEPTH} blocks")))
}

fn put_norm(roles: &mut Roles, name: &str, norm: &Norm<'_>) {
    roles.plain(format!("{name}.weight"), norm.weight);
    roles.plain(format!("{name}.bias"), norm.bias);
}

/// What is added to the stream, followed back to the norm it comes from.
fn branch(
    net: &Net<'_>,
    sum: &Node,
    stream: &str,
    norm: &Norm<'_>,
    (name, is_mlp): (&str, bool),
    roles: &mut Roles,
) -> Result<(), ExportError> {
    let refuse = |what: &str| {
        let reason = format!("adds to the residual stream what is no {what}");
        net.refuse(sum, &reason)
    };
    let mut value = other_of(net, sum, stream).ok_or_else(|| refuse("branch of a block"))?;
    let layer = format!("{name}.{}", if is_mlp { "mlp.fc2" } else { "attn.proj" });
    if let Some((inner, gain)) = gain(net, value) {
        roles.gains.insert(layer.clone(), gain.to_owned());
        value = inner;
    }
    let last = linear(net, value).ok_or_else(|| refuse("linear layer's output"))?;
    if is_mlp {
        let hidden = gelu(net, last.input)
            .ok_or_else(|| refuse("MLP with the exact GELU (one with the error function)"))?;
        let first = linear(net, hidden).ok_or_else(|| refuse("MLP of two linear layers"))?;
        if net.origin(first.input) != net.origin(norm.output) {
            return Err(refuse("MLP after the norm"));
        }
        put_linear(roles, &format!("{name}.mlp.fc1"), first);
    } else {
        let attention = attention::back(net, last.input, sum, norm)?;
        same(
            net,
            &mut roles.heads,
            attention.heads,
            "numbers of attention heads",
        )?;
        roles.masks.extend(attention.masks);
        put_qkv(roles, &format!("{name}.attn.qkv"), attention.linears);
    }
    put_linear(roles, &layer, last);
    Ok(())
}

/// LayerScale: a product with a vector.
fn gain<'a>(net: &Net<'a>, value: &str) -> Option<(&'a str, &'a str)> {
    let node = net.maker(value).filter(|node| node.op == "Mul")?;
    let [first, second] = node.inputs.as_slice() else {
        return None;
    };
    let is_vector = |input: &'a String| net.weight(input).filter(|name| net.shape(name).len() == 1);
    match (is_vector(first), is_vector(second)) {
        (Some(gain), _) => Some((second, gain)),
        (_, Some(gain)) => Some((first, gain)),
        _ => None,
    }
}

fn put_linear(roles: &mut Roles, name: &str, linear: Linear<'_>) {
    roles.put(format!("{name}.weight"), linear.weight);
    if let Some(bias) = linear.bias {
        roles.plain(format!("{name}.bias"), bias);
    }
}

/// One linear layer of queries, keys and values together, or three.
fn put_qkv(roles: &mut Roles, name: &str, linears: Vec<Linear<'_>>) {
    let biases: Vec<Part> = linears
        .iter()
        .filter_map(|linear| {
            Some(Part {
                name: linear.bias?.to_owned(),
                transposed: false,
            })
        })
        .collect();
    if !biases.is_empty() {
        roles.tensors.insert(format!("{name}.bias"), biases);
    }
    let weights = linears.into_iter().map(|linear| linear.weight).collect();
    roles.tensors.insert(format!("{name}.weight"), weights);
}

/// Holds a setting that the format has once to one value.
fn same<T: PartialEq + Copy + std::fmt::Display>(
    net: &Net<'_>,
    known: &mut Option<T>,
    found: T,
    what: &str,
) -> Result<(), ExportError> {
    match *known {
        Some(known) if known != found => Err(net.wrong(format!(
            "the graph has different {what}, {known} and {found}; the format holds one"
        ))),
        _ => {
            *known = Some(found);
            Ok(())
        }
    }
}
