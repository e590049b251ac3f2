//! Layers as the exporters write them, whole or taken apart.

use super::super::source::Part;
use super::net::{Net, float_of, ints_of, other_of, output};
use mimlet_checkpoint::onnx::Node;
use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

/// A layer norm over the last side.
#[derive(Debug)]
pub(super) struct Norm<'a> {
    pub(super) weight: &'a str,
    pub(super) bias: &'a str,
    pub(super) eps: f32,
    pub(super) output: &'a str,
}

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear<'a> {
    pub(super) weight: Part,
    pub(super) bias: Option<&'a str>,
    pub(super) input: &'a str,
}

/// The layer norm that reads a value.
pub(super) fn norm<'a>(net: &Net<'a>, value: &str) -> Option<Norm<'a>> {
    net.readers(value).into_iter().find_map(|node| {
        match node.op.as_str() {
            "LayerNormalization" => whole_norm(net, node),
            "Sub" => parts_of_norm(net, node),
            _ => None,
        }
        .filter(|_| {
            node.inputs
                .first()
                .is_some_and(|input| net.origin(input) == net.origin(value))
        })
    })
}

fn whole_norm<'a>(net: &Net<'a>, node: &'a Node) -> Option<Norm<'a>> {
    let weight = net.weight(node.inputs.get(1)?)?;
    let bias = net.weight(node.inputs.get(2)?)?;
    let axis = ints_of(node, "axis").first().copied().unwrap_or(-1);
    // Of `[images, tokens, dim]` the last.
    (axis == -1 || axis == 2).then_some(Norm {
        weight,
        bias,
        eps: float_of(node, "epsilon").unwrap_or(1e-5),
        output: output(node),
    })
}

/// `d = x - mean(x)`, `d / sqrt(mean(d^2) + eps) * weight + bias`, from its first step on.
fn parts_of_norm<'a>(net: &Net<'a>, minus: &'a Node) -> Option<Norm<'a>> {
    let [input, mean] = minus.inputs.as_slice() else {
        return None;
    };
    let mean = net.maker(mean).filter(|node| node.op == "ReduceMean")?;
    if net.origin(mean.inputs.first()?) != net.origin(input) {
        return None;
    }
    let difference = output(minus);
    let readers = net.readers(difference);
    let over = readers.into_iter().find(|node| node.op == "Div")?;
    if net.origin(over.inputs.first()?) != difference {
        return None;
    }
    let root = net
        .maker(over.inputs.get(1)?)
        .filter(|node| node.op == "Sqrt")?;
    let sum = net
        .maker(root.inputs.first()?)
        .filter(|node| node.op == "Add")?;
    let (eps, variance) = match net.scalar(sum.inputs.get(1)?) {
        Some(eps) => (eps, sum.inputs.first()?),
        None => (net.scalar(sum.inputs.first()?)?, sum.inputs.get(1)?),
    };
    let variance = net.maker(variance).filter(|node| node.op == "ReduceMean")?;
    let square = net.maker(variance.inputs.first()?)?;
    let squares = match square.op.as_str() {
        "Pow" => net.scalar(square.inputs.get(1)?) == Some(2.0),
        "Mul" => square
            .inputs
            .iter()
            .all(|input| net.origin(input) == difference),
        _ => false,
    };
    if !squares || net.origin(square.inputs.first()?) != difference {
        return None;
    }
    let (scaled, weight) = with_weight(net, output(over), "Mul")?;
    let (shifted, bias) = with_weight(net, scaled, "Add")?;
    Some(Norm {
        weight,
        bias,
        eps,
        output: shifted,
    })
}

/// The only reader of a value, when it is an operator of a weight; its output and the weight.
fn with_weight<'a>(net: &Net<'a>, value: &str, op: &str) -> Option<(&'a str, &'a str)> {
    let readers = net.readers(value);
    let node = readers.first().filter(|node| node.op == op)?;
    let weight = net.weight(other_of(net, node, value)?)?;
    Some((output(node), weight))
}

