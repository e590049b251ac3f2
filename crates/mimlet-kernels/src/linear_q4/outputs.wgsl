// What becomes of a layer's sums of products with 4-bit weights.

@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// `sum` is of whole inputs, with their zero point.
fn finish(row: u32, output: u32, sum: Sum) {
    if row < ROWS {
        store_outputs(row, output, activated(sum * row_scale(row) + biases(output)));
    }
}

// `weights` are the scaled sums of the outputs' weights.
fn store(row: u32, output: u32, sum: Sum, weights: Sum) {
    finish(row, output, sum + weights * f32(zero_point(row)));
}
