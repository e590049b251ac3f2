// Products of rows with the weights of outputs, read four at a time: 4 rows x 4 outputs an invocation,
// 32 x 32 a workgroup. No workgroup memory. Appended to kernels that bind `x` as quads and `weight`, and
// say where rows start, where a row has four inputs and what becomes of sums.
//
// A phone's GPU loads a quad in the time of one value, and has registers for sixteen sums and what is
// multiplied for them, but not for many more. Sums are named: an array indexed in a loop would live in
// memory, not in registers.

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let quad = id.x;
    let row = id.y * 4u;
    if quad * 4u >= OUTPUTS || row >= ROWS {
        return;
    }
    let first_line = quad / 4u * INPUTS;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    for (var k = 0u; k < INPUTS / 4u; k += 1u) {
        let line = first_line + k * 4u;
        let at = four_inputs(k);
        let x0 = x[start0 + at];
        let x1 = x[start1 + at];
        let x2 = x[start2 + at];
        let x3 = x[start3 + at];
        // A line at a time: all four at once are more than fits a small GPU's registers.
        let w0 = weights(line, quad % 4u);
        sum0 += x0.x * w0;
        sum1 += x1.x * w0;
        sum2 += x2.x * w0;
        sum3 += x3.x * w0;
        let w1 = weights(line + 1u, quad % 4u);
        sum0 += x0.y * w1;
        sum1 += x1.y * w1;
        sum2 += x2.y * w1;
        sum3 += x3.y * w1;
        let w2 = weights(line + 2u, quad % 4u);
        sum0 += x0.z * w2;
        sum1 += x1.z * w2;
        sum2 += x2.z * w2;
        sum3 += x3.z * w2;
        let w3 = weights(line + 3u, quad % 4u);
        sum0 += x0.w * w3;
        sum1 += x1.w * w3;
        sum2 += x2.w * w3;
        sum3 += x3.w * w3;
    }
    store_quad(row, quad, sum0);
    store_quad(row + 1u, quad, sum1);
    store_quad(row + 2u, quad, sum2);
    store_quad(row + 3u, quad, sum3);
}
