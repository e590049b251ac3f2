// Exact sums in i32 of packed products: 4 rows x 4 outputs an invocation, 32 x 32 a workgroup. No workgroup
// memory. Appended to fours.wgsl.
//
// Sums are named: an array indexed in a loop would live in memory, not in registers.

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let quad = id.x;
    let row = id.y * 4u;
    if quad * 4u >= OUTPUTS || row >= ROWS {
        return;
    }
    let first = quad / 4u * INPUTS + quad % 4u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);
    var sum0 = vec4<i32>();
    var sum1 = vec4<i32>();
    var sum2 = vec4<i32>();
    var sum3 = vec4<i32>();
    var weights = vec4<i32>();
    for (var k = 0u; k < INPUTS / 8u; k += 1u) {
        let x0 = x[start0 + k];
        let x1 = x[start1 + k];
        let x2 = x[start2 + k];
        let x3 = x[start3 + k];
        let w0 = weight[first + k * 8u];
        weights += dot_words(0x01010101u, w0);
        sum0 += dot_words(x0.x, w0);
        sum1 += dot_words(x1.x, w0);
        sum2 += dot_words(x2.x, w0);
        sum3 += dot_words(x3.x, w0);
        let w1 = weight[first + k * 8u + 4u];
        weights += dot_words(0x01010101u, w1);
        sum0 += dot_words(x0.y, w1);
        sum1 += dot_words(x1.y, w1);
        sum2 += dot_words(x2.y, w1);
        sum3 += dot_words(x3.y, w1);
    }
    store(row, quad, sum0, weights);
    store(row + 1u, quad, sum1, weights);
    store(row + 2u, quad, sum2, weights);
    store(row + 3u, quad, sum3, weights);
}
