// Formula 7.1.26 of Abramowitz and Stegun, Handbook of Mathematical Functions (1964). Beyond 9 it
// is 1 to f32, and the square would overflow.
fn erf(value: vec4<f32>) -> vec4<f32> {
    let magnitude = min(abs(value), vec4<f32>(9.0));
    let t = 1.0 / (1.0 + 0.3275911 * magnitude);
    var series = vec4<f32>(1.06140543);
    series = series * t - 1.45315203;
    series = series * t + 1.42141374;
    series = series * t - 0.28449674;
    series = series * t + 0.2548296;
    return sign(value) * (1.0 - series * t * exp(-magnitude * magnitude));
}

fn gelu(value: vec4<f32>) -> vec4<f32> {
    return value * (0.5 * (1.0 + erf(value * 0.70710678)));
}
