// Operands of a linear layer with float weights, but for those that are read as textures. The kernels
// that are appended say how the products are summed; their sums run in the order of the inputs.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
override HALF: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Panel16: [ceil(OUTPUTS / 16)][INPUTS][16], floats or pairs of halves.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Index of a row's first value in `x`. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * INPUTS;
}

// Biases of four outputs. Outputs past the last read the last and drop it.
fn biases(output: u32) -> vec4<f32> {
    let last = OUTPUTS - 1u;
    return vec4<f32>(
        bias[output],
        bias[min(output + 1u, last)],
        bias[min(output + 2u, last)],
        bias[min(output + 3u, last)],
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

fn store(row: u32, output: u32, sum: vec4<f32>) {
    if row < ROWS {
        let outputs = activated(sum + biases(output));
        store_value(row, output, outputs.x);
        store_value(row, output + 1u, outputs.y);
        store_value(row, output + 2u, outputs.z);
        store_value(row, output + 3u, outputs.w);
    }
}

