//! Odd widths, rows of zeros, values that round at halves, tiny and huge rows.

use super::{Params, cpu, reference, row_words, variants};
use crate::case::{Case, Output, Stream, Tolerance, Values, at_each_level, unwritten_u32};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of row quantisation.
pub(crate) fn cases() -> Vec<Case> {
    let mut stream = Stream::new(0x16);
    let mut cases = Vec::new();
    for (rows, dim) in [(1, 1), (3, 5), (65, 128), (197, 192), (2, 3072)] {
        cases.push(case(
            &format!("{rows}x{dim}"),
            dim,
            &stream.values(rows * dim, 4.0),
        ));
    }
    cases.push(case("zeros", 6, &[0.0; 12]));
    cases.push(case(
        "halves",
        9,
        &[127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -127.0],
    ));
    // The zero point is rounded by half a step, and an end away from it by another: a byte too far.
    cases.push(case(
        "beyond a byte",
        4,
        &[-126.5, 127.5, 0.0, 127.0, -127.5, 126.5, 0.0, -127.0],
    ));
    // As after GELU, and all to one side of zero.
    cases.push(case("one-sided", 5, &[-0.17, 0.0, 8.0, 0.25, -0.01]));
    cases.push(case(
        "far off",
        5,
        &[-1003.0, -1001.0, -1002.5, -1001.75, -1002.0],
    ));
    cases.push(case("equal", 6, &[3.5; 12]));
    cases.push(case("tiny", 4, &[1e-30, -2e-30, 5e-31, 0.0]));
    cases.push(case(
        "subnormal scale",
        3,
        &[1e-36, -9e-37, 1e-37, 8e-37, 0.0, 3e-37],
    ));
    // A quotient each.
    let magnitudes: Vec<f32> = (0..2000)
        .map(|row| stream.signed() * [1e-30, 1e-9, 0.1, 1.0, 1e6, 1e30][row % 6])
        .collect();
    cases.push(case("magnitudes", 1, &magnitudes));
    cases.push(case("huge", 4, &[1e30, -2e30, 5e29, 0.0]));
    cases
}

fn case(name: &str, dim: usize, x: &[f32]) -> Case {
    let params = Params { dim };
    let rows = x.len() / dim;
    let len = rows * row_words(dim);
    let mut expected = vec![0; len];
    reference(&params, x, &mut expected);
    Case {
        fuses: false,
        name: name.into(),
        variants: variants(&params, rows as u32),
        buffers: vec![Values::F32(x.to_vec()), unwritten_u32(len)],
        outputs: vec![Output {
            binding: 1,
            expected: Values::U32(expected),
            cpu: Tolerance::Exact,
            gpu: Tolerance::Exact,
        }],
        cpu: at_each_level(|level| {
            let mut quantized = vec![u32::MAX; len];
            cpu(level, &params, x, &mut quantized);
            vec![Values::U32(quantized)]
        }),
    }
}
