//! The encoder as a whole: against a plain composition of the ops' oracles, on every SIMD level and
//! number of threads, with every type of weight; against recorded answers; and the acceptance test's
//! verdicts.

mod acceptance;
mod oracle;
mod random_model;
mod recorded;
mod store;

use mimlet_format::{CodebookSpace, DType, Model, TensorRole};
use mimlet_kernels::Level;
use mimlet_runtime::{
    CpuBackend, DeviceLimits, EncodeError, Encoder, Encoding, Plan, PlanError, Tokenizer,
};
use random_model::RandomModel;

#[test]
fn several_images_in_one_call_are_each_encoded_as_alone() {
    let random = RandomModel::new(DType::I8, CodebookSpace::Features);
    let bytes = random.pack();
    let model = Model::parse(&bytes).unwrap();
    let mut encoder = encoder(&model, Level::detect(), 1);
    let len = random.image.len();
    let pixels = |image: usize| (0..len).map(move |i| (i * (image + 3) % 251) as u8);
    let images: Vec<Vec<u8>> = (0..3).map(|image| pixels(image).collect()).collect();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let alone = images
        .iter()
        .map(|image| encoder.encode_pixels(image).unwrap().clone());
    let alone: Vec<Encoding> = alone.collect();
    assert!(alone[0] != alone[1] && alone[1] != alone[2]);
    for count in [3, 0, 2] {
        let mut together = vec![Encoding::default(); count];
        encoder
            .encode_pixels_batch(&images[..count], &mut together)
            .unwrap();
        assert!(together == alone[..count]);
    }

    let floats: Vec<f32> = pixels(1).map(f32::from).collect();
    let alone = encoder.encode(&floats).unwrap().clone();
    let mut together = vec![Encoding::default(); 2];
    encoder
        .encode_batch(&[&random.image, &floats], &mut together)
        .unwrap();
    assert_eq!(together[1], alone);

    let mut one = vec![Encoding::default(); 1];
    let short = encoder.encode_batch(&[&floats[1..]], &mut one);
    assert!(matches!(short, Err(EncodeError::WrongLength { .. })));
    let short = encoder.encode_pixels_batch(&[&images[0][1..]], &mut one);
    assert!(matches!(short, Err(EncodeError::WrongLength { .. })));
    let mut infinite = floats.clone();
    infinite[5] = f32::INFINITY;
    let infinite = encoder.encode_batch(&[&floats, &infinite], &mut together);
    assert_eq!(infinite, Err(EncodeError::NotFinite(5)));
}

fn encoder<'m>(model: &Model<'m>, level: Level, threads: usize) -> Encoder<'m> {
    let plan = Plan::new(model.manifest()).unwrap();
    let backend = CpuBackend::new(model, &plan, level, threads).unwrap();
    Encoder::new(model, &plan, Box::new(backend))
}

/// NaN if one is.
fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0f32, |largest, (a, b)| {
        let difference = (a - b).abs();
        if largest.is_nan() || difference <= largest {
            largest
        } else {
            difference
        }
    })
}

#[test]
fn features_and_tokens_equal_the_oracles() {
    let space = CodebookSpace::Features;
    let one_type = |dtype| (format!("{dtype}"), RandomModel::new(dtype, space));
    for ((name, random), tolerance) in [
        (one_type(DType::F32), 2e-5),
        (one_type(DType::F16), 2e-5),
        (one_type(DType::I8), 0.1),
        (one_type(DType::I4), 0.1),
        (("mixed".into(), RandomModel::mixed(space)), 0.1),
        (("large f32".into(), RandomModel::large(DType::F32)), 2e-5),
        (("large i8".into(), RandomModel::large(DType::I8)), 0.1),
    ] {
        let bytes = random.pack();
        let model = Model::parse(&bytes).unwrap();
        let expected = oracle::encode(&random);
        let mut encoder = encoder(&model, Level::detect(), 1);
        let encoding = encoder.encode(&random.image).unwrap();
        let difference = largest_difference(&encoding.class, &expected.class)
            .max(largest_difference(&encoding.patches, &expected.patches));
        assert!(
            difference <= tolerance,
            "{name}: {difference} above {tolerance}"
        );
        if name.ends_with("f32") || name == "f16" {
            assert_eq!(encoding.tokens, expected.tokens);
            assert!(largest_difference(&encoding.margins, &expected.margins) <= 1e-4);
        }
    }
}

