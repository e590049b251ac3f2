// Patch embedding, patches and weights read through the texture unit: 8 tokens x 8 channels an
// invocation, 16 x 64 a workgroup. No workgroup memory. What is appended says where a patch lies in `x`.

// Tokens of all images, of which each image's first PREFIX have no patch.
override ROWS: u32;
override PREFIX: u32;
override INPUTS: u32;
override OUTPUTS: u32;

@group(0) @binding(0) var x: texture_2d<f32>;
@group(0) @binding(1) var weight: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

// First texel of a row's patch.
fn row_start(row: u32) -> u32 {
    return pixels_of(row) / 4u;
}

// Where a patch has four inputs, in texels.
fn four_inputs(k: u32) -> u32 {
    return input(k * 4u) / 4u;
}

fn store_quad(row: u32, quad: u32, product: vec4<f32>) {
    if quad * 4u < OUTPUTS {
        let token = token_of(row);
        let offset = table[token * (OUTPUTS / 4u) + quad];
        let patched = select(vec4<f32>(), product, token >= PREFIX);
        out[row * (OUTPUTS / 4u) + quad] = offset + patched;
    }
}

fn store(row: u32, pair: u32, low: vec4<f32>, high: vec4<f32>) {
    if row < ROWS {
        store_quad(row, pair * 2u, low);
        store_quad(row, pair * 2u + 1u, high);
    }
}

@compute @workgroup_size(8, 2)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let pair = id.x;
    let row = id.y * 8u;
    if pair * 8u >= OUTPUTS || row >= ROWS {
        return;
    }
    let sums = block(row, pair, INPUTS);
    store(row, pair, sums.low0, sums.high0);
    store(row + 1u, pair, sums.low1, sums.high1);
    store(row + 2u, pair, sums.low2, sums.high2);
    store(row + 3u, pair, sums.low3, sums.high3);
    store(row + 4u, pair, sums.low4, sums.high4);
    store(row + 5u, pair, sums.low5, sums.high5);
    store(row + 6u, pair, sums.low6, sums.high6);
    store(row + 7u, pair, sums.low7, sums.high7);
}
