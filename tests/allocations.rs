//! After its first image an encoder allocates nothing: a device that has encoded one image can
//! encode a million.

use allocation_counter::{AllocationInfo, measure};
use mimlet_format::Scheme;
use mimlet_tests::{encoder_on_cpu, model_file, timm, tiny};

fn allocations(run: impl FnOnce()) -> u64 {
    let AllocationInfo { count_total, .. } = measure(run);
    count_total
}

#[test]
fn encoding_allocates_nothing_after_the_first_image() {
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Int8, Scheme::Int4] {
        for bytes in [timm::packed(scheme), tiny::packed(scheme)] {
            let file = model_file(bytes);
            let model = file.model();
            let mut encoder = encoder_on_cpu(&model, 1);
            let size = model.manifest().encoder.image_size;
            let pixels = mimlet_export::synthetic_golden(size, 1, 3).remove(0).pixels;
            let image = vec![0.25; pixels.len()];
            encoder.encode_pixels(&pixels).unwrap();
            let from_pixels = allocations(|| {
                encoder.encode_pixels(&pixels).unwrap();
            });
            let from_floats = allocations(|| {
                encoder.encode(&image).unwrap();
            });
            assert_eq!((from_pixels, from_floats), (0, 0), "{scheme:?}");
        }
    }
}

/// The counter itself.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8]))), 1);
}
