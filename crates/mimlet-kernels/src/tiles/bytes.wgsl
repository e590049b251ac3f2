// Products of rows of bytes with the weights of outputs, passed through workgroup memory: TILE x TILE a
// workgroup. Appended to kernels that say what a tile's products add up to and what becomes of that.

// [DEPTH, STRIDE] quads of rows for four inputs each.
var<workgroup> rows: array<vec4<u32>, DEPTH * STRIDE>;
// [DEPTH, ACROSS] quads of outputs for four inputs each.
var<workgroup> columns: array<vec4<u32>, DEPTH * ACROSS>;

// Four inputs of four rows. Past the last it is any of them, whose weights are zero.
fn four_rows(row: u32, quad: u32) -> vec4<u32> {
    let k = min(quad, quads() - 1u);
    return vec4<u32>(
        x[row_start(row) + k],
        x[row_start(row + 1u) + k],
        x[row_start(row + 2u) + k],
        x[row_start(row + 3u) + k],
    );
}

// Which share of the inputs is summed: the workgroup's z.
var<private> share: u32;

@compute @workgroup_size(ACROSS, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    share = group.z;
    let output = group.x * TILE + lane.x * 4u;
    let row = group.y * TILE + lane.y * 4u;
    // Neighbours load neighbouring inputs of the same rows.
    let loaded_k = index % DEPTH;
    let loaded_quad = index / DEPTH;
    let loaded_row = group.y * TILE + loaded_quad * 4u;

    var sums = Sums();
    let end = end_of(share, quads());
    for (var start = first_of(share); start < end; start += DEPTH) {
        let slot = loaded_k * STRIDE + loaded_quad;
        rows[slot] = four_rows(loaded_row, start + loaded_k);
        rows[slot + LOADED] = four_rows(loaded_row + LOADED * 4u, start + loaded_k);
        sums.weights += take_weights(lane, output, start);
        workgroupBarrier();
        sums = add_tile(sums, lane, output, start);
        // Nobody fills the next tile before all have used this one.
        workgroupBarrier();
    }
    columns[index] = bitcast<vec4<u32>>(sums.weights);
    workgroupBarrier();
    if output >= OUTPUTS {
        return;
    }
    let weights = shared_weights(lane.x);
    store(row, output, sums.row0, weights);
    store(row + 1u, output, sums.row1, weights);
    store(row + 2u, output, sums.row2, weights);
    store(row + 3u, output, sums.row3, weights);
    if TALL {
        store(row + 32u, output, sums.row4, weights);
        store(row + 33u, output, sums.row5, weights);
        store(row + 34u, output, sums.row6, weights);
        store(row + 35u, output, sums.row7, weights);
    }
}
