// Operands of a patch embedding whose pixels are read, and whose tokens are written, in quads. What is
// appended says where a patch lies in `x`, and multiplies.

// Tokens of all images, of which each image's first PREFIX have no patch.
override ROWS: u32;
override PREFIX: u32;
override INPUTS: u32;
override OUTPUTS: u32;
override HALF: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
// Panel16: [ceil(OUTPUTS / 16)][INPUTS][16], floats or pairs of halves.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

// First quad of a row's patch.
fn row_start(row: u32) -> u32 {
    return pixels_of(row) / 4u;
}

// Where a patch has four inputs, in quads.
fn four_inputs(k: u32) -> u32 {
    return input(k * 4u) / 4u;
}

fn store_quad(row: u32, quad: u32, product: vec4<f32>) {
    if row < ROWS {
        let token = token_of(row);
        let offset = table[token * (OUTPUTS / 4u) + quad];
        let patched = select(vec4<f32>(), product, token >= PREFIX);
        out[row * (OUTPUTS / 4u) + quad] = offset + patched;
    }
}
