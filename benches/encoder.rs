//! ViT-Tiny/16 at 224 pixels on the CPU, one image a run: each scheme, one thread and two.

use criterion::Criterion;
use mimlet_benches::{input, packed, vit_tiny};
use mimlet_format::{ModelFile, Scheme};
use mimlet_runtime::{Encoder, acceptance};

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let float = vit_tiny();
    let image = input(&float);
    for (name, scheme) in [
        ("f32", Scheme::F32),
        ("f16", Scheme::F16),
        ("int8", Scheme::Int8),
    ] {
        let file = ModelFile::from_aligned(packed(&float, scheme)).expect("an export is valid");
        let model = file.model();
        let mut group = criterion.benchmark_group(format!("vit-tiny-16 {name}"));
        for threads in [1, 2] {
            let mut encoder = Encoder::on_cpu(&model, threads).expect("a model has a plan");
            let verdict = acceptance::run(&model, &mut encoder).expect("the CPU does not fail");
            assert!(
                verdict.passed(),
                "no time without a right result: {:?}",
                verdict.failures
            );
            group.bench_function(encoder.describe(), |bencher| {
                bencher.iter(|| encoder.encode(&image).map(|encoding| encoding.class[0]));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
