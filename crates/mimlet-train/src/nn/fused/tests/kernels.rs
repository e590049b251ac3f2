//! The arithmetic, on plain slices.

use super::{disagreement, noise, oracle, wide};
use crate::nn::fused::block::{self, Parts, Shape};
use crate::nn::fused::gemm::{Left, Panels, multiply, multiply_transposed};
use crate::nn::fused::linear::{self, Layer};
use crate::nn::fused::norm::{self, Affine};
use crate::nn::fused::{cross_entropy, update, vector};

const TOLERANCE: f64 = 2e-5;

#[track_caller]
fn assert_near(found: &[f32], expected: &[f64], what: &str) {
    if let Some(message) = disagreement(found, expected, TOLERANCE) {
        panic!("{what}: {message}");
    }
}

/// The slope of `loss` along `direction` at `at`, in f64.
fn slope(at: &[f32], direction: &[f32], loss: impl Fn(&[f64]) -> f64) -> f64 {
    let step = 1e-5;
    let moved = |by: f64| -> f64 {
        let pairs = at.iter().zip(direction);
        let values: Vec<f64> = pairs
            .map(|(&at, &d)| f64::from(at) + by * f64::from(d))
            .collect();
        loss(&values)
    };
    (moved(step) - moved(-step)) / (2.0 * step)
}

