// GELU with the exact error function, in place, one invocation a value. Twin of cpu.rs.

override LEN: u32;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Rows of at most 65,535 workgroups.
    let columns = min((LEN + 63u) / 64u, 65535u);
    let index = (group.y * columns + group.x) * 64u + lane;
    if index < LEN {
        x[index] = gelu(vec4<f32>(x[index])).x;
    }
}