/// Tokens of pixels depend on no weight, so narrow centroids give exactly the oracle's, on rows from
/// elsewhere too.
#[test]
fn a_pixel_codebook_tokenises_the_image_itself() {
    for dtype in [DType::F32, DType::F16, DType::I8] {
        let random = RandomModel::new(dtype, CodebookSpace::Pixels);
        let bytes = random.pack();
        let model = Model::parse(&bytes).unwrap();
        let centroids = model.tensor(TensorRole::Centroids).unwrap();
        assert_eq!(centroids.entry.dtype, dtype);
        let expected = oracle::encode(&random).tokens;
        let mut encoder = encoder(&model, Level::detect(), 1);
        assert_eq!(encoder.encode(&random.image).unwrap().tokens, expected);

        let rows = random.patches();
        let (mut tokens, mut distances) = (vec![0; expected.len()], vec![0.0; 2 * expected.len()]);
        Tokenizer::new(&model)
            .unwrap()
            .tokenize(&rows, &mut tokens, &mut distances);
        assert_eq!(tokens, expected, "{dtype}");
    }
}

#[test]
fn neither_threads_nor_simd_level_nor_an_earlier_image_change_a_bit() {
    let (features, pixels) = (CodebookSpace::Features, CodebookSpace::Pixels);
    // And whether blocks are of integers, and compute no product of floats that a machine might fuse.
    let models = [
        (RandomModel::new(DType::F32, features), false),
        (RandomModel::new(DType::F16, features), false),
        (RandomModel::mixed(features), false),
        (RandomModel::new(DType::I8, features), true),
        (RandomModel::new(DType::I8, pixels), true),
        (RandomModel::new(DType::I4, features), true),
        (RandomModel::large(DType::I8), true),
    ];
    for (index, (random, integers)) in models.into_iter().enumerate() {
        let bytes = random.pack();
        let model = Model::parse(&bytes).unwrap();
        for level in Level::available() {
            let alike = |other: &Level| integers || other.fuses() == level.fuses();
            let first = Level::available().find(alike).unwrap();
            let expected = encoder(&model, first, 1)
                .encode(&random.image)
                .unwrap()
                .clone();
            for threads in [1, 2, 3, 7] {
                let mut encoder = encoder(&model, level, threads);
                encoder.encode(&vec![0.5; random.image.len()]).unwrap();
                let encoding = encoder.encode(&random.image).unwrap();
                assert_eq!(
                    *encoding, expected,
                    "model {index}, {level:?}, {threads} threads"
                );
            }
        }
    }
}

#[test]
fn a_wrong_input_is_refused_and_the_encoder_lives_on() {
    let random = RandomModel::new(DType::F32, CodebookSpace::Features);
    let bytes = random.pack();
    let model = Model::parse(&bytes).unwrap();
    let mut encoder = encoder(&model, Level::detect(), 2);
    let expected = encoder.encode(&random.image).unwrap().clone();
    let error = encoder.encode(&random.image[1..]).unwrap_err();
    assert!(matches!(error, EncodeError::WrongLength { .. }), "{error}");
    for value in [f32::NAN, f32::INFINITY] {
        let mut image = random.image.clone();
        image[17] = value;
        assert_eq!(
            encoder.encode(&image).unwrap_err(),
            EncodeError::NotFinite(17)
        );
    }
    assert_eq!(*encoder.encode(&random.image).unwrap(), expected);
}

