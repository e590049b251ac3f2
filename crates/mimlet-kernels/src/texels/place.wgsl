// Appended to kernels that read operands as textures.

// Where a texel of a texture lies: rows of 2,048.
fn place(index: u32) -> vec2<u32> {
    return vec2<u32>(index & 2047u, index >> 11u);
}
