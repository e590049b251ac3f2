// What a tile's products add up to. Appended to the kernels whose tiles pass through workgroup memory.
// A tile of 64 inputs has one group or two.

// A quad of outputs for up to eight rows, and an invocation's share of the sums of the weights.
struct Sums {
    row0: vec4<f32>,
    row1: vec4<f32>,
    row2: vec4<f32>,
    row3: vec4<f32>,
    row4: vec4<f32>,
    row5: vec4<f32>,
    row6: vec4<f32>,
    row7: vec4<f32>,
    weights: vec4<f32>,
}

// The signed low halves of the words' bytes, as bytes. With its highest bit set no byte borrows.
fn low_halves(words: vec4<u32>) -> vec4<u32> {
    let halves = (words & vec4<u32>(0x0f0f0f0fu)) ^ vec4<u32>(0x88888888u);
    return (halves - 0x08080808u) ^ vec4<u32>(0x80808080u);
}

// Puts two quads of a tile's weights where all find them; their scaled sums.
fn take_weights(lane: vec3<u32>, output: u32, start: u32) -> vec4<f32> {
    let octets = (INPUTS + 7u) / 8u;
    let octet = start / 2u + lane.y;
    var first = vec4<u32>();
    var second = vec4<u32>();
    var scales = vec4<f32>();
    if octet < octets && output < OUTPUTS {
        let words = weight[(output / 16u * octets + octet) * 4u + output % 16u / 4u];
        first = low_halves(words);
        second = low_halves(words >> vec4<u32>(4u));
        scales = scales_of(output, octet * 8u / GROUP);
    }
    columns[2u * lane.y * ACROSS + lane.x] = first;
    columns[(2u * lane.y + 1u) * ACROSS + lane.x] = second;
    let ones = dot_words(0x01010101u, first) + dot_words(0x01010101u, second);
    return vec4<f32>(ones) * scales;
}

fn add_tile(before: Sums, lane: vec3<u32>, output: u32, start: u32) -> Sums {
    var sums = before;
    var dot0 = vec4<i32>();
    var dot1 = vec4<i32>();
    var dot2 = vec4<i32>();
    var dot3 = vec4<i32>();
    var dot4 = vec4<i32>();
    var dot5 = vec4<i32>();
    var dot6 = vec4<i32>();
    var dot7 = vec4<i32>();
    for (var k = 0u; k < DEPTH; k += 1u) {
        let w = columns[k * ACROSS + lane.x];
        let low = rows[k * STRIDE + lane.y];
        dot0 += dot_words(low.x, w);
        dot1 += dot_words(low.y, w);
        dot2 += dot_words(low.z, w);
        dot3 += dot_words(low.w, w);
        if TALL {
            let high = rows[k * STRIDE + lane.y + 8u];
            dot4 += dot_words(high.x, w);
            dot5 += dot_words(high.y, w);
            dot6 += dot_words(high.z, w);
            dot7 += dot_words(high.w, w);
        }
        // At a group's end.
        if (k + 1u) * 4u % GROUP == 0u {
            let group = min((start + k) * 4u / GROUP, groups() - 1u);
            let scales = scales_of(min(output, (OUTPUTS - 1u) / 4u * 4u), group);
            sums.row0 += vec4<f32>(dot0) * scales;
            sums.row1 += vec4<f32>(dot1) * scales;
            sums.row2 += vec4<f32>(dot2) * scales;
            sums.row3 += vec4<f32>(dot3) * scales;
            dot0 = vec4<i32>();
            dot1 = vec4<i32>();
            dot2 = vec4<i32>();
            dot3 = vec4<i32>();
            if TALL {
                sums.row4 += vec4<f32>(dot4) * scales;
                sums.row5 += vec4<f32>(dot5) * scales;
                sums.row6 += vec4<f32>(dot6) * scales;
                sums.row7 += vec4<f32>(dot7) * scales;
                dot4 = vec4<i32>();
                dot5 = vec4<i32>();
                dot6 = vec4<i32>();
                dot7 = vec4<i32>();
            }
        }
    }
    return sums;
}

// Sums of four outputs' weights from the shares that eight invocations left.
fn shared_weights(across: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var i = 0u; i < 8u; i += 1u) {
        sum += bitcast<vec4<f32>>(columns[i * ACROSS + across]);
    }
    return sum;
}
