//! A device that has one of WGSL's functions wrong has it wrong in all kernels: those for packed products of
//! bytes, which few programs use but ours.

use super::Machine;
use crate::Tuning;
use crate::units::Unit;
use mimlet_kernels::{Variant, WgslKernel};
use mimlet_runtime::{Encoder, Encoding};

/// The variants as a device runs them that takes each packed product with another word's bytes.
fn with_wrong_products(mut variants: Vec<Variant>) -> Vec<Variant> {
    for dispatch in variants.iter_mut().flat_map(|v| &mut v.dispatches) {
        let source = dispatch.kernel.source;
        let wrong = source.replace("dot4I8Packed(word, w.y)", "dot4I8Packed(word, w.x)");
        if wrong != source {
            dispatch.kernel = Box::leak(Box::new(WgslKernel {
                source: Box::leak(wrong.into_boxed_str()),
                ..*dispatch.kernel
            }));
        }
    }
    variants
}

#[test]
fn a_gpu_whose_packed_products_are_wrong_runs_its_plainest_kernels_right() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let units = Unit::of(&machine.plan);
    let plainest = machine.program(Tuning::Plainest);
    for kernel in [
        "linear_q8_packed",
        "linear_q8_tiles_32",
        "linear_q8_made_64",
    ] {
        let of = |unit: &Unit| {
            let variants = unit.variants(1);
            let runs = |v: &&Variant| v.dispatches.iter().any(|d| d.kernel.name == kernel);
            variants.iter().find(runs).unwrap_or(&variants[0]).clone()
        };
        let sound: Vec<Variant> = units.iter().map(of).collect();
        let mut encoder = machine.encoder(&with_wrong_products(sound)).unwrap();
        assert!(!machine.accepted(&mut encoder).unwrap().0, "{kernel}");
    }
    // The rung after that.
    let planted = with_wrong_products(plainest.variants.clone());
    assert_eq!(planted, plainest.variants, "they take no packed product");
    let mut encoder = machine.encoder(&planted).unwrap();
    let (passed, answers) = machine.accepted(&mut encoder).unwrap();
    assert!(passed);
    let mut cpu = Encoder::on_cpu(&machine.model, 1).unwrap();
    let (_, right) = machine.accepted(&mut cpu).unwrap();
    let tokens = |answers: &[Encoding]| -> Vec<u32> {
        answers
            .iter()
            .flat_map(|answer| answer.tokens.clone())
            .collect()
    };
    let (tokens, right) = (tokens(&answers), tokens(&right));
    let flips = tokens.iter().zip(&right).filter(|(a, b)| a != b).count();
    assert!(flips * 200 <= right.len(), "{flips} of {}", right.len());
}
