// Operands of a linear layer on signed bytes, but for its rows and those that are read as textures. The
// kernels that are appended say how the products are summed.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;

// Panel16x4: [ceil(OUTPUTS / 16)][ceil(INPUTS / 4)][16] words of four inputs' bytes.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
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

// `weights` are the sums of the outputs' weights.
fn store(row: u32, output: u32, sum: vec4<i32>, weights: vec4<i32>) {
    if row < ROWS {
        let sums = vec4<f32>(sum + weights * zero_point(row)) * row_scale(row);
        let outputs = activated(sums * affine_of(0u, output) + affine_of(OUTPUTS, output));
        store_value(row, output, outputs.x);
        store_value(row, output + 1u, outputs.y);
        store_value(row, output + 2u, outputs.z);
        store_value(row, output + 3u, outputs.w);
    }
}
