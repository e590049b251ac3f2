//! Whole encoders: the GPU against the CPU.

use crate::machine::{adapters, gpus};
use crate::model::{FOURS, random, random_model};
use mimlet_format::{CodebookSpace, DType, Model};
use mimlet_kernels::Level;
use mimlet_kernels::case::Stream;
use mimlet_runtime::{Backend, CpuBackend, Encoding, Plan};
use mimlet_wgpu::{AdapterDescription, Choice, Requirements, Tuning, WgpuBackend};

pub(crate) fn images(plan: &Plan) -> Vec<Vec<f32>> {
    let mut stream = Stream::new(0x22);
    let words = plan.buffers()[plan.image().index()].words;
    (0..3).map(|_| stream.values(words, 2.0)).collect()
}

pub(crate) fn encode(backend: &mut dyn Backend, plan: &Plan, image: &[f32]) -> Encoding {
    let mut encoding = Encoding::zeros(plan);
    encoding.class.fill(f32::NAN);
    encoding.patches.fill(f32::NAN);
    backend.run(image, &mut encoding).unwrap();
    encoding
}

/// NaN if one is.
pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |most: f32, next| match most.is_nan() || next <= most {
        true => most,
        false => next,
    })
}

#[test]
fn features_and_tokens_are_those_of_the_cpu() {
    for (dtype, tolerance) in [
        (DType::F32, 2e-5),
        (DType::F16, 2e-5),
        (DType::I8, 0.1),
        (DType::I4, 0.1),
    ] {
        let spaces = [CodebookSpace::Features, CodebookSpace::Pixels];
        let odd = spaces.map(|space| random_model(dtype, space));
        let fours = spaces.map(|space| random(dtype, space, FOURS));
        for file in odd.into_iter().chain(fours) {
            let model = Model::parse(&file).unwrap();
            let plan = Plan::new(model.manifest()).unwrap();
            let mut cpu = CpuBackend::new(&model, &plan, Level::detect(), 1).unwrap();
            let images = images(&plan);
            for gpu in gpus() {
                for tuning in [Tuning::VendorOrder, Tuning::Plainest] {
                    let mut backend = WgpuBackend::new(&gpu, &model, &plan, tuning).unwrap();
                    for image in &images {
                        let expected = encode(&mut cpu, &plan, image);
                        let actual = encode(&mut backend, &plan, image);
                        let context = format!("{dtype:?} on {}, {tuning:?}", backend.describe());
                        let difference = largest_difference(&actual.class, &expected.class)
                            .max(largest_difference(&actual.patches, &expected.patches));
                        assert!(difference <= tolerance, "{context}: {difference}");
                        same_tokens(&actual, &expected, 4.0 * tolerance, &context);
                    }
                }
            }
        }
    }
}

/// As [`same_decided_tokens`], of which there is one.
fn same_tokens(actual: &Encoding, expected: &Encoding, tie: f32, context: &str) {
    let decided = same_decided_tokens(actual, expected, tie, context);
    assert!(decided > 0, "{context}: every patch is a tie");
}

/// Tokens are equal wherever the CPU's two nearest centroids are farther apart than `tie`: so many.
pub(crate) fn same_decided_tokens(
    actual: &Encoding,
    expected: &Encoding,
    tie: f32,
    context: &str,
) -> usize {
    let mut decided = 0;
    for (patch, margin) in expected.margins.iter().enumerate() {
        if *margin > tie {
            decided += 1;
            assert_eq!(
                actual.tokens[patch], expected.tokens[patch],
                "{context}: patch {patch}"
            );
        }
    }
    assert!(
        largest_difference(&actual.margins, &expected.margins) <= tie,
        "{context}: margins"
    );
    decided
}

