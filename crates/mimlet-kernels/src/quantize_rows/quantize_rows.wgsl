// Quantises one row per workgroup by its largest magnitude, found by a tree over 64 partial maxima.
// Twin of cpu.rs.

requires packed_4x8_integer_dot_product;

override DIM: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Rows of ceil(DIM / 4) words of four bytes, then the bits of the scale.
@group(0) @binding(1) var<storage, read_write> quantized: array<u32>;

var<workgroup> partial: array<f32, 64>;

// 127 / SMALLEST is just below the largest f32; rows below it become zeros, as on the CPU.
const SMALLEST: f32 = 3.7323e-37;

// One value of the row as a signed byte; zero past its end.
fn quantize(start: u32, column: u32, steps: f32) -> i32 {
    if column >= DIM {
        return 0;
    }
    return i32(round(clamp(x[start + column] * steps, -127.0, 127.0)));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = group.x * DIM;

    var largest = 0.0;
    for (var i = lane; i < DIM; i += 64u) {
        largest = max(largest, abs(x[start + i]));
    }
    partial[lane] = largest;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width >>= 1u) {
        if lane < width {
            partial[lane] = max(partial[lane], partial[lane + width]);
        }
        workgroupBarrier();
    }
    largest = partial[0];

    var steps = 0.0;
    var scale = 0.0;
    if largest >= SMALLEST {
        steps = 127.0 / largest;
        scale = largest / 127.0;
    }
    let words = (DIM + 3u) / 4u;
    let target_start = group.x * (words + 1u);
    for (var word = lane; word < words; word += 64u) {
        let column = word * 4u;
        quantized[target_start + word] = pack4xI8(vec4<i32>(
            quantize(start, column, steps),
            quantize(start, column + 1u, steps),
            quantize(start, column + 2u, steps),
            quantize(start, column + 3u, steps),
        ));
    }
    if lane == 0u {
        quantized[target_start + words] = bitcast<u32>(scale);
    }
}
