// GELU with the exact error function, in place, one invocation a value. Twin of cpu.rs.

override LEN: u32;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;

// Formula 7.1.26 of Abramowitz and Stegun, Handbook of Mathematical Functions (1964). Beyond 9 it
// is 1 to f32, and the square would overflow.
fn erf(value: f32) -> f32 {
    let magnitude = min(abs(value), 9.0);
    let t = 1.0 / (1.0 + 0.3275911 * magnitude);
    var series = 1.06140543;
    series = series * t - 1.45315203;
    series = series * t + 1.42141374;
    series = series * t - 0.28449674;
    series = series * t + 0.2548296;
    return sign(value) * (1.0 - series * t * exp(-magnitude * magnitude));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Rows of at most 65,535 workgroups.
    let columns = min((LEN + 63u) / 64u, 65535u);
    let index = (group.y * columns + group.x) * 64u + lane;
    if index < LEN {
        let value = x[index];
        x[index] = value * (0.5 * (1.0 + erf(value * 0.70710678)));
    }
}
