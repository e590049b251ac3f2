//! ONNX's graphs and weights beside them.

use crate::files::{f32_bytes, fixture};
use mimlet_checkpoint::onnx::{Constant, OnnxModel};
use std::path::Path;

/// A field of a message: a number, or bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    [out, bytes.to_vec()].concat()
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// A model of one node and one f32 initialiser `w [2]`, whose data fields are given.
fn model(data: &[u8]) -> Vec<u8> {
    let tensor = [number(1, 2), number(2, 1), field(8, b"w"), data.to_vec()].concat();
    let node = [field(1, b"w"), field(2, b"y"), field(4, b"Relu")].concat();
    let graph = [
        field(1, &node),
        field(5, &tensor),
        field(12, &field(1, b"y")),
    ]
    .concat();
    [number(1, 8), field(7, &graph)].concat()
}

fn external(entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| {
        field(
            13,
            &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat(),
        )
    };
    [entries.iter().flat_map(entry).collect(), number(14, 1)].concat()
}

fn open_in(folder: &Path, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let path = folder.join("model.onnx");
    std::fs::write(&path, bytes).unwrap();
    let mut model = OnnxModel::open(&path).map_err(|error| error.to_string())?;
    let array = model
        .initializers
        .read("w")
        .map_err(|error| error.to_string())?;
    Ok(array.unwrap().values)
}

#[test]
fn weights_are_read_raw_typed_and_from_beside_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let two = f32_bytes(&[1.5, -2.0]);
    assert_eq!(
        open_in(folder.path(), &model(&field(9, &two))).unwrap(),
        [1.5, -2.0]
    );
    assert_eq!(
        open_in(folder.path(), &model(&field(4, &two))).unwrap(),
        [1.5, -2.0]
    );
    std::fs::write(
        folder.path().join("weights.bin"),
        f32_bytes(&[9.0, 1.5, -2.0]),
    )
    .unwrap();
    let data = external(&[
        ("location", "weights.bin"),
        ("offset", "4"),
        ("length", "8"),
    ]);
    assert_eq!(open_in(folder.path(), &model(&data)).unwrap(), [1.5, -2.0]);
}

#[test]
fn weights_elsewhere_are_refused() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("inner");
    std::fs::create_dir(&folder).unwrap();
    let eight = f32_bytes(&[7.0, 7.0]);
    std::fs::write(outer.path().join("secret"), &eight).unwrap();
    std::fs::create_dir(folder.join("deeper")).unwrap();
    std::fs::write(folder.join("deeper/w"), &eight).unwrap();
    std::fs::write(folder.join("w"), &eight).unwrap();
    let absolute = outer.path().join("secret");
    let absolute = absolute.to_str().unwrap();
    for location in ["../secret", absolute, "deeper/w", "", ".", "..", "nothing"] {
        let text = open_in(&folder, &model(&external(&[("location", location)]))).unwrap_err();
        assert!(
            text.contains("lies outside the model") && text.contains("tensor w"),
            "{text}"
        );
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
        let text = open_in(&folder, &model(&external(&[("location", "link")]))).unwrap_err();
        assert!(text.contains("link out of the folder"), "{text}");
    }
    for (key, value, mention) in [
        ("offset", "4", "4 bytes of data"),
        ("offset", "9", "beyond"),
        ("offset", "18446744073709551615", "beyond"),
        ("length", "9", "beyond"),
        ("length", "4", "4 bytes of data"),
        ("offset", "-1", "no number"),
    ] {
        let entries = external(&[("location", "w"), (key, value)]);
        let text = open_in(&folder, &model(&entries)).unwrap_err();
        assert!(text.contains(mention), "{key} {value}: {text}");
    }
}

#[test]
fn damaged_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = model(&field(9, &f32_bytes(&[1.5, -2.0])));
    for cut in 0..whole.len() {
        assert!(open_in(folder.path(), &whole[..cut]).is_err(), "{cut}");
    }
    let short = model(&field(9, &[0; 7]));
    assert!(
        open_in(folder.path(), &short)
            .unwrap_err()
            .contains("7 bytes")
    );
    assert!(
        open_in(folder.path(), &model(&[]))
            .unwrap_err()
            .contains("no data")
    );
    // A part of 2 MiB that is no weight.
    let long = field(7, &field(1, &vec![0; 2 << 20]));
    assert!(
        open_in(folder.path(), &long)
            .unwrap_err()
            .contains("beside its weights")
    );
}

#[test]
fn shapes_and_scales_are_known_with_the_graph() {
    let model = OnnxModel::open(&fixture("onnx_timm_dynamo.onnx")).unwrap();
    let shape = Constant::Ints(vec![1, 17, 3, 2, 16]);
    assert!(
        model
            .graph
            .constants
            .values()
            .any(|constant| *constant == shape)
    );
    assert_eq!(model.graph.inputs.len(), 1);
    assert_eq!(model.graph.inputs[0].shape, [1, 3, 16, 16].map(Some));
}
