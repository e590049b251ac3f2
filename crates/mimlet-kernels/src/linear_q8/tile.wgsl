// What a tile's products add up to. Appended to the kernels whose tiles pass through workgroup memory.

// A quad of outputs for up to eight rows, and an invocation's share of the sums of the weights.
struct Sums {
    row0: vec4<i32>,
    row1: vec4<i32>,
    row2: vec4<i32>,
    row3: vec4<i32>,
    row4: vec4<i32>,
    row5: vec4<i32>,
    row6: vec4<i32>,
    row7: vec4<i32>,
    weights: vec4<i32>,
}

// Weights of four outputs for four inputs each; zero past the last of either.
fn four_outputs(output: u32, quad: u32) -> vec4<u32> {
    if quad >= quads() || output >= OUTPUTS {
        return vec4<u32>();
    }
    return weight[(output / 16u * quads() + quad) * 4u + output % 16u / 4u];
}

// Puts two of a tile's weights where all find them; their sums.
fn take_weights(lane: vec3<u32>, output: u32, start: u32) -> vec4<i32> {
    let first = four_outputs(output, start + lane.y);
    let second = four_outputs(output, start + lane.y + 8u);
    columns[lane.y * ACROSS + lane.x] = first;
    columns[(lane.y + 8u) * ACROSS + lane.x] = second;
    return dot_words(0x01010101u, first) + dot_words(0x01010101u, second);
}

fn add_tile(before: Sums, lane: vec3<u32>, output: u32, start: u32) -> Sums {
    var sums = before;
    for (var k = 0u; k < DEPTH; k += 1u) {
        let w = columns[k * ACROSS + lane.x];
        let low = rows[k * STRIDE + lane.y];
        sums.row0 += dot_words(low.x, w);
        sums.row1 += dot_words(low.y, w);
        sums.row2 += dot_words(low.z, w);
        sums.row3 += dot_words(low.w, w);
        if TALL {
            let high = rows[k * STRIDE + lane.y + 8u];
            sums.row4 += dot_words(high.x, w);
            sums.row5 += dot_words(high.y, w);
            sums.row6 += dot_words(high.z, w);
            sums.row7 += dot_words(high.w, w);
        }
    }
    return sums;
}

// Sums of four outputs' weights from the shares that eight invocations left.
fn shared_weights(across: u32) -> vec4<i32> {
    var sum = vec4<i32>();
    for (var i = 0u; i < 8u; i += 1u) {
        sum += bitcast<vec4<i32>>(columns[i * ACROSS + across]);
    }
    return sum;
}
