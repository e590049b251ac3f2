//! A 22 MB file to a ready encoder, by memory map: open, check, plan, backend. The file is in the
//! system's cache, as it is for every start but the first.

use mimlet_benches::{RUNS_PER_TURN, Times, input, interleaved, packed, vit_tiny};
use mimlet_format::{ModelFile, Scheme, write_atomically};
use mimlet_kernels::Level;
use mimlet_runtime::{CpuBackend, Encoder, Plan};
use mimlet_session::{CpuRung, Ladder, VerdictCache, VerdictKey};
use std::num::NonZeroUsize;
use std::path::Path;

/// Turns of each contestant.
const TURNS: usize = 10;
/// Milliseconds that the load may take.
const BUDGET_MS: f64 = 50.0;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("vit-tiny.mim");
    let float = vit_tiny();
    let bytes = packed(&float, Scheme::F32);
    write_atomically(&path, &bytes).expect("the file can be written");

    let mut load = || load(&path);
    let mut open = || drop(ModelFile::open(&path).expect("the file is valid"));
    let times = interleaved(TURNS, &mut [&mut load, &mut open]);
    println!(
        "load of {:.1} MB, {} runs each, milliseconds",
        bytes.len() as f64 / 1e6,
        TURNS * RUNS_PER_TURN
    );
    print("file to ready encoder", &times[0]);
    print("of which open and check", &times[1]);
    let median = times[0].median_ms();
    let verdict = if median < BUDGET_MS { "within" } else { "OVER" };
    println!("{verdict} the budget of {BUDGET_MS} ms");
    first_image(&path, &input(&float));
    cached_verdict(&path, folder.path());
}

/// A start that believes an earlier one: how long finding the verdict takes.
fn cached_verdict(path: &Path, folder: &Path) {
    let file = ModelFile::open(path).expect("the file is valid");
    let model = file.model();
    let cache = VerdictCache::in_folder(folder.join("verdicts"));
    let rung = CpuRung::fastest(NonZeroUsize::MIN);
    let ladder = Ladder::new(vec![Box::new(rung)], cache.clone());
    ladder.climb(&model).expect("the file passes its test");
    let mut find = || {
        let found = cache.find(&VerdictKey::new(&model, &rung));
        assert!(found.is_some_and(|trial| trial.verdict.passed()));
    };
    let times = interleaved(TURNS, &mut [&mut find]);
    print("verdict from the cache", &times[0]);
}

/// What a program does before its first image.
fn load(path: &Path) {
    let file = ModelFile::open(path).expect("the file is valid");
    let model = file.model();
    let plan = Plan::new(model.manifest()).expect("a parsed model has a plan");
    let backend = CpuBackend::new(&model, &plan, Level::detect(), 2).expect("the plan is its own");
    std::hint::black_box(backend);
}

/// The loaded file gives features: a load that left work undone would show here.
fn first_image(path: &Path, image: &[f32]) {
    let file = ModelFile::open(path).expect("the file is valid");
    let mut encoder = Encoder::on_cpu(&file.model(), 2).expect("a parsed model has a plan");
    let encoding = encoder.encode(image).expect("the CPU does not fail");
    assert!(encoding.class.iter().all(|value| value.is_finite()));
}

fn print(name: &str, times: &Times) {
    let [p50, p90] = [0.5, 0.9].map(|share| times.quantile_ms(share));
    println!("{name:<26} p50 {p50:7.3}  p90 {p90:7.3}");
}
