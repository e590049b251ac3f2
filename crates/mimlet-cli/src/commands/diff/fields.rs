//! What two files say of themselves, field by field.

use mimlet_format::Manifest;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::commands::inspect::Source;
use crate::error::Error;

/// A field that differs; `null` where a file has none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Change {
    /// `acceptance.thresholds.wide_margin`.
    pub(super) field: String,
    pub(super) a: Value,
    pub(super) b: Value,
}

/// The fields that differ, tensors apart, in the manifest's order.
///
/// # Errors
/// None that a checked manifest could cause.
pub(super) fn changes(a: &Manifest, b: &Manifest) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    collect("", &fields(a)?, &fields(b)?, &mut changes);
    Ok(changes)
}

fn fields(manifest: &Manifest) -> Result<Value, Error> {
    let mut fields = Map::new();
    fields.insert("encoder".to_string(), value(&manifest.encoder)?);
    fields.insert("preprocess".to_string(), value(&manifest.preprocess)?);
    fields.insert("codebook".to_string(), value(&manifest.codebook)?);
    fields.insert("acceptance".to_string(), value(&manifest.acceptance)?);
    let provenance = value(&Source::new(&manifest.provenance))?;
    fields.insert("provenance".to_string(), provenance);
    fields.insert("ranges".to_string(), value(&manifest.ranges)?);
    Ok(Value::Object(fields))
}

/// By way of text, which gives an f32 its own digits rather than an f64's.
fn value(part: &impl Serialize) -> Result<Value, Error> {
    Ok(serde_json::from_str(&serde_json::to_string(part)?)?)
}

fn collect(path: &str, a: &Value, b: &Value, changes: &mut Vec<Change>) {
    let empty = Map::new();
    let object = |value: &'_ Value| value.as_object().cloned();
    match (object(a), object(b)) {
        (None, None) if a != b => changes.push(Change {
            field: path.to_string(),
            a: a.clone(),
            b: b.clone(),
        }),
        (None, None) => {}
        (fields_a, fields_b) => {
            let (fields_a, fields_b) = (
                fields_a.unwrap_or_else(|| empty.clone()),
                fields_b.unwrap_or_else(|| empty.clone()),
            );
            let only_b = fields_b.keys().filter(|name| !fields_a.contains_key(*name));
            for name in fields_a.keys().chain(only_b) {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                let field = |fields: &Map<String, Value>| fields.get(name).cloned();
                let (a, b) = (field(&fields_a), field(&fields_b));
                collect(
                    &path,
                    &a.unwrap_or_default(),
                    &b.unwrap_or_default(),
                    changes,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, collect};
    use serde_json::{Value, json};

    fn changed(a: &Value, b: &Value) -> Vec<(String, Value, Value)> {
        let mut changes = Vec::new();
        collect("", a, b, &mut changes);
        let parts = |change: Change| (change.field, change.a, change.b);
        changes.into_iter().map(parts).collect()
    }

    #[test]
    fn only_what_differs_is_listed_with_its_path() {
        let a = json!({"x": {"y": [1, 2], "z": 3}, "w": "same"});
        let b = json!({"x": {"y": [1, 3], "z": 3}, "w": "same"});
        let expected = ("x.y".to_string(), json!([1, 2]), json!([1, 3]));
        assert_eq!(changed(&a, &b), [expected]);
        assert_eq!(changed(&a, &a), []);
    }

    #[test]
    fn what_one_side_lacks_is_null() {
        let found = changed(
            &json!({"codebook": null}),
            &json!({"codebook": {"size": 5}}),
        );
        let expected = ("codebook.size".to_string(), Value::Null, json!(5));
        assert_eq!(found, [expected]);
    }
}
