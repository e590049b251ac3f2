// Linear layer on signed bytes, rows and weights read through the texture unit: 8 rows x 8 outputs
// an invocation, 16 x 64 a workgroup, exact sums in i32. No workgroup memory.
//
// Bytes of weights are widened once for eight rows, so that products need no integer dot product.
// Sums are named: an array indexed in a loop would live in memory, not in registers.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;

// Quantised rows: ceil(INPUTS / 4) words of four bytes, then the bits of the row's scale and its zero point.
@group(0) @binding(0) var x: texture_2d<u32>;
// Panel16x4: [ceil(OUTPUTS / 16)][ceil(INPUTS / 4)][4] texels of four outputs' words of four inputs.
@group(0) @binding(1) var weight: texture_2d<u32>;
// Scales of the outputs, then their biases.
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

// Words of four inputs in a row.
fn groups() -> u32 {
    return (INPUTS + 3u) / 4u;
}

// A row's first word. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (groups() + 2u);
}

// Byte `shift / 8` of each word, counted from the highest.
fn byte_of(words: vec4<u32>, shift: u32) -> vec4<i32> {
    return (bitcast<vec4<i32>>(words) << vec4<u32>(shift)) >> vec4<u32>(24u);
}

fn store_quad(row: u32, quad: u32, sum: vec4<i32>, row_scale: f32) {
    if quad * 4u < OUTPUTS {
        let scales = affine[quad];
        let outputs = activated(vec4<f32>(sum) * row_scale * scales + affine[OUTPUTS / 4u + quad]);
        let index = row * (OUTPUTS / 4u) + quad;
        if EPILOGUE == ADD {
            y[index] += outputs;
        } else {
            y[index] = outputs;
        }
    }
}

// `low_weights` and `high_weights` are the sums of the outputs' weights.
fn store(
    row: u32,
    pair: u32,
    low: vec4<i32>,
    high: vec4<i32>,
    low_weights: vec4<i32>,
    high_weights: vec4<i32>,
) {
    if row < ROWS {
        let end = row_start(row) + groups();
        let row_scale = bitcast<f32>(word(end));
        let zero_point = word(end + 1u);
        store_quad(row, pair * 2u, low + low_weights * zero_point, row_scale);
        store_quad(row, pair * 2u + 1u, high + high_weights * zero_point, row_scale);
    }
}

@compute @workgroup_size(8, 2)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let pair = id.x;
    let row = id.y * 8u;
    if pair * 8u >= OUTPUTS || row >= ROWS {
        return;
    }
    let first = pair / 2u * groups() * 4u + pair % 2u * 2u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);
    let start4 = row_start(row + 4u);
    let start5 = row_start(row + 5u);
    let start6 = row_start(row + 6u);
    let start7 = row_start(row + 7u);
    var low0 = vec4<i32>();
    var high0 = vec4<i32>();
    var low1 = vec4<i32>();
    var high1 = vec4<i32>();
    var low2 = vec4<i32>();
    var high2 = vec4<i32>();
    var low3 = vec4<i32>();
    var high3 = vec4<i32>();
    var low4 = vec4<i32>();
    var high4 = vec4<i32>();
    var low5 = vec4<i32>();
    var high5 = vec4<i32>();
    var low6 = vec4<i32>();
    var high6 = vec4<i32>();
    var low7 = vec4<i32>();
    var high7 = vec4<i32>();
    var low_weights = vec4<i32>();
    var high_weights = vec4<i32>();
    for (var k = 0u; k < groups(); k += 1u) {
        let lows = textureLoad(weight, place(first + k * 4u), 0);
        let highs = textureLoad(weight, place(first + k * 4u + 1u), 0);
        let l0 = byte_of(lows, 24u);
        let l1 = byte_of(lows, 16u);
        let l2 = byte_of(lows, 8u);
        let l3 = byte_of(lows, 0u);
        let h0 = byte_of(highs, 24u);
        let h1 = byte_of(highs, 16u);
        let h2 = byte_of(highs, 8u);
        let h3 = byte_of(highs, 0u);
        low_weights += l0 + l1 + l2 + l3;
        high_weights += h0 + h1 + h2 + h3;
        let x0 = word(start0 + k);
        low0 = add_four(low0, x0, l0, l1, l2, l3);
        high0 = add_four(high0, x0, h0, h1, h2, h3);
        let x1 = word(start1 + k);
        low1 = add_four(low1, x1, l0, l1, l2, l3);
        high1 = add_four(high1, x1, h0, h1, h2, h3);
        let x2 = word(start2 + k);
        low2 = add_four(low2, x2, l0, l1, l2, l3);
        high2 = add_four(high2, x2, h0, h1, h2, h3);
        let x3 = word(start3 + k);
        low3 = add_four(low3, x3, l0, l1, l2, l3);
        high3 = add_four(high3, x3, h0, h1, h2, h3);
        let x4 = word(start4 + k);
        low4 = add_four(low4, x4, l0, l1, l2, l3);
        high4 = add_four(high4, x4, h0, h1, h2, h3);
        let x5 = word(start5 + k);
        low5 = add_four(low5, x5, l0, l1, l2, l3);
        high5 = add_four(high5, x5, h0, h1, h2, h3);
        let x6 = word(start6 + k);
        low6 = add_four(low6, x6, l0, l1, l2, l3);
        high6 = add_four(high6, x6, h0, h1, h2, h3);
        let x7 = word(start7 + k);
        low7 = add_four(low7, x7, l0, l1, l2, l3);
        high7 = add_four(high7, x7, h0, h1, h2, h3);
    }
    store(row, pair, low0, high0, low_weights, high_weights);
    store(row + 1u, pair, low1, high1, low_weights, high_weights);
    store(row + 2u, pair, low2, high2, low_weights, high_weights);
    store(row + 3u, pair, low3, high3, low_weights, high_weights);
    store(row + 4u, pair, low4, high4, low_weights, high_weights);
    store(row + 5u, pair, low5, high5, low_weights, high_weights);
    store(row + 6u, pair, low6, high6, low_weights, high_weights);
    store(row + 7u, pair, low7, high7, low_weights, high_weights);
}
