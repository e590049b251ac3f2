// Operands of a linear layer on signed bytes whose rows are read eight inputs at a time: inputs come in
// multiples of eight, outputs of four. What is appended multiplies.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;

// Quantised rows: INPUTS / 8 pairs of words of four bytes, then the bits of the row's scale and its zero point.
@group(0) @binding(0) var<storage, read> x: array<vec2<u32>>;
// Panel16x4: [ceil(OUTPUTS / 16)][INPUTS / 4][16] words of four inputs' bytes.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
// Scales of the outputs, then their biases.
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

// A row's first pair. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (INPUTS / 8u + 1u);
}

// `weights` are the sums of the outputs' weights.
fn store(row: u32, quad: u32, sum: vec4<i32>, weights: vec4<i32>) {
    if row < ROWS {
        let end = x[row_start(row) + INPUTS / 8u];
        let sums = vec4<f32>(sum + weights * bitcast<i32>(end.y)) * bitcast<f32>(end.x);
        let outputs = activated(sums * affine[quad] + affine[OUTPUTS / 4u + quad]);
        let index = row * (OUTPUTS / 4u) + quad;
        if EPILOGUE == ADD {
            y[index] += outputs;
        } else {
            y[index] = outputs;
        }
    }
}
