// Layer norm of one row per invocation, read through the texture unit: mean, then centred variance.
// No workgroup memory.

override ROWS: u32;
override DIM: u32;
override EPS: f32;

@group(0) @binding(0) var x: texture_2d<f32>;
// Weight, then bias.
@group(0) @binding(1) var affine: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn sum_of(values: vec4<f32>) -> f32 {
    return (values.x + values.y) + (values.z + values.w);
}

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= ROWS {
        return;
    }
    let line = DIM / 4u;
    let start = id.x * line;

    var total = vec4<f32>();
    for (var i = 0u; i < line; i += 1u) {
        total += textureLoad(x, place(start + i), 0);
    }
    let mean = sum_of(total) / f32(DIM);

    var squares = vec4<f32>();
    for (var i = 0u; i < line; i += 1u) {
        let centred = textureLoad(x, place(start + i), 0) - mean;
        squares += centred * centred;
    }
    let inverse = 1.0 / sqrt(sum_of(squares) / f32(DIM) + EPS);

    for (var i = 0u; i < line; i += 1u) {
        let gain = textureLoad(affine, place(i), 0);
        let offset = textureLoad(affine, place(line + i), 0);
        y[start + i] = (textureLoad(x, place(start + i), 0) - mean) * inverse * gain + offset;
    }
}
