// What becomes of a layer's sums of products with 4-bit weights.

@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn store_value(row: u32, output: u32, value: f32) {
    if output < OUTPUTS {
        let index = row * OUTPUTS + output;
        if EPILOGUE == ADD {
            y[index] += value;
        } else {
            y[index] = value;
        }
    }
}

// `sum` is of whole inputs, with their zero point.
fn finish(row: u32, output: u32, sum: Sum) {
    if row < ROWS {
        let outputs = activated(sum * row_scale(row) + biases(output));
        store_value(row, output, outputs.x);
        store_value(row, output + 1u, outputs.y);
        store_value(row, output + 2u, outputs.z);
        store_value(row, output + 3u, outputs.w);
    }
}

// `weights` are the scaled sums of the outputs' weights.
fn store(row: u32, output: u32, sum: Sum, weights: Sum) {
    finish(row, output, sum + weights * f32(zero_point(row)));
}
