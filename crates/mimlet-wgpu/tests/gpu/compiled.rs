//! Every kernel that a model may run, compiled by itself.

use crate::machine::gpus;
use crate::model::{FOURS, random};
use mimlet_format::{CodebookSpace, DType, Model};
use mimlet_runtime::Plan;
use mimlet_wgpu::compile_each;
use std::collections::HashSet;

#[test]
fn each_kernel_of_a_model_is_compiled_once_for_each_shape() {
    let file = random(DType::I8, CodebookSpace::Features, FOURS);
    let model = Model::parse(&file).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    for gpu in gpus() {
        let mut compiled = Vec::new();
        compile_each(&gpu, &plan, |kernel, shape| {
            compiled.push((kernel.to_owned(), shape.to_owned()));
        })
        .unwrap();
        let distinct: HashSet<_> = compiled.iter().collect();
        assert_eq!(distinct.len(), compiled.len());
        for kernel in [
            "linear_q8",
            "quantize_rows",
            "attention",
            "attention_mix_fours",
        ] {
            let of = compiled.iter().filter(|(name, _)| name == kernel);
            assert!(of.count() > 0, "{kernel} on {}", gpu.description());
        }
    }
}
