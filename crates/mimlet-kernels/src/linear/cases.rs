//! The shapes of ViT-Tiny, odd shapes, both weight types.

use super::{Params, cpu, panel_weight, reference, scratch_len, variants};
use crate::case::{
    Case, FloatWeight, Output, Stream, Tolerance, Values, at_each_level, with_epilogue,
};
use crate::epilogue::Epilogue;
use crate::in_parts::and_in_parts;
use crate::math::round_ties_even;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of the linear layer.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for half in [false, true] {
        for shape in [
            (1, 1, 1),
            (3, 37, 50),
            (65, 128, 384),
            (197, 192, 192),
            (7, 768, 20),
            (2, 130, 16),
        ] {
            cases.push(case(shape, half, Epilogue::Store));
            if half {
                cases.push(of_half_rows(shape, Epilogue::Store));
            }
        }
    }
    for epilogue in Epilogue::ALL {
        cases.push(case((13, 40, 51), false, epilogue));
        cases.push(case((13, 40, 52), true, epilogue));
        cases.push(of_half_rows((13, 40, 52), epilogue));
        // Enough inputs to share out; the last share is shorter, and no whole tile.
        cases.push(case((35, 650, 51), epilogue == Epilogue::Gelu, epilogue));
    }
    cases
}

/// An example for variants of any precision, but for those that round their rows.
fn case(shape: (usize, usize, usize), half: bool, epilogue: Epilogue) -> Case {
    let mut case = of_rows(shape, half, |x| x, epilogue);
    case.variants.retain(|variant| !variant.halves_rows());
    case
}

/// An example whose rows are 16-bit floats already, so that those too give the oracle's results.
fn of_half_rows(shape: (usize, usize, usize), epilogue: Epilogue) -> Case {
    // Eleven significant bits, and none below the smallest normal number.
    let mut case = of_rows(
        shape,
        true,
        |x| round_ties_even(x * 256.0) / 256.0,
        epilogue,
    );
    case.name += ", half rows";
    case
}

fn of_rows(
    (rows, inputs, outputs): (usize, usize, usize),
    half: bool,
    round: fn(f32) -> f32,
    epilogue: Epilogue,
) -> Case {
    let params = Params {
        inputs,
        outputs,
        half,
    };
    let mut stream = Stream::new(0x14);
    let x = stream.values(rows * inputs, 2.0).into_iter();
    let x: Vec<f32> = x.map(round).collect();
    let weight = FloatWeight::random(&mut stream, outputs, inputs, half);
    let bias = stream.values(outputs, 1.0);
    let mut expected = vec![0.0; rows * outputs];
    reference(&params, &x, &weight.matrix, &bias, &mut expected);
    let (before, expected) = with_epilogue(epilogue, expected);
    let near = Tolerance::Near {
        absolute: 2e-6 * inputs as f32,
        relative: 1e-5,
    };
    Case {
        fuses: true,
        name: format!("{rows} rows, {inputs} to {outputs}, half {half}, {epilogue:?}"),
        variants: and_in_parts(
            variants(&params, rows as u32, epilogue),
            &panel_weight(&params),
        ),
        buffers: vec![
            Values::F32(x.clone()),
            weight.buffer(),
            Values::F32(bias.clone()),
            Values::F32(before.clone()),
        ],
        outputs: vec![Output {
            binding: 3,
            expected: Values::F32(expected),
            cpu: near,
            gpu: near,
        }],
        cpu: at_each_level(|level| {
            let mut y = before.clone();
            let mut scratch = vec![f32::NAN; scratch_len(&params)];
            cpu(
                level,
                &params,
                &x,
                weight.panels(),
                &bias,
                epilogue,
                &mut scratch,
                &mut y,
            );
            vec![Values::F32(y)]
        }),
    }
}
