// Appended to kernels that bind quantised rows as the texture `x`.

fn word(index: u32) -> i32 {
    return bitcast<i32>(textureLoad(x, place(index), 0).x);
}

// Adds the products of four inputs.
fn add_four(
    sum: vec4<i32>,
    x: i32,
    w0: vec4<i32>,
    w1: vec4<i32>,
    w2: vec4<i32>,
    w3: vec4<i32>,
) -> vec4<i32> {
    return sum
        + ((x << 24u) >> 24u) * w0
        + ((x << 16u) >> 24u) * w1
        + ((x << 8u) >> 24u) * w2
        + (x >> 24u) * w3;
}
