// Shape, scales and biases of a linear layer on 4-bit weights, but for those that are read as textures.
// What is appended says what else is bound, how the products are summed and what becomes of the sums.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
// Inputs that share a scale.
override GROUP: u32;

// Of four outputs.
alias Sum = vec4<f32>;

// Panel16 [OUTPUTS, groups] of f16, two a word, then the biases of the outputs.
@group(0) @binding(2) var<storage, read> affine: array<u32>;

fn groups() -> u32 {
    return (INPUTS + GROUP - 1u) / GROUP;
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
