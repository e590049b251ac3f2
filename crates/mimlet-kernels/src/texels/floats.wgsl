// Appended to kernels that multiply floats.

// Adds the products of four inputs, in their order.
fn add_four(
    sum: vec4<f32>,
    x: vec4<f32>,
    w0: vec4<f32>,
    w1: vec4<f32>,
    w2: vec4<f32>,
    w3: vec4<f32>,
) -> vec4<f32> {
    return sum + x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
}
