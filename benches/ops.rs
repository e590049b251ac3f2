//! Every op of [`OPS`] on the CPU at the shapes of ViT-Tiny/16 at 224 pixels, one thread, at the
//! machine's best SIMD level; and how near each comes to the roofline of this machine.

mod roofline;

use criterion::Criterion;
use mimlet_kernels::case::Stream;
use mimlet_kernels::panel::{Panels, len16, len16x4, len16x8};
use mimlet_kernels::{
    Epilogue, Level, OPS, attention, gelu, layer_norm, linear, linear_q4, linear_q8,
    nearest_centroid, patch_embed, patchify, quantize_rows, residual,
};
use roofline::{Roofline, Work, least};
use std::hint::black_box;
use std::time::Duration;

/// Side of the image and of a patch, pixels.
const IMAGE: usize = 224;
const PATCH: usize = 16;
/// Patches, and rows of the residual stream.
const PATCHES: usize = (IMAGE / PATCH) * (IMAGE / PATCH);
const TOKENS: usize = PATCHES + 1;
/// Values in a patch, width of the stream, width of the MLP, heads.
const PATCH_DIM: usize = 3 * PATCH * PATCH;
const DIM: usize = 192;
const MLP_DIM: usize = 768;
const HEADS: usize = 3;
/// Centroids of a codebook.
const CENTROIDS: usize = 100;

/// One op on its inputs, ready to be repeated.
type Run = Box<dyn FnMut(Level)>;

/// A shape, what the op does at it, and the op.
type Shaped = (String, Work, Run);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let level = Level::detect();
    let roofline = Roofline::measure(level);
    let mut lines = Vec::new();
    for op in OPS {
        let mut runs = runs_of(op.name);
        assert!(
            !runs.is_empty(),
            "op {} has no bench: add one here",
            op.name
        );
        let mut group = criterion.benchmark_group(op.name);
        for (shape, work, run) in &mut runs {
            group.bench_function(shape.as_str(), |bencher| bencher.iter(|| run(level)));
            let took = least(Duration::from_millis(50), || run(level));
            lines.push((format!("{}/{shape}", op.name), took, roofline.least(*work)));
        }
        group.finish();
    }
    criterion.final_summary();
    print(level, roofline, &lines);
}

/// Prints the shortest run of each op beside the least time that the roofline allows.
fn print(level: Level, roofline: Roofline, lines: &[(String, Duration, Duration)]) {
    let giga = 1e-9;
    println!(
        "\nroofline at {}: {:.1} G float and {:.1} G byte products, {:.1} GB copied a second",
        level.name(),
        roofline.float_products * giga,
        roofline.byte_products * giga,
        roofline.bytes * giga
    );
    println!(
        "{:<48} {:>9} {:>9} {:>9}",
        "shortest run", "us", "roofline", "share"
    );
    for (name, took, least) in lines {
        let [took, least] = [took, least].map(|time| time.as_secs_f64() * 1e6);
        let share = 100.0 * least / took;
        println!("{name:<48} {took:>9.1} {least:>9.1} {share:>7.0} %");
    }
}

/// What an op does in ViT-Tiny/16, by shape.
fn runs_of(op: &str) -> Vec<Shaped> {
    match op {
        "patchify" => named("224 px, patch 16", moved(6 * IMAGE * IMAGE), patchify_run()),
        "patch_embed" => named(
            "196 patches, 768 to 192",
            products(PATCHES, PATCH_DIM, DIM),
            patch_embed_run(),
        ),
        "layer_norm" => named("197 rows of 192", moved(2 * TOKENS * DIM), layer_norm_run()),
        "quantize_rows" => named(
            "197 rows of 192",
            moved(TOKENS * (DIM + DIM / 4)),
            quantize_rows_run(),
        ),
        "linear" => layers(products, linear_run),
        "linear_q8" => layers(products_of_bytes, linear_q8_run),
        "linear_q4" => layers(products_of_bytes, linear_q4_run),
        "attention" => named(
            "197 tokens, 3 heads of 64",
            attention_work(),
            attention_run(),
        ),
        "gelu" => named("197 x 768", moved(2 * TOKENS * MLP_DIM), gelu_run()),
        "residual" => named("197 x 192", moved(3 * TOKENS * DIM), residual_run()),
        "nearest_centroid" => named(
            "196 rows of 192, 100 centroids",
            products(PATCHES, DIM, CENTROIDS),
            nearest_centroid_run(),
        ),
        _ => Vec::new(),
    }
}

