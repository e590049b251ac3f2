// Operands of a patch embedding, but for those that are read as textures. What is appended says where a
// patch lies in `x`, and how the products are summed.

// Tokens of all images, of which each image's first PREFIX have no patch.
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

// Index of a row's first value in `x`.
fn row_start(row: u32) -> u32 {
    return pixels_of(row);
}

fn store_value(row: u32, channel: u32, product: f32) {
    if channel < OUTPUTS {
        let token = token_of(row);
        let offset = table[token * OUTPUTS + channel];
        out[row * OUTPUTS + channel] = offset + select(0.0, product, token >= PREFIX);
    }
}

fn store(row: u32, channel: u32, product: vec4<f32>) {
    if row < ROWS {
        store_value(row, channel, product.x);
        store_value(row, channel + 1u, product.y);
        store_value(row, channel + 2u, product.z);
        store_value(row, channel + 3u, product.w);
    }
}
