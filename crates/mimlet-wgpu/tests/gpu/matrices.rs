//! Kernels that multiply matrices on a GPU's units for that. Drivers that have them are few: of lavapipe, Mesa
//! 26's. Elsewhere the kernels run with matrices played by workgroup memory, as those of subgroups do, so
//! that all of their text is tried but for the products themselves.

use crate::machine::{adapters, gpus, gpus_with};
use crate::model::random_model;
use crate::parity::mismatch;
use crate::planted::{Fault, examples, must_be_found, running, with_sources};
use mimlet_format::{CodebookSpace, DType, Model};
use mimlet_kernels::case::Case;
use mimlet_kernels::{Variant, WgslKernel};
use mimlet_runtime::Plan;
use mimlet_wgpu::{Choice, Gpu, Requirements};

/// What plays matrices: a factor is where it lies in workgroup memory, and an invocation has its share of a
/// team's sums.
const PLAYED: &str = "
alias Left = vec2<u32>;
alias Right = vec2<u32>;
alias Sums = array<f32, AREA / LANES>;
var<private> lane: u32;

fn load_sums(first: u32, stride: u32) -> Sums {
    var loaded: Sums;
    for (var i = 0u; i < AREA / LANES; i += 1u) {
        let value = i * LANES + lane;
        loaded[i] = sums[first + value / EDGE * stride + value % EDGE];
    }
    return loaded;
}

fn store_sums(stored: Sums, first: u32, stride: u32) {
    var copy = stored;
    for (var i = 0u; i < AREA / LANES; i += 1u) {
        let value = i * LANES + lane;
        sums[first + value / EDGE * stride + value % EDGE] = copy[i];
    }
}

fn multiply_add(left: Left, right: Right, added: Sums) -> Sums {
    var total = added;
    for (var i = 0u; i < AREA / LANES; i += 1u) {
        let value = i * LANES + lane;
        for (var k = 0u; k < EDGE; k += 1u) {
            let x = f32(rows[left.x + value / EDGE * left.y + k]);
            total[i] += x * f32(columns[right.x + k * right.y + value % EDGE]);
        }
    }
    return total;
}
";

/// A kernel's text with matrices played; of one without, its own.
fn played(kernel: &WgslKernel) -> String {
    if kernel.matrices().is_none() {
        return kernel.source.into();
    }
    let lines = kernel.source.lines();
    let of_matrices =
        |line: &&str| line.contains(" = coop_mat") || line.starts_with("enable wgpu_");
    let (gone, kept): (Vec<&str>, Vec<&str>) = lines.partition(of_matrices);
    assert_eq!(gone.len(), 4, "{}: {gone:?}", kernel.name);
    let mut source = kept.join("\n") + PLAYED;
    for (from, to) in [
        ("coopLoadT<Left>(&rows[", "vec2<u32>("),
        ("coopLoadT<Right>(&columns[", "vec2<u32>("),
        ("coopLoadT<Sums>(&sums[", "load_sums("),
        ("], ROW_STRIDE)", ", ROW_STRIDE)"),
        ("], COLUMN_STRIDE)", ", COLUMN_STRIDE)"),
        (", &sums[own], EDGE)", ", own, EDGE)"),
        ("own], EDGE)", "own, EDGE)"),
        ("coopStoreT(", "store_sums("),
        ("coopMultiplyAdd(", "multiply_add("),
        (
            "let team = index / LANES;",
            "let team = index / LANES; lane = index % LANES;",
        ),
    ] {
        assert!(source.contains(from), "{} {from}", kernel.name);
        source = source.replace(from, to);
    }
    source
}

/// Each variant that multiplies matrices, with its example.
fn multiplying(examples: &[Case]) -> impl Iterator<Item = (&Case, &Variant)> {
    examples.iter().flat_map(|case| {
        let variants = case.variants.iter().filter(|v| v.matrices().is_some());
        variants.map(move |variant| (case, variant))
    })
}

