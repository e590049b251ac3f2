//! The shapes of ViT-Tiny, odd shapes, groups short and whole, and numbers at their extremes.

use super::{
    Params, Weights, cpu, panel_weight, quantizing_variants, reference, scratch_len, sums, variants,
};
use crate::case::{
    Case, Output, Stream, Tolerance, Values, at_each_level, float_rows, with_epilogue,
};
use crate::epilogue::Epilogue;
use crate::in_parts::and_in_parts;
use crate::panel::{len16, len16x8, pack16, pack16x8};
use crate::quantize_rows;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A row-major layer and its rows, not packed yet.
struct Layer {
    name: String,
    params: Params,
    rows: usize,
    weight: Vec<i8>,
    /// Bits of f16 `[outputs, groups]`.
    scales: Vec<u16>,
    /// Quantised rows' bytes `[rows, inputs]`.
    bytes: Vec<i8>,
}

/// The examples of the linear layer on 4-bit weights.
pub(crate) fn cases() -> Vec<Case> {
    let shapes = [
        (1, 1, 1),
        (3, 31, 17),
        (2, 32, 16),
        (5, 33, 50),
        (7, 65, 20),
        (65, 130, 35),
        (1, 192, 64),
        (197, 192, 33),
        (2, 1100, 16),
    ];
    let mut cases = Vec::new();
    for group_size in [32, 64] {
        let random = |shape| Layer::random(shape, group_size);
        let store = |layer: &Layer| case(layer, layer.words(), Epilogue::Store);
        cases.extend(shapes.map(random).iter().map(store));
        cases.extend(extremes(group_size).iter().map(store));
        let layer = random((13, 72, 52));
        let fused = |epilogue| case(&layer, layer.words(), epilogue);
        cases.extend(Epilogue::ALL.map(fused));
        // Enough inputs to share out; the last share is shorter, and no whole tile.
        let wide = random((35, 650, 51));
        cases.push(case(&wide, wide.words(), Epilogue::Add));
        let of_floats = |layer: &Layer| quantizing(layer, Epilogue::Store);
        cases.extend(shapes.map(random).iter().map(of_floats));
        cases.extend(Epilogue::ALL.map(|epilogue| quantizing(&layer, epilogue)));
    }
    cases
}

/// The largest sums of either sign, zeros in weights and scales, and scales at the ends of f16.
fn extremes(group_size: usize) -> Vec<Layer> {
    let layer = |name: &str, change: &dyn Fn(&mut Layer)| {
        let mut layer = Layer::random((7, 136, 18), group_size);
        change(&mut layer);
        layer.name = format!("{name}, groups of {group_size}");
        layer
    };
    vec![
        layer("all -8", &|layer| {
            layer.weight.fill(-8);
            layer.bytes.fill(127);
        }),
        layer("all -8 by -127", &|layer| {
            layer.weight.fill(-8);
            layer.bytes.fill(-127);
        }),
        layer("all 7", &|layer| {
            layer.weight.fill(7);
            layer.bytes.fill(127);
        }),
        layer("every other group zero", &|layer| {
            for (column, weight) in layer.weight.iter_mut().enumerate() {
                if (column % 136 / group_size).is_multiple_of(2) {
                    *weight = 0;
                }
            }
        }),
        layer("no scale", &|layer| layer.scales.fill(0)),
        layer("the smallest scale", &|layer| layer.scales.fill(1)),
        layer("subnormal scales", &|layer| {
            layer.scales.iter_mut().for_each(|bits| *bits &= 0x3ff);
        }),
        layer("the largest scale", &|layer| layer.scales.fill(0x7bff)),
    ]
}

