// Linear layer on 4-bit weights, eight inputs of a row at a time: 4 rows x 4 outputs an invocation, 32 x 32 a
// workgroup. No workgroup memory. Inputs come in multiples of eight, outputs of four.
//
// Weights are scaled as they are widened: sums of a group beside those of all would be more than a phone's GPU
// has registers for. Sums are named: an array indexed in a loop would live in memory, not in registers.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
// Inputs that share a scale.
override GROUP: u32;

// Quantised rows: INPUTS / 8 pairs of words of four bytes, then the bits of the row's scale and its zero point.
@group(0) @binding(0) var<storage, read> x: array<vec2<u32>>;
// Panel16x8: [ceil(OUTPUTS / 16)][INPUTS / 8][16] words of eight inputs' halves: the low halves of its bytes are
// the first four inputs', the high halves the next four's.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
// Panel16 [OUTPUTS, groups] of f16, two a word, then the biases of the outputs.
@group(0) @binding(2) var<storage, read> affine: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

fn groups() -> u32 {
    return (INPUTS + GROUP - 1u) / GROUP;
}

// A row's first pair. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (INPUTS / 8u + 1u);
}

// Scales of four outputs in a group.
fn scales_of(quad: u32, group: u32) -> vec4<f32> {
    let words = affine[(quad / 4u * groups() + group) * 4u + quad % 4u];
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

fn biases(quad: u32) -> vec4<f32> {
    let first = (OUTPUTS + 15u) / 16u * groups() * 4u + quad * 2u;
    return bitcast<vec4<f32>>(vec4<u32>(affine[first], affine[first + 1u]));
}

// `weights` are the scaled sums of the outputs' weights.
fn store(row: u32, quad: u32, sum: vec4<f32>, weights: vec4<f32>) {
    if row < ROWS {
        let end = x[row_start(row) + INPUTS / 8u];
        let sums = (sum + weights * f32(bitcast<i32>(end.y))) * bitcast<f32>(end.x);
        let outputs = activated(sums + biases(quad));
        let index = row * (OUTPUTS / 4u) + quad;
        if EPILOGUE == ADD {
            y[index] += outputs;
        } else {
            y[index] = outputs;
        }
    }
}

// The signed byte that ends `shift` bits below a word's end.
fn byte_of(word: u32, shift: u32) -> f32 {
    return f32((bitcast<i32>(word) << shift) >> 24u);
}

// The signed half of a byte that ends `shift` bits below each word's end.
fn halves_of(words: vec4<u32>, shift: u32) -> vec4<f32> {
    return vec4<f32>((bitcast<vec4<i32>>(words) << vec4<u32>(shift)) >> vec4<u32>(28u));
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let quad = id.x;
    let row = id.y * 4u;
    if quad * 4u >= OUTPUTS || row >= ROWS {
        return;
    }
    let first = quad / 4u * (INPUTS / 2u) + quad % 4u;
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
        let scales = scales_of(quad, g);
        let end = min((g + 1u) * GROUP, INPUTS) / 8u;
        for (var k = g * GROUP / 8u; k < end; k += 1u) {
            let x0 = x[start0 + k];
            let x1 = x[start1 + k];
            let x2 = x[start2 + k];
            let x3 = x[start3 + k];
            let words = weight[first + k * 4u];
            let a0 = halves_of(words, 28u) * scales;
            weights += a0;
            sum0 += byte_of(x0.x, 24u) * a0;
            sum1 += byte_of(x1.x, 24u) * a0;
            sum2 += byte_of(x2.x, 24u) * a0;
            sum3 += byte_of(x3.x, 24u) * a0;
            let a1 = halves_of(words, 20u) * scales;
            weights += a1;
            sum0 += byte_of(x0.x, 16u) * a1;
            sum1 += byte_of(x1.x, 16u) * a1;
            sum2 += byte_of(x2.x, 16u) * a1;
            sum3 += byte_of(x3.x, 16u) * a1;
            let a2 = halves_of(words, 12u) * scales;
            weights += a2;
            sum0 += byte_of(x0.x, 8u) * a2;
            sum1 += byte_of(x1.x, 8u) * a2;
            sum2 += byte_of(x2.x, 8u) * a2;
            sum3 += byte_of(x3.x, 8u) * a2;
            let a3 = halves_of(words, 4u) * scales;
            weights += a3;
            sum0 += byte_of(x0.x, 0u) * a3;
            sum1 += byte_of(x1.x, 0u) * a3;
            sum2 += byte_of(x2.x, 0u) * a3;
            sum3 += byte_of(x3.x, 0u) * a3;
            let b0 = halves_of(words, 24u) * scales;
            weights += b0;
            sum0 += byte_of(x0.y, 24u) * b0;
            sum1 += byte_of(x1.y, 24u) * b0;
            sum2 += byte_of(x2.y, 24u) * b0;
            sum3 += byte_of(x3.y, 24u) * b0;
            let b1 = halves_of(words, 16u) * scales;
            weights += b1;
            sum0 += byte_of(x0.y, 16u) * b1;
            sum1 += byte_of(x1.y, 16u) * b1;
            sum2 += byte_of(x2.y, 16u) * b1;
            sum3 += byte_of(x3.y, 16u) * b1;
            let b2 = halves_of(words, 8u) * scales;
            weights += b2;
            sum0 += byte_of(x0.y, 8u) * b2;
            sum1 += byte_of(x1.y, 8u) * b2;
            sum2 += byte_of(x2.y, 8u) * b2;
            sum3 += byte_of(x3.y, 8u) * b2;
            let b3 = halves_of(words, 0u) * scales;
            weights += b3;
            sum0 += byte_of(x0.y, 0u) * b3;
            sum1 += byte_of(x1.y, 0u) * b3;
            sum2 += byte_of(x2.y, 0u) * b3;
            sum3 += byte_of(x3.y, 0u) * b3;
        }
    }
    store(row, quad, sum0, weights);
    store(row + 1u, quad, sum1, weights);
    store(row + 2u, quad, sum2, weights);
    store(row + 3u, quad, sum3, weights);
}
