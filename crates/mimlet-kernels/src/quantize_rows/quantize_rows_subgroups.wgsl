// Quantises one row per workgroup over the range of its values and zero, whose ends are found within the
// subgroups and then over those, however large they are: the largest has no order.

// Largest value and largest negated value of each subgroup; there are no more than invocations.
var<workgroup> seen: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) place: u32,
) {
    let start = group.x * DIM;

    var extremes = vec2<f32>();
    for (var i = lane; i < DIM; i += 64u) {
        extremes = max(extremes, vec2<f32>(x[start + i], -x[start + i]));
    }
    extremes = subgroupMax(extremes);
    if place == 0u {
        seen[subgroup] = extremes;
    }
    workgroupBarrier();
    for (var i = 0u; i < subgroups; i += 1u) {
        extremes = max(extremes, seen[i]);
    }
    let range = range_of(-extremes.y, extremes.x);
    write_row(group.x, lane, range);
}
