//! One result on one machine: threads, SIMD levels, repetition and neighbours change no bit.

use mimlet_format::{Model, ModelFile, Scheme};
use mimlet_kernels::Level;
use mimlet_runtime::{BatchEncoder, CpuBackend, Encoder, Encoding, Plan};
use mimlet_tests::timm::{self, PHOTOS};
use mimlet_tests::{encoder_on_cpu, model_file, tiny};

const SCHEMES: [Scheme; 4] = [Scheme::F32, Scheme::F16, Scheme::Int8, Scheme::Int4];

/// Every bit of an encoding.
fn bits(encoding: &Encoding) -> Vec<u32> {
    let floats = [&encoding.class, &encoding.patches, &encoding.margins];
    let floats = floats.into_iter().flatten().map(|value| value.to_bits());
    floats.chain(encoding.tokens.iter().copied()).collect()
}

/// Timm's model has the larger shapes, the tiny one registers, odd sides and a codebook.
fn models(scheme: Scheme) -> [ModelFile; 2] {
    [timm::packed(scheme), tiny::packed(scheme)].map(model_file)
}

/// An image of a model's size.
fn image(model: &Model<'_>, seed: u64) -> Vec<u8> {
    let size = model.manifest().encoder.image_size;
    mimlet_export::synthetic_golden(size, 1, seed)
        .remove(0)
        .pixels
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for scheme in SCHEMES {
        for file in models(scheme) {
            let model = file.model();
            let pixels = image(&model, 7);
            let encode = |threads| {
                bits(
                    encoder_on_cpu(&model, threads)
                        .encode_pixels(&pixels)
                        .unwrap(),
                )
            };
            let one = encode(1);
            for threads in [2, 3, 8] {
                assert!(
                    encode(threads) == one,
                    "{scheme:?}: {threads} threads differ from one"
                );
            }
        }
    }
}

#[test]
fn every_simd_level_gives_the_same_bits() {
    for scheme in SCHEMES {
        for file in models(scheme) {
            let model = file.model();
            let plan = Plan::new(model.manifest()).unwrap();
            let pixels = image(&model, 8);
            let encode = |level| {
                let backend = CpuBackend::new(&model, &plan, level, 1).unwrap();
                let mut encoder = Encoder::new(&model, &plan, Box::new(backend));
                bits(encoder.encode_pixels(&pixels).unwrap())
            };
            for level in Level::available() {
                // Blocks of integers compute no product of floats that a machine might fuse.
                let integers = matches!(scheme, Scheme::Int8 | Scheme::Int4);
                let alike = |other: &Level| integers || other.fuses() == level.fuses();
                let first = Level::available().find(alike).unwrap();
                assert!(
                    encode(level) == encode(first),
                    "{scheme:?}: {} differs",
                    level.name()
                );
            }
        }
    }
}

/// A batch is its images, whatever the number of threads and of images for each.
#[test]
fn a_batch_gives_each_image_its_own_encoding() {
    let file = model_file(timm::packed(Scheme::Int8));
    let model = file.model();
    let photos: Vec<Vec<u8>> = (0..5).map(|seed| image(&model, seed)).collect();
    let photos: Vec<&[u8]> = photos.iter().map(Vec::as_slice).collect();
    let mut encoder = encoder_on_cpu(&model, 1);
    let mut alone = |photo: &&[u8]| encoder.encode_pixels(photo).unwrap().clone();
    let expected: Vec<Encoding> = photos.iter().map(&mut alone).collect();
    for threads in [1, 2, 3, 8] {
        let mut batch = BatchEncoder::on_cpu(&model, threads).unwrap();
        let mut encodings = vec![Encoding::default(); photos.len()];
        batch.encode_pixels(&photos, &mut encodings).unwrap();
        assert!(encodings == expected, "{threads} threads");
        batch.encode_pixels(&[], &mut []).unwrap();
        for place in 0..photos.len() {
            let mut photos = photos.clone();
            photos[place] = &photos[place][1..];
            let short = batch.encode_pixels(&photos, &mut encodings);
            assert!(short.is_err(), "{threads} threads, image {place}");
        }
    }
}

/// Nothing of one image is left over in the next.
#[test]
fn an_encoding_does_not_depend_on_the_image_before() {
    let file = model_file(timm::packed(Scheme::Int8));
    let mut encoder = encoder_on_cpu(&file.model(), 2);
    let photos = PHOTOS.map(|photo| timm::expected(photo).pixels);
    let mut encode = |photo: usize| bits(encoder.encode_pixels(&photos[photo]).unwrap());
    let first = encode(0);
    assert!(
        encode(1) != first,
        "two photos have one encoding: the test sees nothing"
    );
    assert!(encode(0) == first);
}
