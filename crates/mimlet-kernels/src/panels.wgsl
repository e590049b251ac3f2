// Appended to kernels that bind float weights in Panel16 as words.

// Weights of outputs 4 * quad.. of a panel for one input; `line` counts panels' inputs.
fn weights(line: u32, quad: u32) -> vec4<f32> {
    if HALF == 1u {
        let words = weight[line * 2u + (quad >> 1u)];
        let pair = select(words.xy, words.zw, (quad & 1u) == 1u);
        return vec4<f32>(unpack2x16float(pair.x), unpack2x16float(pair.y));
    }
    return bitcast<vec4<f32>>(weight[line * 4u + quad]);
}