/// Compares `gradient` with finite differences of `loss`: along every element of a short one,
/// along some elements and along random directions through all of them of a long one.
#[track_caller]
fn assert_gradient(at: &[f32], gradient: &[f32], what: &str, loss: impl Fn(&[f64]) -> f64) {
    let count = at.len();
    assert_eq!(gradient.len(), count, "{what}");
    let mut directions: Vec<Vec<f32>> = vec![noise(91, count), noise(92, count)];
    for element in (0..count).step_by(count.div_ceil(6)) {
        let mut direction = vec![0.0; count];
        direction[element] = 1.0;
        directions.push(direction);
    }
    let largest = gradient.iter().fold(0.0f32, |top, g| top.max(g.abs()));
    for direction in directions {
        let pairs = gradient.iter().zip(&direction);
        let along: f64 = pairs.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
        let expected = slope(at, &direction, &loss);
        let length = direction.iter().map(|&d| f64::from(d).powi(2)).sum::<f64>();
        let scale = f64::from(largest).max(1e-2) * length.sqrt();
        assert!(
            (along - expected).abs() <= TOLERANCE * scale,
            "{what}: {along}, not {expected} (scale {scale})"
        );
    }
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

#[test]
fn products_of_any_shape_equal_plain_loops() {
    for (rows, depth, width) in [
        (1, 1, 1),
        (3, 5, 7),
        (13, 300, 33),
        (65, 20, 12),
        (7, 513, 260),
    ] {
        let (a, b) = (noise(1, rows * depth), noise(2, depth * width));
        let start = noise(3, rows * width);
        let element = |i: usize, j: usize| {
            let products =
                (0..depth).map(|k| f64::from(a[i * depth + k]) * f64::from(b[k * width + j]));
            f64::from(start[i * width + j]) + products.sum::<f64>()
        };
        let all = (0..rows * width).map(|at| element(at / width, at % width));
        let expected: Vec<f64> = all.collect();
        let name = format!("{rows} x {depth} x {width}");

        let panels = Panels::from_rows(&b, width, depth, width);
        let left = Left::ByRow {
            data: &a,
            stride: depth,
        };
        let mut sums = start.clone();
        multiply(left, &panels, rows, &mut sums, width);
        assert_near(&sums, &expected, &name);

        let across = transposed(&b, width);
        let panels = Panels::from_columns(&across, depth, depth, width);
        let mut again = start.clone();
        multiply(left, &panels, rows, &mut again, width);
        assert_eq!(sums, again, "{name}, panels from columns");

        let columns = transposed(&a, depth);
        let mut again = start.clone();
        let mut panels = Panels::empty();
        multiply_transposed(
            (&columns, rows),
            (&b, width),
            [depth, rows, width],
            &mut again,
            &mut panels,
        );
        assert_eq!(sums, again, "{name}, transposed");
    }
}

fn transposed(values: &[f32], width: usize) -> Vec<f32> {
    let columns = 0..width;
    columns
        .flat_map(|column| values.iter().skip(column).step_by(width).copied())
        .collect()
}

#[test]
fn elementary_functions_are_within_their_bounds() {
    for i in -9000..=9000 {
        let x = i as f32 * 0.01;
        let exact = libm::exp(f64::from(x.clamp(-87.0, 88.0)));
        let error = (f64::from(vector::exp(x)) - exact).abs() / exact;
        assert!(error < 2.4e-7, "exp({x}) is off by {error}");

        let (value, slope) = vector::gelu(x);
        let bound = 3e-7 * f64::from(x.abs()).max(1.0);
        let error = (f64::from(value) - oracle::gelu(f64::from(x))).abs();
        assert!(error < bound, "gelu({x}) is off by {error}");
        let step = 1e-4;
        let exact = oracle::gelu(f64::from(x) + step) - oracle::gelu(f64::from(x) - step);
        let error = (f64::from(slope) - exact / (2.0 * step)).abs();
        assert!(error < 1e-6, "gelu'({x}) is off by {error}");
    }
    assert!(vector::exp(f32::NAN).is_nan() && vector::gelu(f32::NAN).0.is_nan());
    assert_eq!(vector::gelu(0.0).0, 0.0);
}

fn parameters(shape: Shape) -> Parts<Vec<f32>> {
    let (dim, mlp) = (shape.dim, shape.mlp);
    let counts = [
        dim,
        dim,
        3 * dim * dim,
        3 * dim,
        dim * dim,
        dim,
        dim,
        dim,
        mlp * dim,
        mlp,
        dim * mlp,
        dim,
    ];
    let mut seed = 10;
    Parts::from_array(counts.map(|count| {
        seed += 1;
        noise(seed, count)
    }))
}

fn widened(parameters: &Parts<Vec<f32>>) -> Parts<Vec<f64>> {
    Parts::from_array(parameters.as_ref().into_array().map(|values| wide(values)))
}

fn slices(parameters: &Parts<Vec<f32>>) -> Parts<&[f32]> {
    Parts::from_array(parameters.as_ref().into_array().map(|values| &values[..]))
}

#[test]
fn a_block_and_its_gradients_equal_the_oracle() {
    for (batch, tokens, dim, heads, mlp) in [
        (1, 1, 4, 1, 8),
        (1, 3, 12, 3, 20),
        (3, 17, 20, 2, 12),
        (2, 65, 12, 4, 16),
        (1, 197, 4, 2, 12),
    ] {
        let shape = Shape {
            batch,
            tokens,
            dim,
            heads,
            mlp,
        };
        let name = format!("{shape:?}");
        let parameters = parameters(shape);
        let (x, weights) = (noise(5, shape.rows() * dim), noise(6, shape.rows() * dim));
        let mut out = vec![f32::NAN; x.len()];
        let saved = block::forward(shape, &slices(&parameters), &x, &mut out);
        let expected = oracle::block(shape, &widened(&parameters), &wide(&x));
        assert_near(&out, &expected, &name);

        let mut input = vec![f32::NAN; x.len()];
        let gradients = block::backward(
            shape,
            &slices(&parameters),
            &saved,
            &x,
            &weights,
            &mut input,
        );
        assert_gradient(&x, &input, &name, |x| {
            dot(&oracle::block(shape, &widened(&parameters), x), &weights)
        });
        let pairs = parameters
            .as_ref()
            .into_array()
            .into_iter()
            .zip(gradients.into_array());
        for (index, (values, gradient)) in pairs.enumerate() {
            assert_gradient(
                values,
                &gradient,
                &format!("{name} parameter {index}"),
                |moved| {
                    let mut all = widened(&parameters).into_array();
                    all[index] = moved.to_vec();
                    dot(
                        &oracle::block(shape, &Parts::from_array(all), &wide(&x)),
                        &weights,
                    )
                },
            );
        }
    }
}

#[test]
fn linear_layers_and_their_gradients_equal_the_oracle() {
    for (rows, inputs, outputs) in [(1, 4, 3), (3, 12, 20), (197, 20, 33)] {
        let name = format!("{rows} x {inputs} x {outputs}");
        let (x, output) = (noise(1, rows * inputs), noise(2, rows * outputs));
        let (weight, bias) = (noise(3, outputs * inputs), noise(4, outputs));
        let layer = Layer {
            weight: &weight,
            bias: &bias,
        };
        let mut out = vec![f32::NAN; rows * outputs];
        linear::forward(layer, &x, &mut out);
        let (wide_x, wide_weight, wide_bias) = (wide(&x), wide(&weight), wide(&bias));
        assert_near(
            &out,
            &oracle::linear(&wide_x, &wide_weight, &wide_bias),
            &name,
        );

        let mut input = vec![f32::NAN; x.len()];
        linear::input_gradient(layer, &output, &mut input);
        assert_gradient(&x, &input, &name, |x| {
            dot(&oracle::linear(x, &wide_weight, &wide_bias), &output)
        });
        let gradients = linear::parameter_gradients(layer, &x, &output);
        assert_gradient(&weight, &gradients.0, &name, |weight| {
            dot(&oracle::linear(&wide_x, weight, &wide_bias), &output)
        });
        assert_gradient(&bias, &gradients.1, &name, |bias| {
            dot(&oracle::linear(&wide_x, &wide_weight, bias), &output)
        });
    }
}

#[test]
fn norms_and_their_gradients_equal_the_oracle() {
    for (rows, dim) in [(1, 4), (3, 12), (197, 20), (65, 33)] {
        let name = format!("{rows} x {dim}");
        let (x, output) = (noise(1, rows * dim), noise(2, rows * dim));
        let (gain, offset) = (noise(3, dim), noise(4, dim));
        let affine = Affine {
            gain: &gain,
            offset: &offset,
        };
        let mut out = vec![f32::NAN; x.len()];
        norm::forward(&x, affine, &mut out);
        let (wide_x, wide_gain, wide_offset) = (wide(&x), wide(&gain), wide(&offset));
        assert_near(
            &out,
            &oracle::norm(&wide_x, &wide_gain, &wide_offset),
            &name,
        );
        let [input, gains, offsets] = norm::backward(&x, affine, &output);
        assert_gradient(&x, &input, &name, |x| {
            dot(&oracle::norm(x, &wide_gain, &wide_offset), &output)
        });
        assert_gradient(&gain, &gains, &name, |gain| {
            dot(&oracle::norm(&wide_x, gain, &wide_offset), &output)
        });
        assert_gradient(&offset, &offsets, &name, |offset| {
            dot(&oracle::norm(&wide_x, &wide_gain, offset), &output)
        });
    }
}

#[test]
fn cross_entropy_and_its_gradient_equal_the_oracle() {
    for (rows, classes) in [(1, 2), (3, 100), (197, 33)] {
        let logits: Vec<f32> = noise(1, rows * classes).iter().map(|x| 8.0 * x).collect();
        let targets: Vec<usize> = (0..rows).map(|row| row * 31 % classes).collect();
        let (loss, normalisers) = cross_entropy::forward(&logits, &targets);
        let expected = oracle::cross_entropy(&wide(&logits), &targets);
        // Losses near zero are differences of numbers near one.
        let bound = 1e-6 * expected.max(0.2);
        assert!((loss - expected).abs() < bound, "{loss} {expected}");
        let gradient = cross_entropy::backward(&logits, &targets, &normalisers, 1.0 / rows as f32);
        assert_gradient(&logits, &gradient, "logits", |logits| {
            oracle::cross_entropy(logits, &targets)
        });
    }
}

#[test]
fn extreme_logits_give_finite_losses_and_nan_is_not_hidden() {
    let (loss, _) = cross_entropy::forward(&[1e30, -1e30, 0.0, 1e4, 1e4, -1e4], &[0, 1]);
    assert!((loss - 0.5 * 2f64.ln()).abs() < 1e-6, "{loss}");
    assert!(cross_entropy::forward(&[f32::NAN, 0.0], &[1]).0.is_nan());
}

#[test]
fn a_step_of_adamw_equals_its_formula() {
    let step = update::Step {
        scale: 0.5,
        beta1: 0.9,
        beta2: 0.95,
        keep: 0.999,
        rate: 0.02,
        correction: 3.0,
        epsilon: 1e-8,
    };
    // More than one task, and not a multiple of any vector's width.
    let count = (1 << 15) + 13;
    let gradient = noise(1, count);
    let (mut parameter, mut first) = (noise(2, count), noise(3, count));
    let mut second: Vec<f32> = noise(4, count).iter().map(|x| x * x).collect();
    let expected = |at: usize| {
        let gradient = 0.5 * f64::from(gradient[at]);
        let first = 0.9 * f64::from(first[at]) + 0.1 * gradient;
        let second = 0.95 * f64::from(second[at]) + 0.05 * gradient * gradient;
        let moved = 0.02 * first / ((3.0 * second).sqrt() + 1e-8);
        (0.999 * f64::from(parameter[at]) - moved, first, second)
    };
    let expected: Vec<_> = (0..count).map(expected).collect();
    update::adamw(step, &gradient, &mut parameter, &mut first, &mut second);
    let part = |pick: fn(&(f64, f64, f64)) -> f64| expected.iter().map(pick).collect::<Vec<_>>();
    assert_near(&parameter, &part(|e| e.0), "parameter");
    assert_near(&first, &part(|e| e.1), "first moment");
    assert_near(&second, &part(|e| e.2), "second moment");
    let squares: f64 = gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
    assert!((update::sum_of_squares(&gradient) - squares).abs() < 1e-9 * squares);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let shape = Shape {
        batch: 7,
        tokens: 17,
        dim: 20,
        heads: 2,
        mlp: 36,
    };
    let parameters = parameters(shape);
    let x = noise(5, shape.rows() * shape.dim);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut out = vec![0.0; x.len()];
            let saved = block::forward(shape, &slices(&parameters), &x, &mut out);
            let mut input = vec![0.0; x.len()];
            let gradients =
                block::backward(shape, &slices(&parameters), &saved, &x, &out, &mut input);
            (out, input, gradients.into_array())
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}
