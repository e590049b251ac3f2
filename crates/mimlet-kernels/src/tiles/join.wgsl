// Joins the sums that share.wgsl left, share by share, and makes outputs of them: four an invocation.
// Appended to kernels that bind `parts` and say what becomes of their sums.

override SHARES: u32;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let quads_across = (OUTPUTS + 3u) / 4u;
    if id.x >= quads_across || id.y >= ROWS {
        return;
    }
    var sum = Sum();
    for (var share = 0u; share < SHARES; share += 1u) {
        sum += parts[(share * ROWS + id.y) * quads_across + id.x];
    }
    finish(id.y, id.x * 4u, sum);
}
