//! Both tails, both signs of zero, the neighbourhood of zero.

use super::{KERNEL, call, cpu, reference};
use crate::case::{Case, Output, Stream, Tolerance, Values, at_each_level};
use crate::op::Variant;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of GELU.
pub(crate) fn cases() -> Vec<Case> {
    let tails = [
        0.0, -0.0, 1e-20, -1e-20, 0.5, -0.5, 3.0, -3.0, -5.5, 30.0, -30.0, 1e30, -1e30,
    ];
    vec![
        case("tails", &tails),
        case("one", &[1.0]),
        case("197x768", &Stream::new(0x18).values(197 * 768, 8.0)),
    ]
}

fn case(name: &str, x: &[f32]) -> Case {
    let mut expected = x.to_vec();
    reference(&mut expected);
    let near = Tolerance::Near {
        absolute: 1e-6,
        relative: 1e-6,
    };
    Case {
        fuses: false,
        name: name.into(),
        variants: vec![Variant::single(&KERNEL, call(x.len()))],
        buffers: vec![Values::F32(x.to_vec())],
        outputs: vec![Output {
            binding: 0,
            expected: Values::F32(expected),
            cpu: near,
            gpu: near,
        }],
        cpu: at_each_level(|level| {
            let mut x = x.to_vec();
            cpu(level, &mut x);
            vec![Values::F32(x)]
        }),
    }
}
