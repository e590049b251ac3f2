// Quantises one row per workgroup over the range of its values and zero, whose ends are found by a
// tree over 64 partial ones.
// Twin of cpu.rs.

requires packed_4x8_integer_dot_product;

override DIM: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Rows of ceil(DIM / 4) words of four bytes, then the bits of the scale, then the zero point.
@group(0) @binding(1) var<storage, read_write> quantized: array<u32>;

// Largest value and largest negated value.
var<workgroup> partial: array<vec2<f32>, 64>;

// 127 / SMALLEST is just below the largest f32; rows smaller than that become zero, as on the CPU.
const SMALLEST: f32 = 3.7323e-37;

// One value of the row as a signed byte; zero past its end.
fn quantize(start: u32, column: u32, zero_point: f32, steps: f32) -> i32 {
    if column >= DIM {
        return 0;
    }
    return i32(clamp(round(x[start + column] * steps) - zero_point, -127.0, 127.0));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = group.x * DIM;

    var extremes = vec2<f32>();
    for (var i = lane; i < DIM; i += 64u) {
        extremes = max(extremes, vec2<f32>(x[start + i], -x[start + i]));
    }
    partial[lane] = extremes;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width >>= 1u) {
        if lane < width {
            partial[lane] = max(partial[lane], partial[lane + width]);
        }
        workgroupBarrier();
    }
    let high = partial[0].x;
    let low = -partial[0].y;
    let half = high * 0.5 - low * 0.5;

    var steps = 0.0;
    var scale = 0.0;
    if half >= SMALLEST {
        steps = 127.0 / half;
        scale = half / 127.0;
    }
    let zero_point = round((low * 0.5 + high * 0.5) * steps);
    let words = (DIM + 3u) / 4u;
    let target_start = group.x * (words + 2u);
    for (var word = lane; word < words; word += 64u) {
        let column = word * 4u;
        quantized[target_start + word] = pack4xI8(vec4<i32>(
            quantize(start, column, zero_point, steps),
            quantize(start, column + 1u, zero_point, steps),
            quantize(start, column + 2u, zero_point, steps),
            quantize(start, column + 3u, zero_point, steps),
        ));
    }
    if lane == 0u {
        quantized[target_start + words] = bitcast<u32>(scale);
        quantized[target_start + words + 1u] = bitcast<u32>(i32(zero_point));
    }
}
