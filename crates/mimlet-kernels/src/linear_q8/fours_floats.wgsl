// Exact sums of products of floats, for GPUs whose products of whole numbers take several instructions: 4 rows
// x 4 outputs an invocation, 32 x 32 a workgroup. No workgroup memory. Appended to fours.wgsl, for up to 1,024
// inputs: a float holds whole numbers up to 2^24, which is what so many products of bytes come to at most.
//
// Sums are named: an array indexed in a loop would live in memory, not in registers.

// The signed byte that ends `shift` bits below a word's end.
fn byte_of(word: u32, shift: u32) -> f32 {
    return f32((bitcast<i32>(word) << shift) >> 24u);
}

fn bytes_of(words: vec4<u32>, shift: u32) -> vec4<f32> {
    return vec4<f32>((bitcast<vec4<i32>>(words) << vec4<u32>(shift)) >> vec4<u32>(24u));
}

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
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    var weights = vec4<f32>();
    for (var k = 0u; k < INPUTS / 8u; k += 1u) {
        let x0 = x[start0 + k];
        let x1 = x[start1 + k];
        let x2 = x[start2 + k];
        let x3 = x[start3 + k];
        let w0 = weight[first + k * 8u];
        let a0 = bytes_of(w0, 24u);
        weights += a0;
        sum0 += byte_of(x0.x, 24u) * a0;
        sum1 += byte_of(x1.x, 24u) * a0;
        sum2 += byte_of(x2.x, 24u) * a0;
        sum3 += byte_of(x3.x, 24u) * a0;
        let a1 = bytes_of(w0, 16u);
        weights += a1;
        sum0 += byte_of(x0.x, 16u) * a1;
        sum1 += byte_of(x1.x, 16u) * a1;
        sum2 += byte_of(x2.x, 16u) * a1;
        sum3 += byte_of(x3.x, 16u) * a1;
        let a2 = bytes_of(w0, 8u);
        weights += a2;
        sum0 += byte_of(x0.x, 8u) * a2;
        sum1 += byte_of(x1.x, 8u) * a2;
        sum2 += byte_of(x2.x, 8u) * a2;
        sum3 += byte_of(x3.x, 8u) * a2;
        let a3 = bytes_of(w0, 0u);
        weights += a3;
        sum0 += byte_of(x0.x, 0u) * a3;
        sum1 += byte_of(x1.x, 0u) * a3;
        sum2 += byte_of(x2.x, 0u) * a3;
        sum3 += byte_of(x3.x, 0u) * a3;
        let w1 = weight[first + k * 8u + 4u];
        let b0 = bytes_of(w1, 24u);
        weights += b0;
        sum0 += byte_of(x0.y, 24u) * b0;
        sum1 += byte_of(x1.y, 24u) * b0;
        sum2 += byte_of(x2.y, 24u) * b0;
        sum3 += byte_of(x3.y, 24u) * b0;
        let b1 = bytes_of(w1, 16u);
        weights += b1;
        sum0 += byte_of(x0.y, 16u) * b1;
        sum1 += byte_of(x1.y, 16u) * b1;
        sum2 += byte_of(x2.y, 16u) * b1;
        sum3 += byte_of(x3.y, 16u) * b1;
        let b2 = bytes_of(w1, 8u);
        weights += b2;
        sum0 += byte_of(x0.y, 8u) * b2;
        sum1 += byte_of(x1.y, 8u) * b2;
        sum2 += byte_of(x2.y, 8u) * b2;
        sum3 += byte_of(x3.y, 8u) * b2;
        let b3 = bytes_of(w1, 0u);
        weights += b3;
        sum0 += byte_of(x0.y, 0u) * b3;
        sum1 += byte_of(x1.y, 0u) * b3;
        sum2 += byte_of(x2.y, 0u) * b3;
        sum3 += byte_of(x3.y, 0u) * b3;
    }
    let whole = vec4<i32>(weights);
    store(row, quad, vec4<i32>(sum0), whole);
    store(row + 1u, quad, vec4<i32>(sum1), whole);
    store(row + 2u, quad, vec4<i32>(sum2), whole);
    store(row + 3u, quad, vec4<i32>(sum3), whole);
}
