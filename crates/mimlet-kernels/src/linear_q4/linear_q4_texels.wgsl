// Linear layer on 4-bit weights, rows and weights read through the texture unit: 8 rows x 8 outputs
// an invocation, 16 x 64 a workgroup. No workgroup memory.
//
// A group's sum is of i32 and exact, as on the CPU. Sums are named: an array indexed in a loop would
// live in memory, not in registers.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
// Inputs that share a scale.
override GROUP: u32;

// Quantised rows: ceil(INPUTS / 4) words of four bytes, then the bits of the row's scale and its zero point.
@group(0) @binding(0) var x: texture_2d<u32>;
// Panel16x8: [ceil(OUTPUTS / 16)][ceil(INPUTS / 8)][4] texels of four outputs' words of eight
// inputs' halves: the low halves of a word's bytes are the first four inputs', the high halves the
// next four's.
@group(0) @binding(1) var weight: texture_2d<u32>;
// Panel16 [OUTPUTS, groups] of f16, eight a vector, then the biases of the outputs.
@group(0) @binding(2) var<storage, read> affine: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

// Words of four inputs in a row.
fn quads() -> u32 {
    return (INPUTS + 3u) / 4u;
}

fn groups() -> u32 {
    return (INPUTS + GROUP - 1u) / GROUP;
}

// A row's first word. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (quads() + 2u);
}

// The signed half of each word that is the highest once the word is shifted.
fn half_of(words: vec4<u32>, shift: u32) -> vec4<i32> {
    return (bitcast<vec4<i32>>(words) << vec4<u32>(shift)) >> vec4<u32>(28u);
}

fn store_quad(row: u32, quad: u32, sum: vec4<f32>, row_scale: f32) {
    if quad * 4u < OUTPUTS {
        let biases = (OUTPUTS + 15u) / 16u * groups() * 2u;
        let outputs = activated(sum * row_scale + bitcast<vec4<f32>>(affine[biases + quad]));
        let index = row * (OUTPUTS / 4u) + quad;
        if EPILOGUE == ADD {
            y[index] += outputs;
        } else {
            y[index] = outputs;
        }
    }
}