impl Layer {
    /// Scales from 2^-9 to 2^-5.
    fn random((rows, inputs, outputs): (usize, usize, usize), group_size: usize) -> Self {
        let params = Params {
            inputs,
            outputs,
            group_size,
        };
        let mut stream = Stream::new(0x1c);
        let mut below = |bound: u64| (stream.bits() >> 32) % bound;
        let weight = (0..outputs * inputs).map(|_| below(16) as i8 - 8);
        let weight = weight.collect();
        let scales = (0..outputs * params.groups()).map(|_| 0x1800 + below(0x1000) as u16);
        let scales = scales.collect();
        let bytes = (0..rows * inputs).map(|_| (below(255) as i16 - 127) as i8);
        Self {
            name: format!("{rows} rows, {inputs} to {outputs}, groups of {group_size}"),
            params,
            rows,
            weight,
            scales,
            bytes: bytes.collect(),
        }
    }

    /// The rows as words, each row's scale and zero point behind it.
    fn words(&self) -> Vec<u32> {
        let mut words = Vec::new();
        for (row, bytes) in self.bytes.chunks(self.params.inputs).enumerate() {
            words.extend(bytes.chunks(4).map(|quad| {
                quad.iter()
                    .rev()
                    .fold(0, |word, &byte| word << 8 | u32::from(byte.cast_unsigned()))
            }));
            words.push((0.01 + row as f32 / 1000.0).to_bits());
            words.push((3 - row as i32).cast_unsigned());
        }
        words
    }
}

/// An example whose rows are floats.
fn quantizing(layer: &Layer, epilogue: Epilogue) -> Case {
    let (params, rows) = (layer.params, layer.rows);
    let dim = params.inputs;
    let floats = float_rows(&mut Stream::new(0x26), rows, dim);
    let mut x = vec![0; rows * params.row_words()];
    quantize_rows::reference(&quantize_rows::Params { dim }, &floats, &mut x);
    let mut case = case(layer, x, epilogue);
    case.name.push_str(", rows of floats");
    case.variants = and_in_parts(
        quantizing_variants(&params, rows as u32, epilogue),
        &panel_weight(&params),
    );
    case.buffers[0] = Values::F32(floats);
    case
}

/// An example on quantised rows.
fn case(layer: &Layer, x: Vec<u32>, epilogue: Epilogue) -> Case {
    let (params, rows) = (layer.params, layer.rows);
    let Params {
        inputs, outputs, ..
    } = params;
    let mut packed = vec![0; len16x8(outputs, inputs)];
    pack16x8(outputs, inputs, &layer.weight, &mut packed);
    let mut scales = vec![0; len16(outputs, params.groups())];
    pack16(outputs, params.groups(), &layer.scales, &mut scales);
    let bias = Stream::new(0x1d).values(outputs, 1.0);
    let mut expected = vec![0.0; rows * outputs];
    reference(
        &params,
        &x,
        &layer.weight,
        &layer.scales,
        &bias,
        &mut expected,
    );
    let mut affine: Vec<u32> = bytemuck::allocation::pod_collect_to_vec(&scales);
    affine.extend(bias.iter().map(|bias| bias.to_bits()));
    let (before, expected) = with_epilogue(epilogue, expected);
    // Exact sums within groups, then two roundings a group: their size is that of the largest sum.
    let largest = expected.iter().fold(0.0f32, |most, y| most.max(y.abs()));
    let near = Tolerance::Near {
        absolute: 1e-6 * largest.max(1.0),
        relative: 1e-6,
    };
    Case {
        fuses: false,
        name: format!("{}, {epilogue:?}", layer.name),
        variants: and_in_parts(
            variants(&params, rows as u32, epilogue),
            &panel_weight(&params),
        ),
        buffers: vec![
            Values::U32(x.clone()),
            Values::U32(bytemuck::allocation::pod_collect_to_vec(&packed)),
            Values::U32(affine),
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
            let mut channel_sums = vec![f32::NAN; outputs];
            sums(level, &params, &packed, &scales, &mut channel_sums);
            let weights = Weights {
                weight: &packed,
                scales: &scales,
                bias: &bias,
                sums: &channel_sums,
            };
            let mut scratch = vec![u32::MAX; scratch_len(&params, rows)];
            cpu(level, &params, &x, &weights, epilogue, &mut scratch, &mut y);
            vec![Values::F32(y)]
        }),
    }
}
