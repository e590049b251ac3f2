// Operands of a linear layer on 4-bit weights, but for its rows and those that are read as textures.
// The kernels that are appended say how the products are summed.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;
// Inputs that share a scale.
override GROUP: u32;

// Panel16x8: [ceil(OUTPUTS / 16)][ceil(INPUTS / 8)][16] words of eight inputs' halves: the low
// halves of its bytes are the first four inputs', the high halves the next four's.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
// Panel16 [OUTPUTS, groups] of f16, two a word, then the biases of the outputs.
@group(0) @binding(2) var<storage, read> affine: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

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
        let sums = (sum + weights * f32(zero_point(row))) * row_scale(row);
        let outputs = activated(sums + biases(output));
        store_value(row, output, outputs.x);
        store_value(row, output + 1u, outputs.y);
        store_value(row, output + 2u, outputs.z);
        store_value(row, output + 3u, outputs.w);
    }
}
