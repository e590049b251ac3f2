// Linear layer with float weights whose rows are read, and written, in quads. What is appended multiplies.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
override HALF: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
// Panel16: [ceil(OUTPUTS / 16)][INPUTS][16], floats or pairs of halves.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

// A row's first quad. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (INPUTS / 4u);
}

// Where a row has four inputs: one quad after the other.
fn four_inputs(k: u32) -> u32 {
    return k;
}

fn store_quad(row: u32, quad: u32, sum: vec4<f32>) {
    if row < ROWS {
        let index = row * (OUTPUTS / 4u) + quad;
        let outputs = activated(sum + bias[quad]);
        if EPILOGUE == ADD {
            y[index] += outputs;
        } else {
            y[index] = outputs;
        }
    }
}