// `low_weights` and `high_weights` are the scaled sums of the outputs' weights.
fn store(
    row: u32,
    pair: u32,
    low: vec4<f32>,
    high: vec4<f32>,
    low_weights: vec4<f32>,
    high_weights: vec4<f32>,
) {
    if row < ROWS {
        let end = row_start(row) + quads();
        let row_scale = bitcast<f32>(word(end));
        let zero_point = f32(word(end + 1u));
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
    let octets = (INPUTS + 7u) / 8u;
    let first = pair / 2u * octets * 4u + pair % 2u * 2u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);
    let start4 = row_start(row + 4u);
    let start5 = row_start(row + 5u);
    let start6 = row_start(row + 6u);
    let start7 = row_start(row + 7u);
    var low0 = vec4<f32>();
    var high0 = vec4<f32>();
    var low1 = vec4<f32>();
    var high1 = vec4<f32>();
    var low2 = vec4<f32>();
    var high2 = vec4<f32>();
    var low3 = vec4<f32>();
    var high3 = vec4<f32>();
    var low4 = vec4<f32>();
    var high4 = vec4<f32>();
    var low5 = vec4<f32>();
    var high5 = vec4<f32>();
    var low6 = vec4<f32>();
    var high6 = vec4<f32>();
    var low7 = vec4<f32>();
    var high7 = vec4<f32>();
    var low_weights = vec4<f32>();
    var high_weights = vec4<f32>();
    for (var g = 0u; g < groups(); g += 1u) {
        var l0 = vec4<i32>();
        var h0 = vec4<i32>();
        var l1 = vec4<i32>();
        var h1 = vec4<i32>();
        var l2 = vec4<i32>();
        var h2 = vec4<i32>();
        var l3 = vec4<i32>();
        var h3 = vec4<i32>();
        var l4 = vec4<i32>();
        var h4 = vec4<i32>();
        var l5 = vec4<i32>();
        var h5 = vec4<i32>();
        var l6 = vec4<i32>();
        var h6 = vec4<i32>();
        var l7 = vec4<i32>();
        var h7 = vec4<i32>();
        var low_ones = vec4<i32>();
        var high_ones = vec4<i32>();
        let end = min((g + 1u) * GROUP / 8u, octets);
        for (var octet = g * GROUP / 8u; octet < end; octet += 1u) {
            let lows = textureLoad(weight, place(first + octet * 4u), 0);
            let highs = textureLoad(weight, place(first + octet * 4u + 1u), 0);
            // Where a row has an odd number of words, the last octet's second is the row's scale:
            // whole bits, so numbers, and its weights are zero.
            for (var half = 0u; half < 2u; half += 1u) {
                let shift = 28u - 4u * half;
                let a0 = half_of(lows, shift);
                let a1 = half_of(lows, shift - 8u);
                let a2 = half_of(lows, shift - 16u);
                let a3 = half_of(lows, shift - 24u);
                let b0 = half_of(highs, shift);
                let b1 = half_of(highs, shift - 8u);
                let b2 = half_of(highs, shift - 16u);
                let b3 = half_of(highs, shift - 24u);
                low_ones += a0 + a1 + a2 + a3;
                high_ones += b0 + b1 + b2 + b3;
                let k = 2u * octet + half;
                let x0 = word(start0 + k);
                l0 = add_four(l0, x0, a0, a1, a2, a3);
                h0 = add_four(h0, x0, b0, b1, b2, b3);
                let x1 = word(start1 + k);
                l1 = add_four(l1, x1, a0, a1, a2, a3);
                h1 = add_four(h1, x1, b0, b1, b2, b3);
                let x2 = word(start2 + k);
                l2 = add_four(l2, x2, a0, a1, a2, a3);
                h2 = add_four(h2, x2, b0, b1, b2, b3);
                let x3 = word(start3 + k);
                l3 = add_four(l3, x3, a0, a1, a2, a3);
                h3 = add_four(h3, x3, b0, b1, b2, b3);
                let x4 = word(start4 + k);
                l4 = add_four(l4, x4, a0, a1, a2, a3);
                h4 = add_four(h4, x4, b0, b1, b2, b3);
                let x5 = word(start5 + k);
                l5 = add_four(l5, x5, a0, a1, a2, a3);
                h5 = add_four(h5, x5, b0, b1, b2, b3);
                let x6 = word(start6 + k);
                l6 = add_four(l6, x6, a0, a1, a2, a3);
                h6 = add_four(h6, x6, b0, b1, b2, b3);
                let x7 = word(start7 + k);
                l7 = add_four(l7, x7, a0, a1, a2, a3);
                h7 = add_four(h7, x7, b0, b1, b2, b3);
            }
        }
        let scales = affine[(pair / 2u * groups() + g) * 2u + pair % 2u];
        let low_scales = vec4<f32>(unpack2x16float(scales.x), unpack2x16float(scales.y));
        let high_scales = vec4<f32>(unpack2x16float(scales.z), unpack2x16float(scales.w));
        low0 += vec4<f32>(l0) * low_scales;
        high0 += vec4<f32>(h0) * high_scales;
        low1 += vec4<f32>(l1) * low_scales;
        high1 += vec4<f32>(h1) * high_scales;
        low2 += vec4<f32>(l2) * low_scales;
        high2 += vec4<f32>(h2) * high_scales;
        low3 += vec4<f32>(l3) * low_scales;
        high3 += vec4<f32>(h3) * high_scales;
        low4 += vec4<f32>(l4) * low_scales;
        high4 += vec4<f32>(h4) * high_scales;
        low5 += vec4<f32>(l5) * low_scales;
        high5 += vec4<f32>(h5) * high_scales;
        low6 += vec4<f32>(l6) * low_scales;
        high6 += vec4<f32>(h6) * high_scales;
        low7 += vec4<f32>(l7) * low_scales;
        high7 += vec4<f32>(h7) * high_scales;
        low_weights += vec4<f32>(low_ones) * low_scales;
        high_weights += vec4<f32>(high_ones) * high_scales;
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
