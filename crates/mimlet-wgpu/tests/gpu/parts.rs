//! Weights larger than a GPU binds at once, on GPUs opened to bind no more than that.

use crate::encoder::{encode, images, largest_difference, same_decided_tokens};
use crate::machine::{adapters, gpus};
use crate::model::{ODD, random};
use crate::planted::{Fault, as_it_is, examples, must_be_found};
use mimlet_format::{CodebookSpace, DType, EncoderConfig, Model};
use mimlet_kernels::case::Case;
use mimlet_kernels::{Level, Variant};
use mimlet_runtime::{Backend, CpuBackend, DeviceLimits, Plan, PlanError};
use mimlet_wgpu::{Choice, Gpu, Requirements, Tuning, WgpuBackend};

/// Two patches of 5, of a width at which weights of all types are larger than a panel of any, and than a
/// buffer of four tokens.
const FEW_TOKENS: EncoderConfig = EncoderConfig {
    image_size: [5, 10],
    patch_size: 5,
    embed_dim: 81,
    mlp_dim: 79,
    ..ODD
};

fn binding(max_binding_bytes: u64) -> DeviceLimits {
    DeviceLimits {
        max_binding_bytes,
        ..DeviceLimits::DOWNLEVEL
    }
}

/// The least that a GPU must bind at once.
fn least(plan: &Plan) -> u64 {
    let mut sizes = (16..1 << 20).step_by(16);
    let fits = |bytes: &u64| plan.fits(&binding(*bytes)).is_ok();
    sizes.find(fits).unwrap()
}

/// Every GPU of this machine, opened to bind no more: wgpu refuses what is larger.
fn gpus_that_bind(bytes: u64) -> Vec<Gpu> {
    let Some(adapters) = adapters() else {
        return Vec::new();
    };
    let within = Requirements::Within(binding(bytes));
    let open = |index| adapters.open(&Choice::Index(index), &within).unwrap();
    (0..adapters.describe().len()).map(open).collect()
}

/// How often each of these kernels runs for an image.
fn dispatches(backend: &mut WgpuBackend, plan: &Plan, kernel: &str) -> usize {
    let costs = backend.profile(&images(plan)[0]).unwrap();
    costs.iter().filter(|cost| cost.name == kernel).count()
}

/// The types of weights: a layer's kernel, and how far features may be from the CPU's.
const TYPES: [(DType, &str, f32); 4] = [
    (DType::F32, "linear", 2e-5),
    (DType::F16, "linear", 2e-5),
    (DType::I8, "linear_q8", 0.1),
    (DType::I4, "linear_q4", 0.1),
];

