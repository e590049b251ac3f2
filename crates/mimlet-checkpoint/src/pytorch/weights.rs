//! From a pickle's objects to named tensors.

use super::pickle::{Id, MAX_NAME, Machine, Object};
use super::rebuild::TensorRef;

/// Names that training scripts put weights under, in the order they are looked for.
const KEYS: [&str; 14] = [
    "model",
    "state_dict",
    "model_state_dict",
    "model_state",
    "teacher",
    "student",
    "model_ema",
    "state_dict_ema",
    "ema",
    "encoder",
    "backbone",
    "net",
    "network",
    "module",
];
/// Dictionaries in dictionaries.
const MAX_NESTING: usize = 16;
/// Steps of the walk over all that the root holds.
const MAX_STEPS: usize = 1 << 17;
/// The name of a tensor that is the whole file.
const LONE: &str = "tensor";

/// The tensors of a file, and where in it they were.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) tensors: Vec<(String, TensorRef)>,
    pub(super) key: Option<String>,
    pub(super) others: Vec<String>,
}

/// Tensors of the root's weights: of the dictionary under the first known key, else of the root.
pub(super) fn weights(machine: &Machine<'_>, root: Id) -> Result<Weights, String> {
    let mut at = root;
    let mut path = Vec::new();
    let mut others = Vec::new();
    for _ in 0..MAX_NESTING {
        let mut found = KEYS
            .iter()
            .filter_map(|&key| Some((key, entry(machine, at, key)?)));
        let Some((key, inner)) = found.next() else {
            break;
        };
        others.extend(found.map(|(key, _)| key.to_owned()));
        path.push(key);
        at = inner;
    }
    let tensors = flatten(machine, at)?;
    if tensors.is_empty() {
        return Err(
            "it holds no tensors in dictionaries; if it is a whole module, save its state_dict()"
                .to_owned(),
        );
    }
    Ok(Weights {
        tensors,
        key: (!path.is_empty()).then(|| path.join(".")),
        others,
    })
}

/// A dictionary in a dictionary that holds a tensor or dictionary.
fn entry(machine: &Machine<'_>, dict: Id, key: &str) -> Option<Id> {
    let Object::Dict(pairs) = machine.object(dict) else {
        return None;
    };
    // Of a key set twice the last counts.
    let found = pairs
        .iter()
        .rev()
        .find(|(name, _)| machine.text(*name) == Some(key));
    let &(_, value) = found?;
    let Object::Dict(inner) = machine.object(value) else {
        return None;
    };
    let holds = |(_, value): &(Id, Id)| {
        matches!(machine.object(*value), Object::Tensor(_) | Object::Dict(_))
    };
    inner.iter().any(holds).then_some(value)
}

/// Every tensor below a dictionary, its keys joined by dots.
fn flatten(machine: &Machine<'_>, root: Id) -> Result<Vec<(String, TensorRef)>, String> {
    let mut tensors = Vec::new();
    let mut open = vec![(String::new(), root, 0)];
    let mut steps = 0;
    while let Some((name, id, depth)) = open.pop() {
        steps += 1;
        if steps > MAX_STEPS || depth > MAX_NESTING {
            return Err(format!(
                "its dictionaries nest deeper than {MAX_NESTING} or repeat each other"
            ));
        }
        match machine.object(id) {
            Object::Tensor(tensor) if name.is_empty() => {
                tensors.push((LONE.to_owned(), *tensor.clone()))
            }
            Object::Tensor(tensor) => tensors.push((name, *tensor.clone())),
            Object::Dict(pairs) => {
                // The last first onto the stack: of a key set twice the last counts.
                for &(key, value) in pairs.iter().rev() {
                    let key = match machine.object(key) {
                        Object::Text(key) if key.len() + name.len() < MAX_NAME => key.clone(),
                        Object::Int(key) => key.to_string(),
                        _ => continue,
                    };
                    let name = match name.is_empty() {
                        true => key,
                        false => format!("{name}.{key}"),
                    };
                    open.push((name, value, depth + 1));
                }
            }
            _ => {}
        }
    }
    Ok(tensors)
}
