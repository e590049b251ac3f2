// Quantises one row per workgroup over the range of its values and zero, whose ends are found by a
// tree over 64 partial ones. Twin of cpu.rs.

// Largest value and largest negated value.
var<workgroup> partial: array<vec2<f32>, 64>;

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
    write_row(group.x, lane, range);
}