fn named(shape: &str, work: Work, run: Run) -> Vec<Shaped> {
    vec![(shape.to_owned(), work, run)]
}

/// Work that is all reading and writing words.
fn moved(words: usize) -> Work {
    Work {
        bytes: 4 * words,
        ..Work::default()
    }
}

/// A product of matrices of floats.
fn products(rows: usize, inputs: usize, outputs: usize) -> Work {
    Work {
        float_products: rows * inputs * outputs,
        byte_products: 0,
        bytes: 4 * (rows * inputs + inputs * outputs + rows * outputs),
    }
}

/// A product of matrices of bytes, its outputs floats.
fn products_of_bytes(rows: usize, inputs: usize, outputs: usize) -> Work {
    Work {
        float_products: 0,
        byte_products: rows * inputs * outputs,
        bytes: rows * inputs + inputs * outputs + 4 * rows * outputs,
    }
}

/// Scores and mixed values; exponentials are not counted.
fn attention_work() -> Work {
    Work {
        float_products: 2 * TOKENS * TOKENS * DIM,
        byte_products: 0,
        bytes: 4 * 4 * TOKENS * DIM,
    }
}

/// The four linear layers of a block.
fn layers(work: fn(usize, usize, usize) -> Work, run: fn(usize, usize) -> Run) -> Vec<Shaped> {
    [(DIM, 3 * DIM), (DIM, DIM), (DIM, MLP_DIM), (MLP_DIM, DIM)]
        .into_iter()
        .map(|(inputs, outputs)| {
            (
                format!("197 rows, {inputs} to {outputs}"),
                work(TOKENS, inputs, outputs),
                run(inputs, outputs),
            )
        })
        .collect()
}

fn values(len: usize) -> Vec<f32> {
    Stream::new(len as u64).values(len, 1.0)
}

fn patchify_run() -> Run {
    let params = patchify::Params {
        height: IMAGE,
        width: IMAGE,
        patch: PATCH,
    };
    let (image, mut patches) = (values(3 * IMAGE * IMAGE), vec![0.0; PATCHES * PATCH_DIM]);
    Box::new(move |_| patchify::cpu(&params, black_box(&image), 0, black_box(&mut patches)))
}

fn patch_embed_run() -> Run {
    let params = patch_embed::Params {
        prefix: 1,
        patches: PATCHES,
        patch_dim: PATCH_DIM,
        embed_dim: DIM,
        half: false,
        fused: true,
    };
    let (patches, weight) = (values(PATCHES * PATCH_DIM), values(len16(DIM, PATCH_DIM)));
    let (table, mut out) = (values(TOKENS * DIM), vec![0.0; TOKENS * DIM]);
    Box::new(move |level| {
        let weight = Panels::F32(&weight);
        patch_embed::cpu(
            level,
            &params,
            black_box(&patches),
            weight,
            &table,
            0,
            &mut [],
            &mut out,
        );
        black_box(&out);
    })
}

fn layer_norm_run() -> Run {
    let params = layer_norm::Params {
        dim: DIM,
        eps: 1e-6,
    };
    let (x, weight, bias) = (values(TOKENS * DIM), values(DIM), values(DIM));
    let mut y = vec![0.0; TOKENS * DIM];
    Box::new(move |level| {
        layer_norm::cpu(
            level,
            &params,
            black_box(&x),
            &weight,
            &bias,
            black_box(&mut y),
        );
    })
}

fn quantize_rows_run() -> Run {
    let params = quantize_rows::Params { dim: DIM };
    let x = values(TOKENS * DIM);
    let mut quantized = vec![0; TOKENS * quantize_rows::row_words(DIM)];
    Box::new(move |level| {
        quantize_rows::cpu(level, &params, black_box(&x), black_box(&mut quantized));
    })
}

fn linear_run(inputs: usize, outputs: usize) -> Run {
    let params = linear::Params {
        inputs,
        outputs,
        half: false,
    };
    let (x, weight) = (values(TOKENS * inputs), values(len16(outputs, inputs)));
    let (bias, mut y) = (values(outputs), vec![0.0; TOKENS * outputs]);
    Box::new(move |level| {
        let weight = Panels::F32(&weight);
        linear::cpu(
            level,
            &params,
            black_box(&x),
            weight,
            &bias,
            Epilogue::Store,
            &mut [],
            black_box(&mut y),
        );
    })
}