/// The linear layer that makes a value: `MatMul` and `Add`, or `Gemm`.
pub(super) fn linear<'a>(net: &Net<'a>, value: &str) -> Option<Linear<'a>> {
    let node = net.maker(value)?;
    match node.op.as_str() {
        "Gemm" => gemm(net, node),
        "MatMul" => matmul(net, node, None),
        "Add" => {
            let [first, second] = node.inputs.as_slice() else {
                return None;
            };
            let bias_of = |input: &'a String| {
                let bias = net.weight(input)?;
                (net.shape(bias).len() == 1).then_some(bias)
            };
            let (bias, product) = match bias_of(first) {
                Some(bias) => (bias, second),
                None => (bias_of(second)?, first),
            };
            let product = net.maker(product).filter(|node| node.op == "MatMul")?;
            matmul(net, product, Some(bias))
        }
        // Gemm takes matrices, so images and tokens are one side around it.
        "Reshape" => {
            let gemm = net
                .maker(node.inputs.first()?)
                .filter(|node| node.op == "Gemm")?;
            linear(net, output(gemm))
        }
        _ => None,
    }
}

fn matmul<'a>(net: &Net<'a>, node: &'a Node, bias: Option<&'a str>) -> Option<Linear<'a>> {
    let [input, weight] = node.inputs.as_slice() else {
        return None;
    };
    let (name, transposed) = match net.weight(weight) {
        Some(name) => (name, true),
        // The weight as it is, transposed in the graph.
        None => {
            let turn = net.maker(weight).filter(|node| node.op == "Transpose")?;
            (net.weight(turn.inputs.first()?)?, false)
        }
    };
    Some(Linear {
        weight: Part {
            name: name.to_owned(),
            transposed,
        },
        bias,
        input,
    })
}

fn gemm<'a>(net: &Net<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let is_one = |name: &str| float_of(node, name).is_none_or(|value| value == 1.0);
    let turned = ints_of(node, "transB").first() == Some(&1);
    if !is_one("alpha") || !is_one("beta") || ints_of(node, "transA").first() == Some(&1) {
        return None;
    }
    let input = node.inputs.first()?;
    // The other half of the reshapes around it.
    let before = net.maker(input).filter(|node| node.op == "Reshape");
    Some(Linear {
        weight: Part {
            name: net.weight(node.inputs.get(1)?)?.to_owned(),
            transposed: !turned,
        },
        bias: node.inputs.get(2).and_then(|bias| net.weight(bias)),
        input: before.and_then(|node| node.inputs.first()).unwrap_or(input),
    })
}

/// What is given to the GELU that makes a value: the operator, or `x * 0.5 * (1 + erf(x / sqrt 2))`
/// in any order of the products.
pub(super) fn gelu<'a>(net: &Net<'a>, value: &str) -> Option<&'a str> {
    let node = net.maker(value)?;
    if node.op == "Gelu" {
        let exact = node
            .texts
            .get("approximate")
            .is_none_or(|how| how == "none");
        return exact
            .then(|| node.inputs.first().map(String::as_str))
            .flatten();
    }
    // Three factors: the input, a half, and the sum with the error function.
    let mut factors = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for input in &node.inputs {
            match net.maker(input) {
                Some(inner) if inner.op == "Mul" && factors.len() + open.len() < 3 => {
                    open.push(inner);
                }
                _ => factors.push(input),
            }
        }
    }
    if node.op != "Mul" || factors.len() != 3 {
        return None;
    }
    let half = factors
        .iter()
        .position(|factor| net.scalar(factor) == Some(0.5))?;
    factors.swap_remove(half);
    let of_sum = |factor: &'a String| error_function(net, factor);
    let (input, inner) = match (of_sum(factors[0]), of_sum(factors[1])) {
        (Some(inner), _) => (factors[1], inner),
        (_, Some(inner)) => (factors[0], inner),
        _ => return None,
    };
    (net.origin(input) == net.origin(inner)).then_some(input)
}

/// The `x` of `1 + erf(x / sqrt 2)`.
fn error_function<'a>(net: &Net<'a>, value: &str) -> Option<&'a str> {
    let sum = net.maker(value).filter(|node| node.op == "Add")?;
    let one = sum
        .inputs
        .iter()
        .position(|input| net.scalar(input) == Some(1.0))?;
    let erf = net
        .maker(sum.inputs.get(1 - one)?)
        .filter(|node| node.op == "Erf")?;
    let scaled = net.maker(erf.inputs.first()?)?;
    let [input, by] = scaled.inputs.as_slice() else {
        return None;
    };
    let by = net.scalar(by)?;
    let near = |expected: f32| (by - expected).abs() < 1e-6;
    match scaled.op.as_str() {
        "Div" => near(SQRT_2),
        "Mul" => near(FRAC_1_SQRT_2),
        _ => false,
    }
    .then_some(input)
}
