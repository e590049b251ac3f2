// Products of rows with the weights of outputs, passed through workgroup memory: TILE x TILE a
// workgroup, sums in the order of the inputs. Appended to kernels that bind `x`, `weight` and say where
// rows start and where a row has an input, what becomes of sums and what is held of weights and inputs. Products and sums are of f32.
//
// Accumulators are named: an array indexed in a loop would live in memory, not in registers. Four
// inputs a turn: compilers do not unroll the loops that naga writes.

// [DEPTH, STRIDE] quads of rows for one input each.
var<workgroup> rows: array<vec4<Row>, DEPTH * STRIDE>;
// [DEPTH, ACROSS] quads of outputs for one input each.
var<workgroup> columns: array<vec4<Held>, DEPTH * ACROSS>;

// An input of four rows; zero past the last input.
fn four_rows(row: u32, k: u32) -> vec4<Row> {
    if k >= INPUTS {
        return vec4<Row>();
    }
    let at = input(k);
    return vec4<Row>(vec4<f32>(
        x[row_start(row) + at],
        x[row_start(row + 1u) + at],
        x[row_start(row + 2u) + at],
        x[row_start(row + 3u) + at],
    ));
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

    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    var sum4 = vec4<f32>();
    var sum5 = vec4<f32>();
    var sum6 = vec4<f32>();
    var sum7 = vec4<f32>();
    let end = end_of(share, INPUTS);
    for (var start = first_of(share); start < end; start += DEPTH) {
        let slot = loaded_k * STRIDE + loaded_quad;
        rows[slot] = four_rows(loaded_row, start + loaded_k);
        rows[slot + LOADED] = four_rows(loaded_row + LOADED * 4u, start + loaded_k);
        columns[lane.y * ACROSS + lane.x] = four_outputs(output, start + lane.y);
        columns[(lane.y + 8u) * ACROSS + lane.x] = four_outputs(output, start + lane.y + 8u);
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k += 4u) {
            let w0 = vec4<f32>(columns[k * ACROSS + lane.x]);
            let w1 = vec4<f32>(columns[(k + 1u) * ACROSS + lane.x]);
            let w2 = vec4<f32>(columns[(k + 2u) * ACROSS + lane.x]);
            let w3 = vec4<f32>(columns[(k + 3u) * ACROSS + lane.x]);
            let low = transpose(mat4x4<f32>(
                vec4<f32>(rows[k * STRIDE + lane.y]),
                vec4<f32>(rows[(k + 1u) * STRIDE + lane.y]),
                vec4<f32>(rows[(k + 2u) * STRIDE + lane.y]),
                vec4<f32>(rows[(k + 3u) * STRIDE + lane.y]),
            ));
            sum0 = add_four(sum0, low[0], w0, w1, w2, w3);
            sum1 = add_four(sum1, low[1], w0, w1, w2, w3);
            sum2 = add_four(sum2, low[2], w0, w1, w2, w3);
            sum3 = add_four(sum3, low[3], w0, w1, w2, w3);
            if TALL {
                let high = transpose(mat4x4<f32>(
                    vec4<f32>(rows[k * STRIDE + lane.y + 8u]),
                    vec4<f32>(rows[(k + 1u) * STRIDE + lane.y + 8u]),
                    vec4<f32>(rows[(k + 2u) * STRIDE + lane.y + 8u]),
                    vec4<f32>(rows[(k + 3u) * STRIDE + lane.y + 8u]),
                ));
                sum4 = add_four(sum4, high[0], w0, w1, w2, w3);
                sum5 = add_four(sum5, high[1], w0, w1, w2, w3);
                sum6 = add_four(sum6, high[2], w0, w1, w2, w3);
                sum7 = add_four(sum7, high[3], w0, w1, w2, w3);
            }
        }
        // Nobody fills the next tile before all have used this one.
        workgroupBarrier();
    }
    if output >= OUTPUTS {
        return;
    }
    store(row, output, sum0);
    store(row + 1u, output, sum1);
    store(row + 2u, output, sum2);
    store(row + 3u, output, sum3);
    if TALL {
        store(row + 32u, output, sum4);
        store(row + 33u, output, sum5);
        store(row + 34u, output, sum6);
        store(row + 35u, output, sum7);
    }
}
