//! mimlet and tract-onnx on the same weights and input, taking turns in one run. No time is printed
//! unless both give the same features.

mod onnx_graph;

use mimlet_benches::{RUNS_PER_TURN, Times, input, interleaved, packed, vit_tiny};
use mimlet_export::FloatModel;
use mimlet_format::{ModelFile, Scheme};
use mimlet_runtime::{Encoder, acceptance};
use std::process::ExitCode;
use std::sync::Arc;
use tract_linalg::multithread::{Executor, multithread_tract_scope};
use tract_onnx::prelude::*;

/// Largest difference of a feature between the two.
const TOLERANCE: f32 = 1e-3;
/// Turns of each.
const TURNS: usize = 10;

/// tract's model, ready to run.
type Tract = Arc<TypedRunnableModel>;

fn main() -> ExitCode {
    let float = vit_tiny();
    let image = input(&float);
    let file = ModelFile::from_aligned(packed(&float, Scheme::F32)).expect("an export is valid");
    let model = file.model();
    let mut ours = [1, 2].map(|threads| Encoder::on_cpu(&model, threads).expect("it has a plan"));
    let tract = match load_tract(&float) {
        Ok(tract) => tract,
        Err(error) => return refuse(&format!("tract cannot run the graph: {error:#}")),
    };
    for encoder in &mut ours {
        let verdict = acceptance::run(&model, encoder).expect("the CPU does not fail");
        if !verdict.passed() {
            return refuse(&format!("our own result is wrong: {:?}", verdict.failures));
        }
    }
    let difference = difference(&mut ours[0], &tract, &float, &image);
    println!("largest difference of a feature: {difference:e}");
    if difference > TOLERANCE || difference.is_nan() {
        return refuse(&format!("the features differ by more than {TOLERANCE}"));
    }
    compare(&mut ours, &tract, &float, &image);
    ExitCode::SUCCESS
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("peers_tract: no times: {why}");
    ExitCode::FAILURE
}

fn load_tract(float: &FloatModel) -> TractResult<Tract> {
    let graph = onnx_graph::vit(float);
    let model = onnx().parse(&graph, None)?.model;
    model.into_optimized()?.into_runnable()
}

/// All features after the final norm, `[tokens, embed_dim]`.
fn run_tract(tract: &Tract, float: &FloatModel, image: &[f32]) -> TractResult<Vec<f32>> {
    let [height, width] = float.encoder.image_size.map(|side| side as usize);
    let input = Tensor::from_shape(&[1, 3, height, width], image)?;
    let outputs = tract.run(tvec!(input.into()))?;
    Ok(outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

fn difference(ours: &mut Encoder<'_>, tract: &Tract, float: &FloatModel, image: &[f32]) -> f32 {
    let theirs = run_tract(tract, float, image).expect("tract has run the graph before");
    let encoding = ours.encode(image).expect("the CPU does not fail");
    let rows = encoding.class.iter().chain(&encoding.patches);
    let differences = rows.zip(&theirs).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |largest, d| {
        if d > largest || d.is_nan() {
            d
        } else {
            largest
        }
    })
}

fn compare(ours: &mut [Encoder<'_>; 2], tract: &Tract, float: &FloatModel, image: &[f32]) {
    let two = Executor::multithread(2);
    let run = || assert!(run_tract(tract, float, image).is_ok());
    let [one_thread, two_threads] = ours;
    let mut encode_one = || assert!(one_thread.encode(image).is_ok());
    let mut encode_two = || assert!(two_threads.encode(image).is_ok());
    let (mut tract_one, mut tract_two) = (run, || multithread_tract_scope(two.clone(), run));
    let times = interleaved(
        TURNS,
        &mut [
            &mut encode_one,
            &mut tract_one,
            &mut encode_two,
            &mut tract_two,
        ],
    );
    let names = [
        "mimlet, 1 thread",
        "tract, 1 thread",
        "mimlet, 2 threads",
        "tract, 2 threads",
    ];
    let runs = TURNS * RUNS_PER_TURN;
    println!("ViT-Tiny/16 at 224 px, f32, {runs} runs each in {TURNS} turns, milliseconds");
    for (name, times) in names.iter().zip(&times) {
        let [p50, p90] = [0.5, 0.9].map(|share| times.quantile_ms(share));
        println!("{name:<18} p50 {p50:7.2}  p90 {p90:7.2}");
    }
    let ratio = |a: &Times, b: &Times| a.median_ms() / b.median_ms();
    println!(
        "mimlet / tract, 1 thread: {:.2}",
        ratio(&times[0], &times[1])
    );
    println!(
        "mimlet / tract, 2 threads: {:.2}",
        ratio(&times[2], &times[3])
    );
    println!(
        "mimlet, 2 threads / tract, 1 thread: {:.2}",
        ratio(&times[2], &times[1])
    );
}
