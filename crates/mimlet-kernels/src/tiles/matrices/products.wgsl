// Products of rows with the weights of outputs by matrices that the invocations of a subgroup multiply
// together ("cooperative matrices", tensor cores). Appended to kernels that bind `x`, `weight` and say
// where rows start, what becomes of sums, which matrices they multiply and how many LANES a team has.
//
// A team of invocations has whole subgroups. Which subgroup an invocation is in is not asked: a driver is
// known that crashes over modules which ask and multiply matrices. Where subgroups are smaller than a team,
// each of its subgroups does the same. What lies past the last row, input or output is padded in workgroup
// memory, the only memory that matrices are loaded from and stored to.

const TEAMS: u32 = 128u / LANES;
// Teams are two along the outputs, each with two matrices, and one or two along the rows, each with 32 rows.
const TILE_ROWS: u32 = 32u * (TEAMS / 2u);
const TILE_OUTPUTS: u32 = 4u * EDGE;
// Whether 32 rows are four matrices, and not two.
const TALL: bool = EDGE == 8u;
// Inputs that a tile takes at once.
const DEPTH: u32 = 32u;
// Values between two rows, and two inputs: in whole 16 bytes, as matrices must lie, and in no power of two of
// them, so that a matrix's rows meet in few banks of the memory.
const ROW_STRIDE: u32 = DEPTH + PAD;
const COLUMN_STRIDE: u32 = TILE_OUTPUTS + PAD;
// Values of a matrix.
const AREA: u32 = EDGE * EDGE;

// [TILE_ROWS, DEPTH] inputs.
var<workgroup> rows: array<Row, TILE_ROWS * ROW_STRIDE>;
// [DEPTH, TILE_OUTPUTS] weights.
var<workgroup> columns: array<Held, DEPTH * COLUMN_STRIDE>;
// A matrix of sums for each team.
var<workgroup> sums: array<f32, TEAMS * AREA>;

// The tile's inputs from `start` on; zero past the last.
fn load_rows(index: u32, first_row: u32, start: u32) {
    for (var i = index; i < TILE_ROWS * DEPTH; i += 128u) {
        // Neighbours load neighbouring inputs of a row.
        let row = i / DEPTH;
        let k = i % DEPTH;
        var value = 0.0;
        if start + k < INPUTS {
            value = x[row_start(first_row + row) + start + k];
        }
        rows[row * ROW_STRIDE + k] = Row(value);
    }
}

// The weights of the tile's outputs from input `start` on; zero past the last of either.
fn load_columns(index: u32, first_output: u32, start: u32) {
    for (var i = index; i < DEPTH * TILE_OUTPUTS / 4u; i += 128u) {
        let k = i / (TILE_OUTPUTS / 4u);
        let output = i % (TILE_OUTPUTS / 4u) * 4u;
        let four = four_outputs(first_output + output, start + k);
        let slot = k * COLUMN_STRIDE + output;
        columns[slot] = four.x;
        columns[slot + 1u] = four.y;
        columns[slot + 2u] = four.z;
        columns[slot + 3u] = four.w;
    }
}

// Makes outputs of the sums that all teams left: of each its matrix `down` and `across`.
fn finish(index: u32, first_row: u32, first_output: u32, down: u32, across: u32) {
    for (var quad = index; quad < TEAMS * AREA / 4u; quad += 128u) {
        let team = quad / (AREA / 4u);
        let row = team / 2u * 32u + down * EDGE + quad % (AREA / 4u) / (EDGE / 4u);
        let output = (team % 2u * 2u + across) * EDGE + quad % (EDGE / 4u) * 4u;
        if first_output + output < OUTPUTS {
            let i = quad * 4u;
            let sum = vec4<f32>(sums[i], sums[i + 1u], sums[i + 2u], sums[i + 3u]);
            store(first_row + row, first_output + output, sum);
        }
    }
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let first_row = group.y * TILE_ROWS;
    let first_output = group.x * TILE_OUTPUTS;
    let team = index / LANES;
    let own = team * AREA;

    // Sums start as zeros, which come from memory: there is no other way to make a matrix.
    for (var i = index; i < TEAMS * AREA; i += 128u) {
        sums[i] = 0.0;
    }
    workgroupBarrier();
    var sum00 = coopLoadT<Sums>(&sums[own], EDGE);
    var sum01 = sum00;
    var sum10 = sum00;
    var sum11 = sum00;
    var sum20 = sum00;
    var sum21 = sum00;
    var sum30 = sum00;
    var sum31 = sum00;
    for (var start = 0u; start < INPUTS; start += DEPTH) {
        load_rows(index, first_row, start);
        load_columns(index, first_output, start);
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k += EDGE) {
            let row = team / 2u * 32u * ROW_STRIDE + k;
            let column = k * COLUMN_STRIDE + team % 2u * 2u * EDGE;
            let right0 = coopLoadT<Right>(&columns[column], COLUMN_STRIDE);
            let right1 = coopLoadT<Right>(&columns[column + EDGE], COLUMN_STRIDE);
            let left0 = coopLoadT<Left>(&rows[row], ROW_STRIDE);
            sum00 = coopMultiplyAdd(left0, right0, sum00);
            sum01 = coopMultiplyAdd(left0, right1, sum01);
            let left1 = coopLoadT<Left>(&rows[row + EDGE * ROW_STRIDE], ROW_STRIDE);
            sum10 = coopMultiplyAdd(left1, right0, sum10);
            sum11 = coopMultiplyAdd(left1, right1, sum11);
            if TALL {
                let left2 = coopLoadT<Left>(&rows[row + 2u * EDGE * ROW_STRIDE], ROW_STRIDE);
                sum20 = coopMultiplyAdd(left2, right0, sum20);
                sum21 = coopMultiplyAdd(left2, right1, sum21);
                let left3 = coopLoadT<Left>(&rows[row + 3u * EDGE * ROW_STRIDE], ROW_STRIDE);
                sum30 = coopMultiplyAdd(left3, right0, sum30);
                sum31 = coopMultiplyAdd(left3, right1, sum31);
            }
        }
        // Nobody fills the next tile before all have used this one.
        workgroupBarrier();
    }

    coopStoreT(sum00, &sums[own], EDGE);
    workgroupBarrier();
    finish(index, first_row, first_output, 0u, 0u);
    workgroupBarrier();
    coopStoreT(sum01, &sums[own], EDGE);
    workgroupBarrier();
    finish(index, first_row, first_output, 0u, 1u);
    workgroupBarrier();
    coopStoreT(sum10, &sums[own], EDGE);
    workgroupBarrier();
    finish(index, first_row, first_output, 1u, 0u);
    workgroupBarrier();
    coopStoreT(sum11, &sums[own], EDGE);
    workgroupBarrier();
    finish(index, first_row, first_output, 1u, 1u);
    if TALL {
        workgroupBarrier();
        coopStoreT(sum20, &sums[own], EDGE);
        workgroupBarrier();
        finish(index, first_row, first_output, 2u, 0u);
        workgroupBarrier();
        coopStoreT(sum21, &sums[own], EDGE);
        workgroupBarrier();
        finish(index, first_row, first_output, 2u, 1u);
        workgroupBarrier();
        coopStoreT(sum30, &sums[own], EDGE);
        workgroupBarrier();
        finish(index, first_row, first_output, 3u, 0u);
        workgroupBarrier();
        coopStoreT(sum31, &sums[own], EDGE);
        workgroupBarrier();
        finish(index, first_row, first_output, 3u, 1u);
    }
}
