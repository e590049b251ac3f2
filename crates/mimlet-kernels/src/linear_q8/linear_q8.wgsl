// Linear layer on signed bytes: 4 rows x 4 outputs an invocation, 32 x 32 a workgroup. No workgroup
// memory. Appended to the layer's operands; twin of cpu.rs.
//
// Accumulators are named: an array indexed in a loop would live in memory, not in registers.

// Outputs whose weights are bound: all, or a part that begins with a panel.
override FROM: u32;
override TO: u32;

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
    let words = quads();
    let first_line = (output - FROM) / 16u * words;
    let quad = output % 16u / 4u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);

    var sum0 = vec4<i32>();
    var sum1 = vec4<i32>();
    var sum2 = vec4<i32>();
    var sum3 = vec4<i32>();
    var weights = vec4<i32>();
    for (var k = 0u; k < words; k += 1u) {
        let w = weight[(first_line + k) * 4u + quad];
        weights += dot_words(0x01010101u, w);
        sum0 += dot_words(x[start0 + k], w);
        sum1 += dot_words(x[start1 + k], w);
        sum2 += dot_words(x[start2 + k], w);
        sum3 += dot_words(x[start3 + k], w);
    }
    store(row, output, sum0, weights);
    store(row + 1u, output, sum1, weights);
    store(row + 2u, output, sum2, weights);
    store(row + 3u, output, sum3, weights);
}
