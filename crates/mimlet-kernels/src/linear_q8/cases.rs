//! The shapes of ViT-Tiny, odd shapes, and bytes at their extremes.

use super::{
    Params, Weights, cpu, panel_weight, quantizing_variants, reference, scratch_len, sums, variants,
};
use crate::case::{
    Case, Output, Stream, Tolerance, Values, at_each_level, float_rows, with_epilogue,
};
use crate::epilogue::Epilogue;
use crate::in_parts::and_in_parts;
use crate::panel::{len16x4, pack16x4};
use crate::quantize_rows;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of the quantised linear layer.
pub(crate) fn cases() -> Vec<Case> {
    let shapes = [
        (1, 1, 1),
        (3, 37, 50),
        (65, 128, 384),
        (197, 192, 192),
        (7, 768, 20),
        (2, 130, 16),
        (31, 64, 32),
    ];
    let mut cases: Vec<Case> = shapes
        .map(|shape| case(shape, None, Epilogue::Store))
        .into();
    // The largest sums of either sign, each product the same.
    for extremes in [[127, 127], [-127, 127], [-128, 127], [-128, -127]] {
        cases.push(case((2, 3072, 32), Some(extremes), Epilogue::Store));
    }
    cases.extend(Epilogue::ALL.map(|epilogue| case((13, 40, 52), None, epilogue)));
    cases.extend(shapes.map(|shape| quantizing(shape, Epilogue::Store)));
    cases.extend(Epilogue::ALL.map(|epilogue| quantizing((65, 40, 52), epilogue)));
    // Enough inputs to share out; the last share is shorter, and no whole tile.
    cases.push(case((35, 650, 51), None, Epilogue::Gelu));
    cases.push(quantizing((35, 650, 51), Epilogue::Add));
    // Rows of 102 + 2 words, and two shares of 52 sums each: scratches of one size are not one.
    cases.push(quantizing((2, 408, 52), Epilogue::Store));
    cases
}

/// An example whose rows are floats.
fn quantizing((rows, inputs, outputs): (usize, usize, usize), epilogue: Epilogue) -> Case {
    let mut stream = Stream::new(0x25);
    let floats = float_rows(&mut stream, rows, inputs);
    let mut x = vec![0; rows * quantize_rows::row_words(inputs)];
    quantize_rows::reference(&quantize_rows::Params { dim: inputs }, &floats, &mut x);
    let weight = (0..outputs * inputs).map(|_| (stream.signed() * 127.9) as i8);
    let params = Params { inputs, outputs };
    let mut case = of_rows(params, x, &weight.collect::<Vec<_>>(), stream, epilogue);
    case.name = format!("{rows} rows of floats, {inputs} to {outputs}, {epilogue:?}");
    case.variants = and_in_parts(
        quantizing_variants(&params, rows as u32, epilogue),
        &panel_weight(&params),
    );
    case.buffers[0] = Values::F32(floats);
    case
}

fn case(
    (rows, inputs, outputs): (usize, usize, usize),
    extremes: Option<[i8; 2]>,
    epilogue: Epilogue,
) -> Case {
    let params = Params { inputs, outputs };
    let (fixed_weight, fixed_input) = (extremes.map(|of| of[0]), extremes.map(|of| of[1]));
    let mut stream = Stream::new(0x15);
    let mut byte = |fixed: Option<i8>| fixed.unwrap_or_else(|| (stream.signed() * 127.9) as i8);
    let weight: Vec<i8> = (0..outputs * inputs).map(|_| byte(fixed_weight)).collect();
    let mut x = Vec::new();
    for _ in 0..rows {
        let bytes: Vec<u8> = (0..inputs)
            .map(|_| byte(fixed_input).cast_unsigned())
            .collect();
        x.extend(bytes.chunks(4).map(|chunk| {
            chunk
                .iter()
                .rev()
                .fold(0, |word, &byte| word << 8 | u32::from(byte))
        }));
        x.push((0.01 + byte(None).unsigned_abs() as f32 / 1000.0).to_bits());
        x.push(i32::from(byte(fixed_input)).cast_unsigned());
    }
    let mut case = of_rows(params, x, &weight, stream, epilogue);
    case.name =
        format!("{rows} rows, {inputs} to {outputs}, weight and input {extremes:?}, {epilogue:?}");
    case
}

fn of_rows(
    params: Params,
    x: Vec<u32>,
    weight: &[i8],
    mut stream: Stream,
    epilogue: Epilogue,
) -> Case {
    let Params { inputs, outputs } = params;
    let rows = x.len() / params.row_words();
    let mut packed = vec![0; len16x4(outputs, inputs)];
    pack16x4(outputs, inputs, weight, &mut packed);
    let scale: Vec<f32> = stream
        .values(outputs, 0.01)
        .iter()
        .map(|v| v.abs())
        .collect();
    let bias = stream.values(outputs, 1.0);
    let mut expected = vec![0.0; rows * outputs];
    reference(&params, &x, weight, &scale, &bias, &mut expected);
    let (before, expected) = with_epilogue(epilogue, expected);
    // Exact sums, then four roundings, the last of numbers that the bias may cancel.
    let largest = expected.iter().fold(0.0f32, |most, y| most.max(y.abs()));
    let near = Tolerance::Near {
        absolute: 1e-6 * largest.max(1.0),
        relative: 1e-6,
    };
    Case {
        fuses: false,
        name: String::new(),
        variants: and_in_parts(
            variants(&params, rows as u32, epilogue),
            &panel_weight(&params),
        ),
        buffers: vec![
            Values::U32(x.clone()),
            Values::U32(bytemuck::allocation::pod_collect_to_vec(&packed)),
            Values::F32([scale.as_slice(), &bias].concat()),
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
            let mut channel_sums = vec![i32::MAX; outputs];
            sums(level, &params, &packed, &mut channel_sums);
            let weights = Weights {
                weight: &packed,
                scale: &scale,
                bias: &bias,
                sums: &channel_sums,
            };
            let mut scratch = vec![u32::MAX; scratch_len(level, &params, rows)];
            cpu(level, &params, &x, &weights, epilogue, &mut scratch, &mut y);
            vec![Values::F32(y)]
        }),
    }
}
