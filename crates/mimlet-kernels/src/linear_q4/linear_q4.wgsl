// Linear layer on 4-bit weights: 4 rows x 4 outputs an invocation, 32 x 32 a workgroup. No workgroup
// memory. Appended to the layer's operands; twin of cpu.rs.
//
// Products are of f32 and need no integer dot product: a group's sum is at most 64 x 127 x 8, which
// f32 holds exactly in any order. Accumulators are named: an array indexed in a loop would live in
// memory, not in registers.

// Outputs whose weights are bound: all, or a part that begins with a panel.
override FROM: u32;
override TO: u32;

// The signed bytes of a word.
fn bytes_of(word: u32) -> vec4<f32> {
    let bits = bitcast<i32>(word);
    return vec4<f32>(
        f32((bits << 24u) >> 24u),
        f32((bits << 16u) >> 24u),
        f32((bits << 8u) >> 24u),
        f32(bits >> 24u),
    );
}

// The signed low halves of a word's bytes.
fn low_of(word: u32) -> vec4<f32> {
    let bits = bitcast<i32>(word);
    return vec4<f32>(
        f32((bits << 28u) >> 28u),
        f32((bits << 20u) >> 28u),
        f32((bits << 12u) >> 28u),
        f32((bits << 4u) >> 28u),
    );
}

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
) {
    let output = FROM + group.x * 32u + lane.x * 4u;
    let row = group.y * 32u + lane.y * 4u;
    if output >= TO || row >= ROWS {
        return;
    }
    let octets = (INPUTS + 7u) / 8u;
    let first_line = (output - FROM) / 16u * octets;
    let quad = output % 16u / 4u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);

    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    var weights = vec4<f32>();
    for (var g = 0u; g < groups(); g += 1u) {
        var dot0 = vec4<f32>();
        var dot1 = vec4<f32>();
        var dot2 = vec4<f32>();
        var dot3 = vec4<f32>();
        var ones = vec4<f32>();
        let end = min((g + 1u) * GROUP / 8u, octets);
        for (var octet = g * GROUP / 8u; octet < end; octet += 1u) {
            let words = weight[(first_line + octet) * 4u + quad];
            // Where a row has an odd number of words, the last octet's second is the row's scale:
            // whole bits, so numbers, and its weights are zero.
            for (var half = 0u; half < 2u; half += 1u) {
                let shifted = words >> vec4<u32>(4u * half);
                // Four inputs (rows of the transpose) by four outputs.
                let w = transpose(mat4x4<f32>(
                    low_of(shifted.x),
                    low_of(shifted.y),
                    low_of(shifted.z),
                    low_of(shifted.w),
                ));
                let k = 2u * octet + half;
                ones += w * vec4<f32>(1.0);
                dot0 += w * bytes_of(x[start0 + k]);
                dot1 += w * bytes_of(x[start1 + k]);
                dot2 += w * bytes_of(x[start2 + k]);
                dot3 += w * bytes_of(x[start3 + k]);
            }
        }
        let scales = scales_of(output, g);
        sum0 += dot0 * scales;
        sum1 += dot1 * scales;
        sum2 += dot2 * scales;
        sum3 += dot3 * scales;
        weights += ones * scales;
    }
    store(row, output, sum0, weights);
    store(row + 1u, output, sum1, weights);
    store(row + 2u, output, sum2, weights);
    store(row + 3u, output, sum3, weights);
}
