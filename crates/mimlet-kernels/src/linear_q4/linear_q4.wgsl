// Linear layer on 4-bit weights: 4 rows x 4 outputs an invocation, 32 x 32 a workgroup. Twin of
// cpu.rs.
//
// Products are of f32 and need no integer dot product: a group's sum is at most 64 x 127 x 8, which
// f32 holds exactly in any order. Accumulators are named: an array indexed in a loop would live in
// memory, not in registers.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
// Inputs that share a scale.
override GROUP: u32;

// Quantised rows: ceil(INPUTS / 4) words of four bytes, then the bits of the row's scale and its zero point.
@group(0) @binding(0) var<storage, read> x: array<u32>;
// Panel16x8: [ceil(OUTPUTS / 16)][ceil(INPUTS / 8)][16] words of eight inputs' halves: the low
// halves of its bytes are the first four inputs', the high halves the next four's.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
// Panel16 [OUTPUTS, groups] of f16, two a word, then the biases of the outputs.
@group(0) @binding(2) var<storage, read> affine: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Words of four inputs in a row.
fn quads() -> u32 {
    return (INPUTS + 3u) / 4u;
}

fn groups() -> u32 {
    return (INPUTS + GROUP - 1u) / GROUP;
}

// Index of a row's first word in `x`. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (quads() + 2u);
}

// The signed bytes of a word.
fn bytes_of(word: u32) -> vec4<f32> {
    let bits = bitcast<i32>(word);
    return vec4<f32>(
        f32((bits << 24u) >> 24u),
        f32((bits << 16u) >> 24u),
        f32((bits << 8u) >> 24u),
        f32(bits >> 24u),
    );
}

// The signed low halves of a word's bytes.
fn low_of(word: u32) -> vec4<f32> {
    let bits = bitcast<i32>(word);
    return vec4<f32>(
        f32((bits << 28u) >> 28u),
        f32((bits << 20u) >> 28u),
        f32((bits << 12u) >> 28u),
        f32((bits << 4u) >> 28u),
    );
}

// Scales of four outputs in a group: `output` is a multiple of four.
fn scales_of(output: u32, group: u32) -> vec4<f32> {
    let word = ((output / 16u * groups() + group) * 16u + output % 16u) / 2u;
    return vec4<f32>(unpack2x16float(affine[word]), unpack2x16float(affine[word + 1u]));
}

// Biases of four outputs. Outputs past the last read the last and drop it.
fn biases(output: u32) -> vec4<f32> {
    let first = (OUTPUTS + 15u) / 16u * groups() * 8u;
    let last = first + OUTPUTS - 1u;
    return bitcast<vec4<f32>>(vec4<u32>(
        affine[first + output],
        affine[min(first + output + 1u, last)],
        affine[min(first + output + 2u, last)],
        affine[min(first + output + 3u, last)],
    ));
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

// `weights` are the scaled sums of the outputs' weights.
fn store(row: u32, output: u32, sum: vec4<f32>, weights: vec4<f32>) {
    if row < ROWS {
        let end = row_start(row) + quads();
        let zero_point = f32(bitcast<i32>(x[end + 1u]));
        let sums = (sum + weights * zero_point) * bitcast<f32>(x[end]);
        let outputs = activated(sums + biases(output));
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
    let octets = (INPUTS + 7u) / 8u;
    let first_line = output / 16u * octets;
    let quad = output % 16u / 4u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);

    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    var weights = vec4<f32>();
    for (var g = 0u; g < groups(); g += 1u) {
        var dot0 = vec4<f32>();
        var dot1 = vec4<f32>();
        var dot2 = vec4<f32>();
        var dot3 = vec4<f32>();
        var ones = vec4<f32>();
        let end = min((g + 1u) * GROUP / 8u, octets);
        for (var octet = g * GROUP / 8u; octet < end; octet += 1u) {
            let words = weight[(first_line + octet) * 4u + quad];
            // Where a row has an odd number of words, the last octet's second is the row's scale:
            // whole bits, so numbers, and its weights are zero.
            for (var half = 0u; half < 2u; half += 1u) {
                let shifted = words >> vec4<u32>(4u * half);
                // Four inputs (rows of the transpose) by four outputs.
                let w = transpose(mat4x4<f32>(
                    low_of(shifted.x),
                    low_of(shifted.y),
                    low_of(shifted.z),
                    low_of(shifted.w),
                ));
                let k = 2u * octet + half;
                ones += w * vec4<f32>(1.0);
                dot0 += w * bytes_of(x[start0 + k]);
                dot1 += w * bytes_of(x[start1 + k]);
                dot2 += w * bytes_of(x[start2 + k]);
                dot3 += w * bytes_of(x[start3 + k]);
            }
        }
        let scales = scales_of(output, g);
        sum0 += dot0 * scales;
        sum1 += dot1 * scales;
        sum2 += dot2 * scales;
        sum3 += dot3 * scales;
        weights += ones * scales;
    }
    store(row, output, sum0, weights);
    store(row + 1u, output, sum1, weights);
    store(row + 2u, output, sum2, weights);
    store(row + 3u, output, sum3, weights);
}
