//! Safetensors in shards, NumPy's arrays, and files cut short.

use crate::files::{fixture, open, read_all, refusal, values};
use mimlet_checkpoint::{Checkpoint, Kind};
use std::path::Path;

fn safetensors(name: &str, values: &[f32]) -> Vec<u8> {
    let bytes = 4 * values.len();
    let header = format!(
        r#"{{"{name}":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{bytes}]}}}}"#,
        values.len()
    );
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

/// A folder of two shards with this index.
fn sharded(index: &str) -> Result<Checkpoint, String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("model-1.safetensors", &safetensors("a", &[1.0, 2.0]));
    write("model-2.safetensors", &safetensors("b", &[3.0]));
    write("model.safetensors.index.json", index.as_bytes());
    Checkpoint::open(folder.path()).map_err(|error| error.to_string())
}

#[test]
fn shards_are_one_checkpoint() {
    let index =
        r#"{"metadata":{},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#;
    let mut file = sharded(index).unwrap();
    assert_eq!(file.kind(), Kind::Safetensors);
    assert_eq!(
        (values(&mut file, "a"), values(&mut file, "b")),
        (vec![1.0, 2.0], vec![3.0])
    );
    let both = [safetensors("a", &[1.0, 2.0]), safetensors("b", &[3.0])].concat();
    assert_eq!(file.hash().unwrap(), *blake3::hash(&both).as_bytes());
}

#[test]
fn indices_that_lead_elsewhere_are_refused() {
    for (file, mention) in [
        ("../model-1.safetensors", "no .safetensors file beside it"),
        ("/etc/passwd", "no .safetensors file beside it"),
        (
            "shards/model-1.safetensors",
            "no .safetensors file beside it",
        ),
        ("model-1.bin", "no .safetensors file beside it"),
        ("model-9.safetensors", "cannot be read"),
        ("model-2.safetensors", "has tensor a; it has not"),
    ] {
        let index = format!(r#"{{"weight_map":{{"a":"{file}"}}}}"#);
        let text = sharded(&index).unwrap_err();
        assert!(text.contains(mention), "{file}: {text}");
    }
    for index in ["", "[]", "{}", r#"{"weight_map":[1]}"#] {
        assert!(sharded(index).unwrap_err().contains("index"), "{index}");
    }
}

fn npy(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn arrays_that_are_not_what_their_header_says_are_refused() {
    let header = |descr: &str, shape: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
    };
    assert!(open("a.npy", &npy(&header("<f4", "(2, 3)"), 24)).is_ok());
    assert!(open("a.npy", &npy(&header("<f8", "()"), 8)).is_ok());
    for (descr, shape, data, mention) in [
        ("<f4", "(2, 3)", 23, "truncated"),
        ("<f4", "(2, 3)", 25, "truncated"),
        ("<f4", "(99999999999, 99999999999)", 4, "truncated"),
        ("<f4", "(-1,)", 4, "dictionary"),
        ("|O", "(1,)", 8, "|O"),
        (">f4", "(1,)", 4, "little-endian"),
    ] {
        let text = refusal("a.npy", &npy(&header(descr, shape), data));
        assert!(text.contains(mention), "{descr} {shape}: {text}");
    }
    assert!(refusal("a.npy", b"\x93NUMPY\x09\x00\x00\x00").contains("version"));
    assert!(refusal("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff").contains("header"));
}

/// Every kind of file cut at every 41st byte and near its ends: refused or read, never a panic, and
/// never taken for whole.
#[test]
fn files_cut_short_are_refused() {
    let names = [
        "dino_16_p8_d16_l1_h2.pth",
        "timm_dinov2_24_p6_d32_l2_h2.expected.safetensors",
        "pixel_codebook_k50_p16.pth",
    ];
    for name in names {
        let whole = std::fs::read(fixture(name)).unwrap();
        let step = whole.len() / 150 + 1;
        let cuts = (0..whole.len())
            .step_by(step)
            .chain([1, 2, 3, 9, whole.len() - 1]);
        for cut in cuts {
            let cut_short = &whole[..cut];
            assert!(open(name, cut_short).is_err(), "{name} at {cut}");
            read_all(name, cut_short);
        }
    }
    let text = Checkpoint::open(Path::new("nowhere.pth"))
        .unwrap_err()
        .to_string();
    assert!(text.contains("nowhere.pth: cannot be read"), "{text}");
}