/// A model of each type and kind of codebook.
fn on_each_model(test: impl Fn((DType, &str, f32), &Model<'_>, &Plan)) {
    for of in TYPES {
        for space in [CodebookSpace::Features, CodebookSpace::Pixels] {
            let file = random(of.0, space, FEW_TOKENS);
            let model = Model::parse(&file).unwrap();
            let plan = Plan::new(model.manifest()).unwrap();
            test(of, &model, &plan);
        }
    }
}

#[test]
fn weights_beyond_a_binding_are_taken_in_parts_and_change_no_bit() {
    on_each_model(|(dtype, layer, _), model, plan| {
        for (gpu, roomy) in gpus_that_bind(least(plan)).iter().zip(&gpus()) {
            let of = |gpu| WgpuBackend::new(gpu, model, plan, Tuning::Plainest).unwrap();
            let [mut parts, mut whole] = [of(gpu), of(roomy)];
            for kernel in [layer, "patch_embed", "nearest_centroid"] {
                let [more, once] =
                    [&mut parts, &mut whole].map(|backend| dispatches(backend, plan, kernel));
                assert!(more > once, "{dtype:?}: {more} of {kernel}");
            }
            for image in &images(plan) {
                let expected = encode(&mut whole, plan, image);
                let context = format!("{dtype:?} on {}", gpu.description());
                assert_eq!(encode(&mut parts, plan, image), expected, "{context}");
            }
        }
    });
}

/// Variants that do not fit are left out, and those that do are right beside parts.
#[test]
fn parts_are_offered_beside_other_variants() {
    on_each_model(|(dtype, _, tolerance), model, plan| {
        let mut cpu = CpuBackend::new(model, plan, Level::detect(), 1).unwrap();
        for gpu in gpus_that_bind(least(plan)) {
            for tuning in [Tuning::VendorOrder, Tuning::Measured(None)] {
                let mut backend = WgpuBackend::new(&gpu, model, plan, tuning).unwrap();
                let context = format!("{dtype:?} on {}, {tuning:?}", gpu.description());
                let mut decided = 0;
                for image in &images(plan) {
                    let expected = encode(&mut cpu, plan, image);
                    let actual = encode(&mut backend, plan, image);
                    let difference = largest_difference(&actual.patches, &expected.patches);
                    assert!(difference <= tolerance, "{context}: {difference}");
                    decided += same_decided_tokens(&actual, &expected, 4.0 * tolerance, &context);
                }
                assert!(decided > 0, "{context}: every patch is a tie");
            }
        }
    });
}

/// A weight is on the GPU once, in parts or not.
#[test]
fn parts_take_no_more_memory_than_what_they_are_of() {
    let file = random(DType::F32, CodebookSpace::Features, FEW_TOKENS);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    for (gpu, whole) in gpus_that_bind(least(&plan)).iter().zip(gpus()) {
        let bytes = |gpu| {
            let backend = WgpuBackend::new(gpu, &model, &plan, Tuning::Plainest);
            backend.unwrap().memory_bytes()
        };
        assert_eq!(bytes(gpu), bytes(&whole), "{}", gpu.description());
    }
}

#[test]
fn a_gpu_that_cannot_bind_a_panel_is_refused_by_name() {
    let file = random(DType::F32, CodebookSpace::Features, FEW_TOKENS);
    let plan = Plan::new(Model::parse(&file).unwrap().manifest()).unwrap();
    let panel = 16 * u64::from(FEW_TOKENS.embed_dim) * 4;
    assert_eq!(least(&plan), panel);
    let too_few = panel - 1;
    let refusal = plan.fits(&binding(too_few)).unwrap_err();
    assert_eq!(
        refusal,
        PlanError::BindingTooLarge {
            what: "tensor blocks.0.attn.qkv.weight (16 channels of it)".into(),
            needed: panel,
            limit: too_few
        }
    );
}

const FAULTS: &[Fault] = &[
    // A part's weights taken to begin with the first channel, or all its channels to be that.
    ("linear", "(output - FROM) / 16u", "output / 16u"),
    ("linear_q8", "FROM + group.x * 32u", "group.x * 32u"),
    ("linear_q4", "(output - FROM) / 16u", "output / 16u"),
    ("patch_embed", "(output - FROM) / 16u", "output / 16u"),
    // Channels beyond the part, whose weights are not bound.
    ("linear", "output >= TO", "output >= OUTPUTS"),
    ("linear_q8", "output >= TO", "output >= OUTPUTS"),
    ("linear_q4", "output >= TO", "output >= OUTPUTS"),
    // Tokens counted from the part's first, of the last part, or of the last of equally near ones.
    ("nearest_centroid", "FROM + found", "found"),
    ("nearest_centroid", "if FROM > 0u", "if FROM > TO"),
    (
        "nearest_centroid",
        "after.best < before.best",
        "after.best <= before.best",
    ),
    // A second-best that was the best before, and roots taken too early.
    (
        "nearest_centroid",
        "min(max(before.best, after.best), min(before.second, after.second))",
        "min(before.second, after.second)",
    ),
    ("nearest_centroid", "if TO < CENTROIDS", "if TO < FROM"),
    // Scales taken to lie behind all centroids.
    (
        "nearest_centroid",
        "(TO - FROM + 15u) / 16u",
        "(CENTROIDS + 15u) / 16u",
    ),
];

fn in_parts(case: &Case, kernel: &str) -> Option<Variant> {
    let runs = |variant: &Variant| variant.dispatches.iter().any(|d| d.kernel.name == kernel);
    let mut variants = case.variants.iter();
    let found = variants.find(|variant| !variant.parts.is_empty() && runs(variant));
    found.cloned()
}

#[test]
fn a_fault_in_how_parts_are_taken_is_found_by_the_examples() {
    let examples = examples();
    for gpu in gpus() {
        for fault in FAULTS {
            must_be_found(&gpu, &examples, *fault, in_parts, as_it_is);
        }
    }
}
