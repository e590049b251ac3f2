// Products of rows, quantised to bytes as they are read, with the weights of outputs; otherwise as
// bytes.wgsl. Each workgroup finds the ranges of its rows for itself: a row is read once more for each
// tile of outputs, and no dispatch has to end before this one starts.

// Rows of floats.
@group(0) @binding(0) var<storage, read> x: array<f32>;

// [DEPTH, STRIDE] quads of rows for four inputs each.
var<workgroup> rows: array<vec4<u32>, DEPTH * STRIDE>;
// [DEPTH, ACROSS] quads of outputs for four inputs each.
var<workgroup> columns: array<vec4<u32>, DEPTH * ACROSS>;

// Of each row what `range_of` gave.
var<workgroup> ranges: array<Range, TILE>;

// Words of four inputs in a row.
fn quads() -> u32 {
    return (INPUTS + 3u) / 4u;
}

// Index of a row's first value in `x`. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * INPUTS;
}

fn row_scale(row: u32) -> f32 {
    return ranges[row % TILE].scale;
}

fn zero_point(row: u32) -> i32 {
    return i32(ranges[row % TILE].zero_point);
}

// An input of four rows.
fn four_values(row: u32, k: u32) -> vec4<f32> {
    return vec4<f32>(
        x[row_start(row) + k],
        x[row_start(row + 1u) + k],
        x[row_start(row + 2u) + k],
        x[row_start(row + 3u) + k],
    );
}

// Range of a row of the tile from what sixteen invocations saw of it.
fn shared_range(row: u32) -> Range {
    var extremes = vec2<f32>();
    for (var i = 0u; i < DEPTH; i += 1u) {
        let slot = row / 4u * DEPTH + i;
        let seen = vec2<u32>(rows[slot][row % 4u], columns[slot][row % 4u]);
        extremes = max(extremes, bitcast<vec2<f32>>(seen));
    }
    return range_of(-extremes.y, extremes.x);
}

// Four inputs of a row. Past the last it is any of them, whose weights are zero.
fn made_word(row: u32, quad: u32) -> u32 {
    let start = row_start(row);
    let last = INPUTS - 1u;
    let k = quad * 4u;
    let values = vec4<f32>(
        x[start + min(k, last)],
        x[start + min(k + 1u, last)],
        x[start + min(k + 2u, last)],
        x[start + min(k + 3u, last)],
    );
    return pack4xI8(bytes_in(ranges[row % TILE], values));
}

fn four_rows(row: u32, quad: u32) -> vec4<u32> {
    return vec4<u32>(
        made_word(row, quad),
        made_word(row + 1u, quad),
        made_word(row + 2u, quad),
        made_word(row + 3u, quad),
    );
}

@compute @workgroup_size(ACROSS, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let output = group.x * TILE + lane.x * 4u;
    let row = group.y * TILE + lane.y * 4u;
    // Neighbours load neighbouring inputs of the same rows.
    let loaded_k = index % DEPTH;
    let loaded_quad = index / DEPTH;
    let loaded_row = group.y * TILE + loaded_quad * 4u;

    var highs = vec4<f32>();
    var lows = vec4<f32>();
    var later_highs = vec4<f32>();
    var later_lows = vec4<f32>();
    for (var k = loaded_k; k < INPUTS; k += DEPTH) {
        let values = four_values(loaded_row, k);
        highs = max(highs, values);
        lows = max(lows, -values);
        let later = four_values(loaded_row + LOADED * 4u, k);
        later_highs = max(later_highs, later);
        later_lows = max(later_lows, -later);
    }
    let seen = loaded_quad * DEPTH + loaded_k;
    rows[seen] = bitcast<vec4<u32>>(highs);
    columns[seen] = bitcast<vec4<u32>>(lows);
    rows[seen + LOADED * DEPTH] = bitcast<vec4<u32>>(later_highs);
    columns[seen + LOADED * DEPTH] = bitcast<vec4<u32>>(later_lows);
    workgroupBarrier();
    if index < TILE {
        ranges[index] = shared_range(index);
    }
    workgroupBarrier();

    var sums = Sums();
    for (var start = 0u; start < quads(); start += DEPTH) {
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