fn linear_q8_run(inputs: usize, outputs: usize) -> Run {
    let params = linear_q8::Params { inputs, outputs };
    let mut x = vec![0; TOKENS * params.row_words()];
    let rows = quantize_rows::Params { dim: inputs };
    quantize_rows::cpu(Level::BASELINE, &rows, &values(TOKENS * inputs), &mut x);
    let mut stream = Stream::new(1);
    let byte = |_| (stream.signed() * 127.0) as i8;
    let weight: Vec<i8> = (0..len16x4(outputs, inputs)).map(byte).collect();
    let (scale, bias) = (values(outputs), values(outputs));
    let (mut sums, mut y) = (vec![0; outputs], vec![0.0; TOKENS * outputs]);
    linear_q8::sums(Level::BASELINE, &params, &weight, &mut sums);
    let mut scratch = vec![0; linear_q8::scratch_len(Level::detect(), &params, TOKENS)];
    Box::new(move |level| {
        let weights = linear_q8::Weights {
            weight: &weight,
            scale: &scale,
            bias: &bias,
            sums: &sums,
        };
        linear_q8::cpu(
            level,
            &params,
            black_box(&x),
            &weights,
            Epilogue::Store,
            &mut scratch,
            black_box(&mut y),
        );
    })
}

fn linear_q4_run(inputs: usize, outputs: usize) -> Run {
    let params = linear_q4::Params {
        inputs,
        outputs,
        group_size: 32,
    };
    let mut x = vec![0; TOKENS * params.row_words()];
    let rows = quantize_rows::Params { dim: inputs };
    quantize_rows::cpu(Level::BASELINE, &rows, &values(TOKENS * inputs), &mut x);
    let mut stream = Stream::new(1);
    let byte = |_| stream.bits() as u8;
    let weight: Vec<u8> = (0..len16x8(outputs, inputs)).map(byte).collect();
    // Of 2^-7 each.
    let scales = vec![0x2000; len16(outputs, params.groups())];
    let (bias, mut y) = (values(outputs), vec![0.0; TOKENS * outputs]);
    let mut sums = vec![0.0; outputs];
    linear_q4::sums(Level::BASELINE, &params, &weight, &scales, &mut sums);
    let mut scratch = vec![0; linear_q4::scratch_len(&params, TOKENS)];
    Box::new(move |level| {
        let weights = linear_q4::Weights {
            weight: &weight,
            scales: &scales,
            bias: &bias,
            sums: &sums,
        };
        linear_q4::cpu(
            level,
            &params,
            black_box(&x),
            &weights,
            Epilogue::Store,
            &mut scratch,
            black_box(&mut y),
        );
    })
}

fn attention_run() -> Run {
    let params = attention::Params {
        tokens: TOKENS,
        heads: HEADS,
        head_dim: DIM / HEADS,
        exact: true,
    };
    let (qkv, mut out) = (values(TOKENS * 3 * DIM), vec![0.0; TOKENS * DIM]);
    let mut scratch = vec![0; attention::whole_len(&params)];
    Box::new(move |level| {
        let out = black_box(&mut out);
        attention::cpu(level, &params, black_box(&qkv), &mut scratch, out);
    })
}

/// In place, on values that stay as they are: GELU of a large number is that number.
fn gelu_run() -> Run {
    let mut x = vec![8.0; TOKENS * MLP_DIM];
    Box::new(move |level| gelu::cpu(level, black_box(&mut x)))
}

/// In place; zeros keep the sum finite.
fn residual_run() -> Run {
    let (branch, mut x) = (vec![0.0; TOKENS * DIM], values(TOKENS * DIM));
    Box::new(move |level| residual::cpu(level, black_box(&branch), black_box(&mut x)))
}

fn nearest_centroid_run() -> Run {
    let params = nearest_centroid::Params {
        dim: DIM,
        centroids: CENTROIDS,
    };
    let (x, centroids) = (values(PATCHES * DIM), values(len16(CENTROIDS, DIM)));
    let (mut tokens, mut distances) = (vec![0; PATCHES], vec![0.0; PATCHES * 2]);
    Box::new(move |level| {
        let tokens = black_box(&mut tokens);
        nearest_centroid::cpu(
            level,
            &params,
            black_box(&x),
            nearest_centroid::Centroids::F32(&centroids),
            tokens,
            &mut distances,
        );
    })
}
