// A row's bytes, scale and zero point. Appended to kernels with a workgroup of 64 a row, which find its
// range. Bytes are put together one by one, for any device.

override DIM: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Rows of ceil(DIM / 4) words of four bytes, then the bits of the scale, then the zero point.
@group(0) @binding(1) var<storage, read_write> quantized: array<u32>;

// A value of the row; past its end the last.
fn value(start: u32, column: u32) -> f32 {
    return x[start + min(column, DIM - 1u)];
}

// Four signed bytes as a word, the first lowest.
fn packed(bytes: vec4<i32>) -> u32 {
    let placed = (bitcast<vec4<u32>>(bytes) & vec4<u32>(0xffu)) << vec4<u32>(0u, 8u, 16u, 24u);
    return placed.x | placed.y | placed.z | placed.w;
}

// Writes the share of one of 64 invocations.
fn write_row(row: u32, lane: u32, range: Range) {
    let start = row * DIM;
    let words = (DIM + 3u) / 4u;
    let target_start = row * (words + 2u);
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