#[test]
fn kernels_chosen_by_trial_give_the_same_tokens_and_are_found_again() {
    for dtype in [DType::F32, DType::I8] {
        let file = random(dtype, CodebookSpace::Features, FOURS);
        let model = Model::parse(&file).unwrap();
        let plan = Plan::new(model.manifest()).unwrap();
        let image = &images(&plan)[0];
        for gpu in gpus() {
            let run = |tuning| {
                let mut backend = WgpuBackend::new(&gpu, &model, &plan, tuning).unwrap();
                encode(&mut backend, &plan, image)
            };
            let folder = tempfile::tempdir().unwrap();
            let measured = Tuning::Measured(Some(folder.path()));
            let by_vendor = run(Tuning::VendorOrder);
            let chosen = run(measured);
            same_tokens(&chosen, &by_vendor, 0.4, "measured");
            let kept = std::fs::read_dir(folder.path()).unwrap();
            let kept = kept.map(|file| file.unwrap().path()).collect::<Vec<_>>();
            assert_eq!(kept.len(), 1, "{kept:?}");
            assert_eq!(run(measured), chosen);
            std::fs::write(&kept[0], "damaged").unwrap();
            same_tokens(&run(measured), &by_vendor, 0.4, "after damage");
            assert_ne!(std::fs::read(&kept[0]).unwrap(), b"damaged");
        }
    }
}

/// A driver that is given damaged data might fall over.
#[test]
fn what_a_driver_compiled_is_kept_and_believed_only_whole() {
    let Some(adapters) = adapters() else { return };
    let file = random(DType::I8, CodebookSpace::Features, FOURS);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let image = &images(&plan)[0];
    let of_vulkan = |(index, adapter): (usize, &AdapterDescription)| {
        (adapter.backend == "vulkan").then_some(Choice::Index(index))
    };
    let described = adapters.describe();
    for choice in described.iter().enumerate().filter_map(of_vulkan) {
        let gpu = adapters.open(&choice, &Requirements::Plan(&plan)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run = || {
            let tuning = Tuning::Measured(Some(folder.path()));
            let mut backend = WgpuBackend::new(&gpu, &model, &plan, tuning).unwrap();
            encode(&mut backend, &plan, image)
        };
        let first = run();
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        let kept = files.find(|path| path.extension().is_some_and(|end| end == "pipelines"));
        let kept = kept.expect("Vulkan keeps pipelines for others");
        let whole = std::fs::read(&kept).unwrap();
        assert_eq!(run(), first);
        assert_eq!(
            std::fs::read(&kept).unwrap(),
            whole,
            "nothing new was compiled"
        );
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for bytes in [&damaged[..], &whole[..whole.len() / 2], b""] {
            std::fs::write(&kept, bytes).unwrap();
            assert_eq!(run(), first);
            assert_ne!(std::fs::read(&kept).unwrap(), bytes, "written anew");
        }
    }
}

#[test]
fn an_earlier_image_changes_no_bit() {
    let file = random_model(DType::F32, CodebookSpace::Features);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let images = images(&plan);
    for gpu in gpus() {
        let mut backend = WgpuBackend::new(&gpu, &model, &plan, Tuning::VendorOrder).unwrap();
        let first = encode(&mut backend, &plan, &images[0]);
        assert_ne!(encode(&mut backend, &plan, &images[1]), first);
        assert_eq!(encode(&mut backend, &plan, &images[0]), first);
        // Another backend on the same GPU is another encoder.
        let mut other = WgpuBackend::new(&gpu, &model, &plan, Tuning::VendorOrder).unwrap();
        assert_eq!(encode(&mut other, &plan, &images[0]), first);
    }
}

#[test]
fn a_gpu_opened_for_a_plan_runs_it_and_holds_what_the_plan_says() {
    let Some(adapters) = adapters() else { return };
    let file = random_model(DType::I8, CodebookSpace::Features);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let gpu = adapters
        .open(&Choice::Best, &Requirements::Plan(&plan))
        .unwrap();
    assert_eq!(plan.fits(&gpu.limits()), Ok(()));
    let mut backend = WgpuBackend::new(&gpu, &model, &plan, Tuning::VendorOrder).unwrap();
    encode(&mut backend, &plan, &images(&plan)[0]);
    let planned = plan.weight_bytes() + plan.activation_bytes();
    let held = backend.memory_bytes();
    // Padding to vectors, and what the host maps.
    assert!(
        held >= planned && held < planned + planned / 2,
        "{held} for {planned}"
    );
}
