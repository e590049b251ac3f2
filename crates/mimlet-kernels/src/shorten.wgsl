// Twin of `shorten` in math.rs. Appended to the kernels that need it.

// To 12 significant bits, halves away from zero; below 2^-60 zero.
fn shortened(outputs: vec4<f32>) -> vec4<f32> {
    let bits = (bitcast<vec4<u32>>(outputs) + 0x800u) & vec4<u32>(0xfffff000u);
    let present = (bits & vec4<u32>(0x7fffffffu)) >= vec4<u32>(0x21800000u);
    return select(vec4<f32>(), bitcast<vec4<f32>>(bits), present);
}
