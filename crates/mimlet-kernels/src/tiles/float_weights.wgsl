// Appended to kernels that bind float weights and hold them in workgroup memory as `Held`.

// Weights of four outputs for an input; zero past the last of either.
fn four_outputs(output: u32, k: u32) -> vec4<Held> {
    if k >= INPUTS || output >= OUTPUTS {
        return vec4<Held>();
    }
    return vec4<Held>(weights(output / 16u * INPUTS + k, output % 16u / 4u));
}