#[test]
fn with_matrices_played_the_kernels_agree_with_the_oracle() {
    let examples = examples();
    for gpu in gpus_with("shader-f16") {
        let mut kernels = Vec::new();
        for (case, variant) in multiplying(&examples) {
            let played = with_sources(variant.clone(), played);
            assert!(played.matrices().is_none());
            if let Err(message) = mismatch(&gpu, &played, case) {
                panic!("{} {}: {message}", variant.name(), case.name);
            }
            kernels.push(variant.name());
        }
        kernels.sort();
        kernels.dedup();
        assert_eq!(kernels.len(), 4, "{kernels:?}");
    }
}

const FAULTS: [Fault; 12] = [
    // A barrier less.
    (
        "linear_half_matrices_16",
        "workgroupBarrier();
        for (var k",
        "for (var k",
    ),
    (
        "linear_half_matrices_8",
        "first_output, 0u, 0u);
    workgroupBarrier();",
        "first_output, 0u, 0u);",
    ),
    // Another's matrix.
    (
        "linear_half_matrices_8",
        "row + 3u * EDGE * ROW_STRIDE",
        "row + 2u * EDGE * ROW_STRIDE",
    ),
    ("linear_half_matrices_16", "column + EDGE]", "column]"),
    (
        "linear_half_matrices_16_by_64",
        "left1, right0, sum10",
        "left1, right1, sum10",
    ),
    (
        "linear_half_matrices_16",
        "team / 2u * 32u * ROW_STRIDE",
        "team % 2u * 32u * ROW_STRIDE",
    ),
    ("linear_matrices_8", "store(first_row + row", "store(row"),
    (
        "linear_matrices_8",
        "quad % (EDGE / 4u) * 4u",
        "quad % (EDGE / 4u)",
    ),
    // One too few.
    (
        "linear_half_matrices_16",
        "if start + k < INPUTS",
        "if start + k + 1u < INPUTS",
    ),
    (
        "linear_half_matrices_16_by_64",
        "k >= INPUTS || output",
        "k + 1u >= INPUTS || output",
    ),
    // Sums that start as anything, and products left out.
    ("linear_matrices_8", "sums[i] = 0.0;", ""),
    ("linear_half_matrices_8", "k += EDGE)", "k += 2u * EDGE)"),
];

#[test]
fn a_fault_planted_beside_played_matrices_is_found() {
    let examples = examples();
    for gpu in gpus_with("shader-f16") {
        for fault in FAULTS {
            must_be_found(&gpu, &examples, fault, running, played);
        }
    }
}

/// GPUs that list matrices, opened for a plan that has kernels for all of them; none where a driver lists none,
/// which is no fault of the machine's: CI's has no such driver, and the tests above stand in.
fn with_matrices() -> Vec<Gpu> {
    let Some(adapters) = adapters() else {
        return Vec::new();
    };
    let file = random_model(DType::F16, CodebookSpace::Features);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let open = |index| adapters.open(&Choice::Index(index), &Requirements::Plan(&plan));
    let gpus = (0..adapters.describe().len()).map(|index| open(index).unwrap());
    let lists = |gpu: &Gpu| gpu.description().features.contains(&"cooperative-matrix");
    gpus.filter(lists).collect()
}

#[test]
fn where_a_gpu_multiplies_matrices_its_kernels_agree_with_the_oracle() {
    let examples = examples();
    for gpu in with_matrices() {
        let mut kernels = Vec::new();
        for (case, variant) in multiplying(&examples).filter(|(_, v)| gpu.runs(v)) {
            if let Err(message) = mismatch(&gpu, variant, case) {
                let (name, adapter) = (variant.name(), gpu.description());
                panic!("{name} {} on {adapter}: {message}", case.name);
            }
            kernels.push(variant.name());
        }
        kernels.sort();
        kernels.dedup();
        let adapter = gpu.description();
        println!("{adapter}: {kernels:?}");
        // lavapipe's are 8 x 8, which there are kernels for: its probe must hold.
        assert!(!kernels.is_empty() || !adapter.is_software(), "{adapter}");
    }
}

#[test]
fn a_gpu_opened_without_features_multiplies_no_matrices() {
    let examples = examples();
    for gpu in gpus() {
        assert!(multiplying(&examples).all(|(_, variant)| !gpu.runs(variant)));
    }
}
