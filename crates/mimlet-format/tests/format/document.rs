//! FORMAT.md and the sources that define the format change together.

use mimlet_format::limits::{MAX_DEPTH, MAX_DIM, MAX_IMAGE_SIDE, MAX_MANIFEST_LEN, MAX_TOKENS};
use mimlet_format::{BlockTensor, Layout, LinearPart, TensorRole};

const DOCUMENT: &str = include_str!("../../FORMAT.md");
const ERRORS: &str = include_str!("../../src/error.rs");

/// The files whose every change is a change of the format until someone has looked.
const SOURCES: [(&str, &[u8]); 5] = [
    ("src/header.rs", include_bytes!("../../src/header.rs")),
    ("src/layout.rs", include_bytes!("../../src/layout.rs")),
    ("src/roles.rs", include_bytes!("../../src/roles.rs")),
    ("src/schema.rs", include_bytes!("../../src/schema.rs")),
    ("src/signature.rs", include_bytes!("../../src/signature.rs")),
];

#[test]
fn the_document_was_opened_when_the_format_changed() {
    for (name, source) in SOURCES {
        // Not with \r, which a checkout on Windows may add.
        let source: Vec<u8> = source
            .iter()
            .copied()
            .filter(|byte| *byte != b'\r')
            .collect();
        let hash = &blake3::hash(&source).to_hex()[..16];
        let line = format!("| `{name}` | `{hash}` |");
        assert!(
            DOCUMENT.contains(&line),
            "{name} has changed: open FORMAT.md, bring it up to date, then let its table of \
             sources say\n{line}"
        );
    }
}

#[test]
fn every_error_has_its_row() {
    let body = ERRORS.split("pub enum FormatError {").nth(1).unwrap();
    let variants = body.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?;
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric())?;
        let starts_upper = name.starts_with(|letter: char| letter.is_ascii_uppercase());
        (starts_upper && end > 0).then(|| &name[..end])
    });
    let mut found = 0;
    for variant in variants {
        let cell = format!("| `{variant}` |");
        assert!(
            DOCUMENT.contains(&cell),
            "FORMAT.md has no row for {variant}"
        );
        found += 1;
    }
    assert!(found > 40, "the variants are found in the source");
}

#[test]
fn every_named_test_exists() {
    let sources = [
        ("encoding", include_str!("encoding.rs")),
        ("header", include_str!("header.rs")),
        ("manifest", include_str!("manifest.rs")),
        ("places", include_str!("places.rs")),
        ("signature", include_str!("signature.rs")),
        ("table", include_str!("table.rs")),
        ("values", include_str!("values.rs")),
    ];
    let rows = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("::"));
    let mut found = 0;
    for test in rows.filter_map(|row| row.split('`').find(|cell| cell.contains("::"))) {
        let (module, name) = test.split_once("::").unwrap();
        let function = format!("fn {name}(");
        let exists = |(file, source): &(&str, &str)| *file == module && source.contains(&function);
        assert!(
            sources.iter().any(exists),
            "FORMAT.md names {test}, which is gone"
        );
        found += 1;
    }
    assert!(found > 40, "the rows are found in the document");
}

#[test]
fn the_limits_are_the_documents() {
    for (name, value) in [
        ("image side", MAX_IMAGE_SIDE),
        ("tokens", MAX_TOKENS),
        ("depth", MAX_DEPTH),
        ("dim", MAX_DIM),
        ("manifest", MAX_MANIFEST_LEN),
    ] {
        let row = format!("| {name} | {value} |");
        assert!(DOCUMENT.contains(&row), "FORMAT.md has no limit row {row}");
    }
}

#[test]
fn the_worked_positions_hold() {
    let (n, k) = (17, 6);
    for (name, layout) in [
        ("RowMajor", Layout::RowMajor),
        ("Panel16", Layout::Panel16),
        ("Panel16x4", Layout::Panel16x4),
        ("Panel16x8", Layout::Panel16x8),
    ] {
        let stored = layout.stored_elements(&[n, k]).unwrap();
        let at = [(0, 5), (3, 2), (16, 0), (16, 5)]
            .map(|(row, column)| layout.position(k, row, column).to_string())
            .join(" | ");
        let row = format!("| `{name}` | {stored} | {at} |");
        assert!(DOCUMENT.contains(&row), "FORMAT.md has no row {row}");
    }
}

#[test]
fn the_encoded_examples_hold() {
    let qkv = TensorRole::Block {
        layer: 3,
        tensor: BlockTensor::Qkv(LinearPart::Weight),
    };
    assert_eq!(qkv.to_string(), "blocks.3.attn.qkv.weight");
    for (value, bytes) in [
        (
            "`image_size` [224, 224]",
            postcard::to_allocvec(&[224_u32; 2]),
        ),
        ("`layer_norm_eps` 1e-6", postcard::to_allocvec(&1e-6_f32)),
        ("no codebook", postcard::to_allocvec(&None::<u32>)),
        (
            "role `blocks.3.attn.qkv.weight`",
            postcard::to_allocvec(&qkv),
        ),
        (
            "`class_names` disc, ring",
            postcard::to_allocvec(&["disc", "ring"][..]),
        ),
    ] {
        let bytes: Vec<_> = bytes
            .unwrap()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let row = format!("| {value} | `{}` |", bytes.join(" "));
        assert!(DOCUMENT.contains(&row), "FORMAT.md has no row {row}");
    }
}
