//! Grids that are not square, patches whose size is not a power of two.

use super::{KERNEL, Params, call, cpu, reference};
use crate::case::{Case, Output, Stream, Tolerance, Values, at_each_level, unwritten_f32};
use crate::op::Variant;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of patchify.
pub(crate) fn cases() -> Vec<Case> {
    [
        (8, 8, 8),
        (64, 64, 8),
        (14, 28, 7),
        (28, 14, 14),
        (3, 5, 1),
        (96, 32, 16),
    ]
    .map(case)
    .into()
}

fn case((height, width, patch): (usize, usize, usize)) -> Case {
    let params = Params {
        height,
        width,
        patch,
    };
    let image = Stream::new(0x12).values(3 * height * width, 2.0);
    let mut expected = vec![f32::NAN; image.len()];
    reference(&params, &image, &mut expected);
    Case {
        fuses: false,
        name: format!("{height}x{width} by {patch}"),
        variants: vec![Variant::single(&KERNEL, call(&params, 1))],
        buffers: vec![Values::F32(image.clone()), unwritten_f32(image.len())],
        outputs: vec![Output {
            binding: 1,
            expected: Values::F32(expected),
            cpu: Tolerance::Exact,
            gpu: Tolerance::Exact,
        }],
        cpu: at_each_level(|_| {
            let mut patches = vec![f32::NAN; image.len()];
            cpu(&params, &image, 0, &mut patches);
            vec![Values::F32(patches)]
        }),
    }
}
