// Layer norm of one row per workgroup: mean, then centred variance, both summed within the subgroups and
// then over those in order, however large they are.

override DIM: u32;
override EPS: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Weight, then bias.
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Of each subgroup; there are no more than invocations.
var<workgroup> totals: array<f32, 64>;
var<workgroup> squares_of: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) place: u32,
) {
    let start = group.x * DIM;

    var total = 0.0;
    for (var i = lane; i < DIM; i += 64u) {
        total += x[start + i];
    }
    total = subgroupAdd(total);
    if place == 0u {
        totals[subgroup] = total;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < subgroups; i += 1u) {
        sum += totals[i];
    }
    let mean = sum / f32(DIM);

    var squares = 0.0;
    for (var i = lane; i < DIM; i += 64u) {
        let centred = x[start + i] - mean;
        squares += centred * centred;
    }
    squares = subgroupAdd(squares);
    if place == 0u {
        squares_of[subgroup] = squares;
    }
    workgroupBarrier();
    var sum_of_squares = 0.0;
    for (var i = 0u; i < subgroups; i += 1u) {
        sum_of_squares += squares_of[i];
    }
    let inverse = 1.0 / sqrt(sum_of_squares / f32(DIM) + EPS);

    for (var i = lane; i < DIM; i += 64u) {
        y[start + i] = (x[start + i] - mean) * inverse * affine[i] + affine[DIM + i];
    }
}
