// GELU, as the CPU computes it: see `normal_tail` in math.rs.

// The share of a normal distribution below -x, for x >= 0. Beyond 12 it is less than a float near 1 shows,
// and its root's 16th power might be beyond all floats.
fn normal_tail(x: vec4<f32>) -> vec4<f32> {
    let near = min(x, vec4<f32>(12.0));
    var root = vec4<f32>(6.8483337e-6);
    root = root * near + 4.0994248e-5;
    root = root * near + 7.036436e-5;
    root = root * near + 3.3793445e-3;
    root = root * near + 2.210584e-2;
    root = root * near + 5.2067228e-2;
    root = root * near + 1.0442743;
    root *= root;
    root *= root;
    root *= root;
    root *= root;
    return select(1.0 / root, vec4<f32>(), x > vec4<f32>(12.0));
}

fn gelu(value: vec4<f32>) -> vec4<f32> {
    let magnitude = abs(value);
    return max(value, vec4<f32>()) - magnitude * normal_tail(magnitude);
}
