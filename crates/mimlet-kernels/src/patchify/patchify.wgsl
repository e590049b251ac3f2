// Cuts images into patches: one invocation a value, one patch along y, one image along z. Twin of cpu.rs.

override HEIGHT: u32;
override WIDTH: u32;
override PATCH: u32;

@group(0) @binding(0) var<storage, read> image: array<f32>;
@group(0) @binding(1) var<storage, read_write> patches: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let area = PATCH * PATCH;
    let value = group.x * 64u + lane;
    if value >= 3u * area {
        return;
    }
    let channel = value / area;
    let within = value % area;
    let columns = WIDTH / PATCH;
    let row = group.y / columns * PATCH + within / PATCH;
    let column = group.y % columns * PATCH + within % PATCH;
    // An image and its patches have as many values.
    let start = group.z * 3u * HEIGHT * WIDTH;
    let pixel = (channel * HEIGHT + row) * WIDTH + column;
    patches[start + group.y * 3u * area + value] = image[start + pixel];
}
