// What becomes of a layer's sums of products of signed bytes.

// Scales of the outputs, then their biases.
@group(0) @binding(2) var<storage, read> affine: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Scales of four outputs, or from OUTPUTS on their biases. Outputs past the last read the last and
// drop it.
fn affine_of(first: u32, output: u32) -> vec4<f32> {
    let last = OUTPUTS - 1u;
    return vec4<f32>(
        affine[first + output],
        affine[first + min(output + 1u, last)],
        affine[first + min(output + 2u, last)],
        affine[first + min(output + 3u, last)],
    );
}

// `sum` is of whole inputs, with their zero point.
fn finish(row: u32, output: u32, sum: Sum) {
    if row < ROWS {
        let sums = vec4<f32>(sum) * row_scale(row);
        store_outputs(row, output, activated(sums * affine_of(0u, output) + affine_of(OUTPUTS, output)));
    }
}

// `weights` are the sums of the outputs' weights.
fn store(row: u32, output: u32, sum: Sum, weights: Sum) {
    finish(row, output, sum + weights * zero_point(row));
}
