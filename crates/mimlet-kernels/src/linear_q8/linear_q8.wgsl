// Linear layer on signed bytes: 4 rows x 4 outputs an invocation, 32 x 32 a workgroup, exact sums
// in i32. Twin of cpu.rs.
//
// Accumulators are named: an array indexed in a loop would live in memory, not in registers.

requires packed_4x8_integer_dot_product;

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;

// Quantised rows: ceil(INPUTS / 4) words of four bytes, then the bits of the row's scale and its zero point.
@group(0) @binding(0) var<storage, read> x: array<u32>;
// Panel16x4: [ceil(OUTPUTS / 16)][ceil(INPUTS / 4)][16] words of four inputs' bytes.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
// Scales of the outputs, then their biases.
@group(0) @binding(2) var<storage, read> affine: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Words of four inputs in a row.
fn groups() -> u32 {
    return (INPUTS + 3u) / 4u;
}

// Index of a row's first word in `x`. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (groups() + 2u);
}

// Products of four inputs with the weights of four outputs, each summed.
fn dot_words(word: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(
        dot4I8Packed(word, w.x),
        dot4I8Packed(word, w.y),
        dot4I8Packed(word, w.z),
        dot4I8Packed(word, w.w),
    );
}

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
        let end = row_start(row) + groups();
        let row_scale = bitcast<f32>(x[end]);
        let zero_point = bitcast<i32>(x[end + 1u]);
        let sums = vec4<f32>(sum + weights * zero_point) * row_scale;
        let outputs = activated(sums * affine_of(0u, output) + affine_of(OUTPUTS, output));
        store_value(row, output, outputs.x);
        store_value(row, output + 1u, outputs.y);
        store_value(row, output + 2u, outputs.z);
        store_value(row, output + 3u, outputs.w);
    }
}

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
) {
    let output = group.x * 32u + lane.x * 4u;
    let row = group.y * 32u + lane.y * 4u;
    if output >= OUTPUTS || row >= ROWS {
        return;
    }
    let words = groups();
    let first_line = output / 16u * words;
    let quad = output % 16u / 4u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);

    var sum0 = vec4<i32>();
    var sum1 = vec4<i32>();
    var sum2 = vec4<i32>();
    var sum3 = vec4<i32>();
    var weights = vec4<i32>();
    for (var k = 0u; k < words; k += 1u) {
        let w = weight[(first_line + k) * 4u + quad];
        weights += dot_words(0x01010101u, w);
        sum0 += dot_words(x[start0 + k], w);
        sum1 += dot_words(x[start1 + k], w);
        sum2 += dot_words(x[start2 + k], w);
        sum3 += dot_words(x[start3 + k], w);
    }
    store(row, output, sum0, weights);
    store(row + 1u, output, sum1, weights);
    store(row + 2u, output, sum2, weights);
    store(row + 3u, output, sum3, weights);
}
