// Quantises one row per workgroup over the range of its values and zero, whose ends are found by a
// tree over 64 partial ones.
// Twin of cpu.rs. Bytes are put together one by one, for any device.

override DIM: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Rows of ceil(DIM / 4) words of four bytes, then the bits of the scale, then the zero point.
@group(0) @binding(1) var<storage, read_write> quantized: array<u32>;

// Largest value and largest negated value.
var<workgroup> partial: array<vec2<f32>, 64>;

// A value of the row; past its end the last.
fn value(start: u32, column: u32) -> f32 {
    return x[start + min(column, DIM - 1u)];
}

// Four signed bytes as a word, the first lowest.
fn packed(bytes: vec4<i32>) -> u32 {
    let placed = (bitcast<vec4<u32>>(bytes) & vec4<u32>(0xffu)) << vec4<u32>(0u, 8u, 16u, 24u);
    return placed.x | placed.y | placed.z | placed.w;
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
    let range = range_of(-partial[0].y, partial[0].x);
    let words = (DIM + 3u) / 4u;
    let target_start = group.x * (words + 2u);
    for (var word = lane; word < words; word += 64u) {
        let column = vec4<u32>(word * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
        let values = vec4<f32>(
            value(start, column.x),
            value(start, column.y),
            value(start, column.z),
            value(start, column.w),
        );
        let bytes = select(vec4<i32>(), bytes_in(range, values), column < vec4<u32>(DIM));
        quantized[target_start + word] = packed(bytes);
    }
    if lane == 0u {
        quantized[target_start + words] = bitcast<u32>(range.scale);
        quantized[target_start + words + 1u] = bitcast<u32>(i32(range.zero_point));
    }
}
