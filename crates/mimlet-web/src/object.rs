//! Plain JavaScript objects.

use js_sys::{Array, Float32Array, Object, Reflect};
use mimlet_runtime::acceptance::Verdict;
use wasm_bindgen::JsValue;

/// An object with these properties.
pub(crate) fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        set(&object, name, value);
    }
    object
}

/// Adds a property.
pub(crate) fn set(object: &Object, name: &str, value: JsValue) {
    // A plain object takes any property.
    let _ = Reflect::set(object, &name.into(), &value);
}

/// An array of what can be made a value.
pub(crate) fn array<T: Into<JsValue>>(values: impl IntoIterator<Item = T>) -> JsValue {
    values.into_iter().map(Into::into).collect::<Array>().into()
}

/// A copy of floats.
pub(crate) fn floats(values: &[f32]) -> JsValue {
    Float32Array::from(values).into()
}

/// A value, or `null`.
pub(crate) fn or_null<T: Into<JsValue>>(value: Option<T>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}

/// A verdict.
pub(crate) fn verdict(verdict: &Verdict) -> Object {
    object([
        ("passed", verdict.passed().into()),
        ("backend", verdict.backend.as_str().into()),
        ("images", verdict.images.into()),
        ("minCosine", verdict.min_cosine.into()),
        ("meanCosine", verdict.mean_cosine.into()),
        ("tokenAgreement", or_null(verdict.token_agreement)),
        ("nearTieFlips", verdict.near_tie_flips.into()),
        ("wideMarginFlips", verdict.wide_margin_flips.into()),
        ("tcas", or_null(verdict.tcas)),
        ("deviation", or_null(verdict.deviation)),
        (
            "failures",
            array(verdict.failures.iter().map(String::as_str)),
        ),
    ])
}