#[test]
fn a_plan_says_what_does_not_fit_before_a_device_is_touched() {
    let random = RandomModel::new(DType::I8, CodebookSpace::Features);
    let bytes = random.pack();
    let plan = Plan::new(Model::parse(&bytes).unwrap().manifest()).unwrap();
    let roomy = DeviceLimits::DOWNLEVEL;
    assert_eq!(plan.fits(&roomy), Ok(()));

    let refuse = |limits: DeviceLimits| plan.fits(&limits).unwrap_err().to_string();
    let message = refuse(DeviceLimits {
        max_binding_bytes: 1000,
        ..roomy
    });
    assert!(message.starts_with("buffer image takes "), "{message}");
    let message = refuse(DeviceLimits {
        max_storage_buffers: 3,
        ..roomy
    });
    assert_eq!(
        message,
        "step patch_embed needs 4 storage buffers, but the device has 3"
    );
    let message = refuse(DeviceLimits {
        max_workgroup_bytes: 255,
        ..roomy
    });
    assert_eq!(
        message,
        "step layer_norm needs 256 bytes of workgroup memory, but the device has 255"
    );
    let message = refuse(DeviceLimits {
        max_workgroups: 2,
        ..roomy
    });
    assert!(message.contains("workgroups in a dimension"), "{message}");
    let needed = plan.weight_bytes() + plan.activation_bytes();
    let error = plan
        .fits(&DeviceLimits {
            memory_bytes: Some(needed - 1),
            ..roomy
        })
        .unwrap_err();
    assert_eq!(
        error,
        PlanError::OutOfMemory {
            needed,
            limit: needed - 1
        }
    );
    assert_eq!(
        plan.fits(&DeviceLimits {
            memory_bytes: Some(needed),
            ..roomy
        }),
        Ok(())
    );
}

#[test]
fn weights_may_be_larger_than_a_binding_as_long_as_a_panel_fits() {
    let random = RandomModel::new(DType::F32, CodebookSpace::Features);
    let bytes = random.pack();
    let plan = Plan::new(Model::parse(&bytes).unwrap().manifest()).unwrap();
    let binding = |max_binding_bytes| DeviceLimits {
        max_binding_bytes,
        ..DeviceLimits::DOWNLEVEL
    };
    // Sixteen of the patch embedding's 36 channels, of 3 x 8 x 8 floats; no buffer is larger.
    let panel = 16 * 192 * 4;
    assert_eq!(plan.fits(&binding(panel)), Ok(()));
    let refusal = plan.fits(&binding(panel - 1)).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "tensor patch_embed.weight (16 channels of it) takes 12288 bytes, but the device binds at most \
         12287 at once"
    );
}

/// Every step is in it once, with a time, however many threads share it; and the next image's encoding
/// is what it was.
#[test]
fn a_profile_times_each_step_and_changes_nothing() {
    let random = RandomModel::large(DType::I8);
    let bytes = random.pack();
    let model = Model::parse(&bytes).unwrap();
    let steps = Plan::new(model.manifest()).unwrap().folded();
    let names: Vec<_> = steps
        .iter()
        .map(|folded| folded.step.kernel().name)
        .collect();
    for threads in [1, 3] {
        let mut encoder = encoder(&model, Level::detect(), threads);
        let expected = encoder.encode(&random.image).unwrap().clone();
        let costs = encoder.profile().unwrap();
        // Each of its own: what one step took is no other's.
        assert!(costs.iter().all(|cost| cost.ms.is_some_and(|ms| ms > 0.0)));
        let packing = |name: &&str| *name == "pack keys and values";
        let (packed, timed): (Vec<_>, Vec<_>) =
            costs.iter().map(|cost| cost.name).partition(packing);
        assert_eq!(timed, names, "{threads} threads");
        assert_eq!(packed.len(), model.manifest().encoder.depth as usize);
        assert_eq!(*encoder.encode(&random.image).unwrap(), expected);
    }
}
