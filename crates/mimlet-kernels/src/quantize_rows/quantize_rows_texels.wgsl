// Quantises one row per invocation, read through the texture unit, over the range of its values and
// zero. No workgroup memory.

requires packed_4x8_integer_dot_product;

override ROWS: u32;
override DIM: u32;

@group(0) @binding(0) var x: texture_2d<f32>;
// Rows of DIM / 4 words of four bytes, then the bits of the scale, then the zero point.
@group(0) @binding(1) var<storage, read_write> quantized: array<u32>;

fn largest_of(values: vec4<f32>) -> f32 {
    return max(max(values.x, values.y), max(values.z, values.w));
}

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= ROWS {
        return;
    }
    let words = DIM / 4u;
    let start = id.x * words;

    var highs = vec4<f32>();
    var lows = vec4<f32>();
    for (var i = 0u; i < words; i += 1u) {
        let values = textureLoad(x, place(start + i), 0);
        highs = max(highs, values);
        lows = max(lows, -values);
    }
    let range = range_of(-largest_of(lows), largest_of(highs));
    let target_start = id.x * (words + 2u);
    for (var i = 0u; i < words; i += 1u) {
        let bytes = bytes_in(range, textureLoad(x, place(start + i), 0));
        quantized[target_start + i] = pack4xI8(bytes);
    }
    quantized[target_start + words] = bitcast<u32>(range.scale);
    quantized[target_start + words + 1u] = bitcast<u32>(i32(range.zero_point));
}
