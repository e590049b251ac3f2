//! Odd shapes, a constant row, large offsets.

use super::{Params, cpu, reference, variants};
use crate::case::{Case, Output, Stream, Tolerance, Values, at_each_level, unwritten_f32};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of layer norm.
pub(crate) fn cases() -> Vec<Case> {
    let mut stream = Stream::new(0x11);
    let mut cases = Vec::new();
    for (rows, dim) in [
        (1, 1),
        (1, 192),
        (3, 64),
        (65, 128),
        (197, 192),
        (5, 37),
        (2, 768),
    ] {
        let x = stream.values(rows * dim, 3.0);
        cases.push(case(&format!("{rows}x{dim}"), dim, &x, &mut stream));
    }
    cases.push(case("constant row", 48, &[0.25; 48], &mut stream));
    let shifted: Vec<f32> = stream
        .values(2 * 96, 0.5)
        .iter()
        .map(|v| v + 100.0)
        .collect();
    cases.push(case("offset of 100", 96, &shifted, &mut stream));
    cases
}

fn case(name: &str, dim: usize, x: &[f32], stream: &mut Stream) -> Case {
    let params = Params { dim, eps: 1e-6 };
    let affine = stream.values(2 * dim, 2.0);
    let (weight, bias) = affine.split_at(dim);
    let mut expected = vec![0.0; x.len()];
    reference(&params, x, weight, bias, &mut expected);
    // The f32 mean of a row is known to about two ulp of its largest value; dividing by the row's
    // deviation magnifies that.
    let largest = x
        .iter()
        .fold(1.0f32, |largest, value| largest.max(value.abs()));
    let near = Tolerance::Near {
        absolute: 2e-6 * largest,
        relative: 1e-5,
    };
    Case {
        fuses: false,
        name: name.into(),
        variants: variants(&params, (x.len() / dim) as u32),
        buffers: vec![
            Values::F32(x.to_vec()),
            Values::F32(affine.clone()),
            unwritten_f32(x.len()),
        ],
        outputs: vec![Output {
            binding: 2,
            expected: Values::F32(expected),
            cpu: near,
            gpu: near,
        }],
        cpu: at_each_level(|level| {
            let mut y = vec![f32::NAN; x.len()];
            cpu(level, &params, x, weight, bias, &mut y);
            vec![Values::F32(y)]
        }),
    }
}
