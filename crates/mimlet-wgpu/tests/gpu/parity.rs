//! Every op's WGSL against its oracle, on all of the op's examples. Outputs start as NaN or as
//! all-ones words, so a value that no invocation writes is found.

use crate::machine::{NEEDS, gpus, gpus_with, needs_nothing};
use mimlet_kernels::case::{Case, Values};
use mimlet_kernels::{OPS, Variant, WgslKernel, attention, gelu, residual};
use mimlet_wgpu::{Gpu, dispatch_once};

/// The first operand of a case that does not hold afterwards what it should.
pub(crate) fn mismatch(gpu: &Gpu, variant: &Variant, case: &Case) -> Result<(), String> {
    let contents: Vec<&[u8]> = case.buffers.iter().map(Values::bytes).collect();
    let after = dispatch_once(gpu, variant, &contents).map_err(|e| e.to_string())?;
    for output in &case.outputs {
        let actual = output.expected.from_bytes_like(&after[output.binding]);
        output
            .expected
            .compare(&actual, output.gpu)
            .map_err(|message| format!("operand {}: {message}", output.binding))?;
    }
    for (index, (before, after)) in contents.iter().zip(&after).enumerate() {
        let is_output = case.outputs.iter().any(|output| output.binding == index);
        if !is_output && before != after {
            return Err(format!("operand {index} is an input and was changed"));
        }
    }
    Ok(())
}

#[test]
fn every_variant_agrees_with_its_oracle_on_every_case() {
    for gpu in gpus() {
        agree(&gpu, needs_nothing);
    }
}

#[test]
fn variants_that_need_a_feature_agree_too_where_a_gpu_has_it() {
    for (feature, needs) in NEEDS {
        for gpu in gpus_with(feature) {
            agree(&gpu, needs);
        }
    }
}

fn agree(gpu: &Gpu, of: impl Fn(&Variant) -> bool) {
    for op in OPS {
        for case in (op.cases)() {
            for variant in case.variants.iter().filter(|v| of(v) && gpu.runs(v)) {
                if let Err(message) = mismatch(gpu, variant, &case) {
                    let (name, adapter) = (variant.name(), gpu.description());
                    panic!("{name} {} on {adapter}: {message}", case.name);
                }
            }
        }
    }
}

#[test]
fn a_planted_error_in_a_kernel_is_found() {
    static WRONG: WgslKernel = WgslKernel {
        name: "residual_planted",
        // Leaves out the last value.
        source: "
            override LEN: u32;
            @group(0) @binding(0) var<storage, read> branch: array<f32>;
            @group(0) @binding(1) var<storage, read_write> x: array<f32>;
            @compute @workgroup_size(64)
            fn main(@builtin(global_invocation_id) id: vec3<u32>) {
                if id.x + 1u < LEN { x[id.x] += branch[id.x]; }
            }",
        ..*residual_kernel()
    };
    let op = OPS.iter().find(|op| op.name == "residual").unwrap();
    for gpu in gpus() {
        for case in (op.cases)() {
            let call = case.variants[0].dispatches[0].call.clone();
            let wrong = Variant::single(&WRONG, call);
            let message = mismatch(&gpu, &wrong, &case).unwrap_err();
            assert!(
                message.contains("operand 1: value"),
                "{}: {message}",
                case.name
            );
        }
    }
}

const fn residual_kernel() -> &'static WgslKernel {
    &residual::KERNEL
}

#[test]
fn kernels_give_the_same_bits_every_time() {
    for gpu in gpus() {
        for op in OPS {
            let cases = (op.cases)();
            let case = cases.last().unwrap();
            let contents: Vec<&[u8]> = case.buffers.iter().map(Values::bytes).collect();
            for variant in case.variants.iter().filter(|v| needs_nothing(v)) {
                let run = || dispatch_once(&gpu, variant, &contents).unwrap();
                let (name, adapter) = (variant.name(), gpu.description());
                assert_eq!(run(), run(), "{name} on {adapter}");
            }
        }
    }
}

/// A weight of `1 / e` beside one of 1 is 3014 / 8192 once it is shortened, and its share of the values
/// shows it, which no example's tolerance does.
#[test]
fn attention_s_weights_are_shortened() {
    const WEIGHT: f32 = 3014.0 / 8192.0;
    let params = attention::Params {
        tokens: 2,
        heads: 1,
        head_dim: 4,
        short: true,
    };
    let query = [1.0f32, 0.0, 0.0, 0.0];
    let qkv = [
        [query, [0.0; 4], [0.0; 4]],
        [query, [-2.0, 0.0, 0.0, 0.0], [1.0; 4]],
    ];
    let contents = [
        bytemuck::cast_slice(&qkv),
        bytemuck::cast_slice(&[f32::NAN; 8]),
    ];
    for gpu in gpus() {
        for variant in attention::variants(&params, 1) {
            let after = dispatch_once(&gpu, &variant, &contents).unwrap();
            let actual: Vec<f32> = bytemuck::pod_collect_to_vec(&after[1]);
            let near = |value: &f32| (value - WEIGHT / (1.0 + WEIGHT)).abs() < 1e-6;
            let name = variant.name();
            assert!(actual.iter().all(near), "{name}: {actual:?}");
        }
    }
}

/// More values than one row of workgroups covers, and more bytes than are staged at once.
#[test]
fn long_buffers_are_covered_to_the_last_value() {
    const LEN: usize = 65_535 * 64 + 100;
    let branch: Vec<f32> = (0..LEN).map(|i| (i % 7) as f32).collect();
    let x: Vec<f32> = (0..LEN).map(|i| (i % 5) as f32).collect();
    let sum: Vec<f32> = branch
        .iter()
        .zip(&x)
        .map(|(branch, x)| branch + x)
        .collect();
    for gpu in gpus() {
        let contents = [bytemuck::cast_slice(&branch), bytemuck::cast_slice(&x)];
        let variant = Variant::single(&residual::KERNEL, residual::call(LEN));
        let after = dispatch_once(&gpu, &variant, &contents).unwrap();
        assert!(
            after[1] == bytemuck::cast_slice::<f32, u8>(&sum),
            "{}",
            gpu.description()
        );

        let contents = [bytemuck::cast_slice(&branch)];
        let variant = Variant::single(&gelu::KERNEL, gelu::call(LEN));
        let after = dispatch_once(&gpu, &variant, &contents).unwrap();
        let actual: Vec<f32> = bytemuck::pod_collect_to_vec(&after[0]);
        // The inputs repeat every seven values, so the outputs do.
        assert!(
            actual
                .iter()
                .enumerate()
                .all(|(i, value)| *value == actual[i % 7])
        );
        assert!(
            (actual[1] - 0.841_344_7).abs() < 1e-6 && actual[6] > 5.99,
            "{:?}",
            &actual[..7]
        );
    }
}
