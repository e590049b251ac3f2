//! `targets/TABLE.md`: which models fit which targets, planned from shapes alone.

use crate::{codebook, shape};
use mimlet_export::{Arch, Shape, Target};
use mimlet_format::{Activation, EncoderConfig, Scheme, TensorRole};
use mimlet_runtime::{BufferSpec, Plan};
use std::fmt::Write;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../targets/TABLE.md");
const RENEW: &str = "MIMLET_UPDATE=1 cargo test -p mimlet-export --test targets";

/// Every scheme that a whole model can be stored by, widest first.
const SCHEMES: [(Scheme, &str); 4] = [
    (Scheme::F32, "f32"),
    (Scheme::F16, "f16"),
    (Scheme::Int8, "int8"),
    (Scheme::Int4, "int4"),
];

/// `models/shapes-tiny/train.toml`.
const SHAPES_TINY: EncoderConfig = EncoderConfig {
    image_size: [64, 64],
    patch_size: 8,
    embed_dim: 128,
    depth: 5,
    num_heads: 4,
    mlp_dim: 512,
    register_tokens: 0,
    layer_norm_eps: 1e-6,
    activation: Activation::Gelu,
};

fn models() -> Vec<(&'static str, Vec<Shape>)> {
    let tiny = |scheme| Shape::new(SHAPES_TINY, Some(codebook(&SHAPES_TINY)), scheme);
    let schemes = || SCHEMES.iter().map(|(scheme, _)| *scheme);
    let mut models = vec![("shapes-tiny", schemes().map(tiny).collect())];
    for arch in Arch::ALL {
        models.push((
            arch.name(),
            schemes().map(|scheme| shape(arch, scheme)).collect(),
        ));
    }
    models
}

fn table() -> String {
    let mut text = format!(
        "# What fits where\n\
         Planned from shapes alone by `export/tests/targets/table.rs`, which fails when this table is \
         stale; renew it with `{RENEW}`.\n\n\
         Every model has a codebook of 100 centroids over its features and 16 golden images. \
         \"Weights\" and \"buffers\" are what a device holds in RAM, one core's scratch being part of \
         the buffers; \"binding\" is the largest tensor or buffer, which a GPU binds at once, or a \
         weight in parts. A cell gives the side of the largest square image, pixels, at which the encoder fits (a file holds at \
         most 255 x 255 patches), or the limit that refuses it at the size above, with what it takes and what is there. **Bold** is the \
         scheme that the target prefers.\n"
    );
    for (name, shapes) in models() {
        model(&mut text, name, &shapes);
    }
    text
}

fn model(text: &mut String, name: &str, shapes: &[Shape]) {
    let [side, _] = shapes[0].encoder.image_size;
    let names: Vec<&str> = SCHEMES.iter().map(|(_, name)| *name).collect();
    let _ = write!(
        text,
        "\n## {name}, {side} x {side}\n| | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    let plans: Vec<Plan> = shapes
        .iter()
        .map(|shape| Plan::new(&shape.manifest()).unwrap())
        .collect();
    row(
        text,
        "weights",
        plans.iter().map(|plan| mebibytes(plan.weight_bytes())),
    );
    let bare = Target {
        flash_bytes: Some(u64::MAX),
        cpu: None,
        ..Target::named("cortex-m7").unwrap()
    };
    row(
        text,
        "buffers",
        plans.iter().map(|plan| mebibytes(bare.needed_bytes(plan))),
    );
    row(
        text,
        "binding",
        shapes
            .iter()
            .zip(&plans)
            .map(|(shape, plan)| binding(shape, plan)),
    );
    for target in Target::bundled() {
        row(
            text,
            &target.name,
            shapes.iter().map(|shape| cell(&target, shape)),
        );
    }
}

fn row(text: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}

fn cell(target: &Target, shape: &Shape) -> String {
    let shape = shape.clone().for_target(target);
    let refusals = target.refuses(&shape).unwrap();
    let text = match refusals.first() {
        None => format!("{}", target.largest_image(&shape).unwrap()),
        Some(refusal) => {
            let limits: Vec<&str> = refusals.iter().map(|refusal| refusal.limit).collect();
            let short = |bytes: &str| {
                let number = bytes
                    .strip_suffix(" bytes")
                    .map(|digits| digits.replace(',', ""));
                number.map_or(bytes.to_owned(), |digits| {
                    mebibytes(digits.parse().unwrap())
                })
            };
            let (found, allowed) = (short(&refusal.found), short(&refusal.allowed));
            format!("`{}`: {found} of {allowed}", limits.join("`, `"))
        }
    };
    if target.preferred_scheme() == shape.scheme {
        format!("**{text}**")
    } else {
        text
    }
}

/// The largest tensor or buffer.
fn binding(shape: &Shape, plan: &Plan) -> String {
    let tensors = shape.manifest().tensors;
    let tensor = tensors
        .iter()
        .filter(|entry| !matches!(entry.role, TensorRole::Golden(_)))
        .max_by_key(|entry| entry.length)
        .unwrap();
    let buffer = plan
        .buffers()
        .iter()
        .max_by_key(|buffer| buffer.words)
        .unwrap();
    if BufferSpec::bytes(buffer) >= tensor.length {
        format!("{}, {}", mebibytes(buffer.bytes()), buffer.name)
    } else {
        format!("{}, {}", mebibytes(tensor.length), tensor.role)
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

#[test]
fn the_committed_table_is_what_the_targets_say() {
    let table = table();
    if std::env::var_os("MIMLET_UPDATE").is_some() {
        std::fs::write(PATH, &table).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        committed == table,
        "targets/TABLE.md is stale; renew it with `{RENEW}` and read the difference"
    );
}
