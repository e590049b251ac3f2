// Operands of a patch embedding, but for those that are read as textures. What is appended says where a
// patch lies in `x`, and how the products are summed.

// Tokens, of which the first PREFIX have no patch.
override ROWS: u32;
override PREFIX: u32;
override INPUTS: u32;
override OUTPUTS: u32;
override HALF: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Panel16: [ceil(OUTPUTS / 16)][INPUTS][16], floats or pairs of halves.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

// Index of a token's first value in `x`. Tokens without a patch read another's and drop it.
fn row_start(token: u32) -> u32 {
    return patch_start(min(max(token, PREFIX) - PREFIX, ROWS - PREFIX - 1u));
}

fn store_value(token: u32, channel: u32, product: f32) {
    if channel < OUTPUTS {
        let index = token * OUTPUTS + channel;
        out[index] = table[index] + select(0.0, product, token >= PREFIX);
    }
}

fn store(token: u32, channel: u32, product: vec4<f32>) {
    if token < ROWS {
        store_value(token, channel, product.x);
        store_value(token, channel + 1u, product.y);
        store_value(token, channel + 2u, product.z);
        store_value(token, channel + 3u, product.w);
    }
}
