//! Kernels with a fault planted in their text: each must be found by the op's own examples. And kernels
//! whose workgroup memory starts as NaN, which nobody may read before it is written.

use crate::machine::{NEEDS, gpus, gpus_with, needs_nothing};
use crate::parity::mismatch;
use mimlet_kernels::case::Case;
use mimlet_kernels::{OPS, Variant, WgslKernel};
use mimlet_wgpu::Gpu;

/// The kernel, what its text says, what it would say with the fault.
pub(crate) type Fault = (&'static str, &'static str, &'static str);

const FAULTS: &[Fault] = &[
    // A barrier less.
    (
        "linear_tiles_32",
        BEFORE_PRODUCTS,
        "for (var k = 0u; k < DEPTH; k += 4u)",
    ),
    (
        "linear_tiles_64",
        BEFORE_PRODUCTS,
        "for (var k = 0u; k < DEPTH; k += 4u)",
    ),
    ("linear_q8_tiles_32", BEFORE_TILE, "sums = add_tile"),
    ("linear_q8_tiles_64", BEFORE_TILE, "sums = add_tile"),
    ("linear_q8_made_32", AFTER_RANGES, "var sums = Sums()"),
    ("linear_q8_made_64", AFTER_SEEN, "if index < TILE"),
    ("linear_q4_tiles_32", BEFORE_TILE, "sums = add_tile"),
    ("linear_q4_made_64", BEFORE_TILE, "sums = add_tile"),
    // Another's operand.
    ("linear_tiles_32", "slot + LOADED]", "slot]"),
    ("linear_tiles_64", "lane.y + 8u]),", "lane.y]),"),
    (
        "patch_embed_tiles_32",
        "loaded_row + LOADED * 4u",
        "loaded_row",
    ),
    ("patch_embed_tiles_64", "store(row + 35u", "store(row + 34u"),
    (
        "patch_embed",
        "line / PATCH * HEIGHT",
        "line / PATCH * WIDTH",
    ),
    (
        "patch_embed_tiles_32",
        "patch_index % columns) * PATCH",
        "patch_index % columns) * PATCH + 1u",
    ),
    (
        "patch_embed_texels",
        "WIDTH + k % PATCH",
        "WIDTH + k % PATCH / 4u",
    ),
    ("linear_q8_tiles_64", "lane.y + 8u];", "lane.y];"),
    (
        "linear_q8_made_32",
        "later_lows, -later",
        "later_lows, later",
    ),
    (
        "linear_q4_tiles_64",
        "(start + k) * 4u / GROUP",
        "start * 4u / GROUP",
    ),
    // One too few.
    (
        "linear_tiles_32",
        "if k >= INPUTS || output",
        "if k + 1u >= INPUTS || output",
    ),
    (
        "linear_tiles_64",
        "k < DEPTH; k += 4u",
        "k + 4u < DEPTH; k += 4u",
    ),
    (
        "linear_q8_tiles_32",
        "if quad >= quads()",
        "if quad + 1u >= quads()",
    ),
    ("linear_q8_made_64", "i < DEPTH", "i + 1u < DEPTH"),
    ("linear_q8_tiles_64", "i < 8u", "i < 7u"),
    (
        "linear_q4_made_32",
        "min(k + 3u, last)",
        "min(k + 2u, last)",
    ),
    // Another's byte.
    ("linear_q8", "byte_of(w, 16u)", "byte_of(w, 8u)"),
    (
        "linear_q8_packed",
        "dot4I8Packed(word, w.z)",
        "dot4I8Packed(word, w.y)",
    ),
    (
        "quantize_rows",
        "vec4<u32>(0u, 8u, 16u, 24u)",
        "vec4<u32>(0u, 8u, 24u, 16u)",
    ),
    (
        "linear_half_rows_32",
        "vec4<f32>(rows[(k + 2u) * STRIDE + lane.y])",
        "vec4<f32>(rows[(k + 3u) * STRIDE + lane.y])",
    ),
    (
        "linear_half_rows_64",
        "rows[slot] = four_rows(loaded_row,",
        "rows[slot] = four_rows(loaded_row + 1u,",
    ),
    // Inputs held to eight bits less.
    (
        "linear_half_rows_32",
        "return vec4<Row>(vec4<f32>(",
        "return vec4<Row>(8.0) + vec4<Row>(-8.0 + vec4<f32>(",
    ),
    // Shares that overlap, miss an input or sums, or end up with another.
    (
        "linear_share",
        "share * TURNS * DEPTH",
        "share * TURNS * DEPTH + share",
    ),
    ("linear_share", "share = group.z", "share = 0u"),
    (
        "linear_q8_share",
        "first_of(share + 1u)",
        "first_of(share + 1u) - DEPTH",
    ),
    ("linear_q8_share", "sum + weights * zero_point(row)", "sum"),
    (
        "linear_q4_share",
        "(share * ROWS + row) *",
        "(share * ROWS + row + 1u) *",
    ),
    ("linear_q4_share", BEFORE_TILE, "sums = add_tile"),
    ("linear_join", "share < SHARES", "share + 1u < SHARES"),
    ("linear_q8_join", "id.x * 4u, sum", "id.x, sum"),
    ("linear_q4_join", "sum += parts", "sum = parts"),
    // A division as inexact as WGSL allows.
    (
        "quantize_rows",
        "quotient(127.0, half)",
        "127.0 / half * 1.0000002",
    ),
    (
        "quantize_rows_texels",
        "quotient(half, 127.0)",
        "half / 127.0 * 1.0000002",
    ),
];

const BEFORE_PRODUCTS: &str = "workgroupBarrier();
        for (var k = 0u; k < DEPTH; k += 4u)";
const BEFORE_TILE: &str = "workgroupBarrier();
        sums = add_tile";
const AFTER_RANGES: &str = "workgroupBarrier();

    var sums = Sums()";
const AFTER_SEEN: &str = "workgroupBarrier();
    if index < TILE";

/// Every op's examples.
pub(crate) fn examples() -> Vec<Case> {
    OPS.iter().flat_map(|op| (op.cases)()).collect()
}

/// The first variant of an example that runs this kernel.
pub(crate) fn running(case: &Case, kernel: &str) -> Option<Variant> {
    let runs = |variant: &&Variant| variant.dispatches.iter().any(|d| d.kernel.name == kernel);
    case.variants.iter().find(runs).cloned()
}

/// The variant with another text of those kernels whose text changes.
pub(crate) fn with_sources(
    mut variant: Variant,
    change: impl Fn(&WgslKernel) -> String,
) -> Variant {
    for dispatch in &mut variant.dispatches {
        let source = change(dispatch.kernel);
        if source != dispatch.kernel.source {
            let kernel = WgslKernel {
                source: Box::leak(source.into_boxed_str()),
                ..*dispatch.kernel
            };
            dispatch.kernel = Box::leak(Box::new(kernel));
        }
    }
    variant
}

/// Plants a fault in what `of` gives of each example that runs the kernel, and has the examples find it;
/// texts run as `played`.
pub(crate) fn must_be_found(
    gpu: &Gpu,
    examples: &[Case],
    (kernel, text, faulty): Fault,
    of: impl Fn(&Case, &str) -> Option<Variant>,
    played: impl Fn(&WgslKernel) -> String,
) {
    let finds = |case: &Case| {
        let Some(variant) = of(case, kernel) else {
            return false;
        };
        let planted = with_sources(variant.clone(), |of| match of.name == kernel {
            true => of.source.replace(text, faulty),
            false => of.source.into(),
        });
        assert!(planted != variant, "{kernel} does not say {text:?}");
        mismatch(gpu, &with_sources(planted, &played), case).is_err()
    };
    let (found, adapter) = (examples.iter().any(finds), gpu.description());
    assert!(found, "{kernel} with {faulty:?} passes on {adapter}");
}

/// A kernel's own text.
pub(crate) fn as_it_is(kernel: &WgslKernel) -> String {
    kernel.source.into()
}

#[test]
fn a_fault_planted_in_a_kernel_is_found_by_its_examples() {
    let examples = examples();
    let found_on = |gpu: &Gpu, with_f16: bool| {
        for fault in FAULTS {
            let variant = examples.iter().find_map(|case| running(case, fault.0));
            if variant.unwrap().needs_f16() == with_f16 {
                must_be_found(gpu, &examples, *fault, running, as_it_is);
            }
        }
    };
    gpus().iter().for_each(|gpu| found_on(gpu, false));
    gpus_with("shader-f16")
        .iter()
        .for_each(|gpu| found_on(gpu, true));
}

/// A value of a type with NaN, or its bits, in every word.
fn poison(element: &str) -> String {
    let f32s = |words: usize| vec!["bitcast<f32>(poison)"; words].join(", ");
    match element {
        "f32" => f32s(1),
        "Held" | "Row" => format!("{element}({})", f32s(1)),
        "u32" => "poison".into(),
        "vec2<f32>" | "vec4<f32>" => format!("{element}({})", f32s(1)),
        "vec4<Held>" | "vec4<Row>" => format!("{element}(vec4<f32>({}))", f32s(1)),
        "vec4<u32>" => "vec4<u32>(poison)".into(),
        "Range" => format!("Range({})", f32s(3)),
        other => panic!("what is NaN in a {other}?"),
    }
}

/// A kernel's text that first fills its workgroup memory, if any, with NaN.
fn poisoned(kernel: &WgslKernel) -> String {
    let source = kernel.source;
    if kernel.workgroup_bytes == 0 {
        return source.into();
    }
    let mut fill = String::from("var poison = 0x7fc00000u;");
    for line in source.lines() {
        let Some(variable) = line.strip_prefix("var<workgroup> ") else {
            continue;
        };
        let (name, array) = variable.split_once(": array<").unwrap();
        let (element, length) = array.trim_end_matches(">;").rsplit_once(", ").unwrap();
        let value = poison(element);
        fill += &format!("for (var i = 0u; i < {length}; i += 1u) {{ {name}[i] = {value}; }}");
    }
    let main = source.find("fn main(").unwrap();
    let body = main + source[main..].find(") {\n").unwrap() + ") {\n".len();
    format!(
        "{}{fill} workgroupBarrier();{}",
        &source[..body],
        &source[body..]
    )
}

#[test]
fn workgroup_memory_is_written_before_it_is_read() {
    let examples = examples();
    let written = |gpu: &Gpu, of: fn(&Variant) -> bool| {
        for case in examples.iter().step_by(3) {
            for variant in case.variants.iter().filter(|v| of(v) && gpu.runs(v)) {
                let poisoned = with_sources(variant.clone(), poisoned);
                if poisoned == *variant {
                    continue;
                }
                if let Err(message) = mismatch(gpu, &poisoned, case) {
                    panic!("{} {}: {message}", variant.name(), case.name);
                }
            }
        }
    };
    gpus().iter().for_each(|gpu| written(gpu, needs_nothing));
    for (feature, needs) in NEEDS {
        gpus_with(feature)
            .iter()
            .for_each(|gpu| written(gpu, needs));
    }
}

#[test]
fn memory_that_is_read_before_it_is_written_is_found() {
    let examples = examples();
    let of = |case| running(case, "layer_norm").map(|variant| (case, variant));
    let (case, variant) = examples.iter().find_map(of).unwrap();
    let written = with_sources(variant, poisoned);
    let planted = with_sources(written, |kernel| {
        kernel.source.replacen("partial[lane] = total;", "", 1)
    });
    for gpu in gpus() {
        assert!(mismatch(&gpu, &planted, case).is_err());
    }
}
