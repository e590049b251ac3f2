// Rows and weights of a linear layer with float weights, but for those that are read as textures. What is
// appended says how the products are summed, in the order of the inputs, and what becomes of the sums.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
override HALF: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Panel16: [ceil(OUTPUTS / 16)][INPUTS][16], floats or pairs of halves.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;

// Index of a row's first value in `x`. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * INPUTS;
}

// Where a row has an input: one after the other.
fn input(k: u32) -> u32 {
    return k;
}
