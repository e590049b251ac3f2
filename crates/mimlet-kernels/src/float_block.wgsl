// Products of rows with the weights of outputs: 4 rows x 4 outputs an invocation, 32 x 32 a
// workgroup. No workgroup memory. Appended to kernels that bind `x`, `weight` and say where rows start,
// where a row has an input and what becomes of sums; twin of cpu.rs.
//
// Accumulators are named: an array indexed in a loop would live in memory, not in registers. Four
// inputs a turn: compilers do not unroll the loops that naga writes.

// Outputs whose weights are bound: all, or a part that begins with a panel.
override FROM: u32;
override TO: u32;

// Adds the products of four inputs of the row that begins at `start`, in their order.
fn add_four(
    sum: vec4<f32>,
    start: u32,
    at: vec4<u32>,
    w0: vec4<f32>,
    w1: vec4<f32>,
    w2: vec4<f32>,
    w3: vec4<f32>,
) -> vec4<f32> {
    return sum
        + x[start + at.x] * w0
        + x[start + at.y] * w1
        + x[start + at.z] * w2
        + x[start + at.w] * w3;
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
    let first_line = (output - FROM) / 16u * INPUTS;
    let quad = output % 16u / 4u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);

    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    var k = 0u;
    for (; k + 4u <= INPUTS; k += 4u) {
        let w0 = weights(first_line + k, quad);
        let w1 = weights(first_line + k + 1u, quad);
        let w2 = weights(first_line + k + 2u, quad);
        let w3 = weights(first_line + k + 3u, quad);
        let at = vec4<u32>(input(k), input(k + 1u), input(k + 2u), input(k + 3u));
        sum0 = add_four(sum0, start0, at, w0, w1, w2, w3);
        sum1 = add_four(sum1, start1, at, w0, w1, w2, w3);
        sum2 = add_four(sum2, start2, at, w0, w1, w2, w3);
        sum3 = add_four(sum3, start3, at, w0, w1, w2, w3);
    }
    for (; k < INPUTS; k += 1u) {
        let w = weights(first_line + k, quad);
        let at = input(k);
        sum0 += x[start0 + at] * w;
        sum1 += x[start1 + at] * w;
        sum2 += x[start2 + at] * w;
        sum3 += x[start3 + at] * w;
    }
    store(row, output, sum0);
    store(row + 1u, output, sum1);
    store(row + 2u, output, sum2);
    store(row + 3u, output, sum3);
}
