// Layer norm of one row per workgroup: mean, then centred variance, both by a tree over 64 partial
// sums. Twin of cpu.rs.

override DIM: u32;
override EPS: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Weight, then bias.
@group(0) @binding(1) var<storage, read> affine: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let start = group.x * DIM;

    var total = 0.0;
    for (var i = lane; i < DIM; i += 64u) {
        total += x[start + i];
    }
    partial[lane] = total;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width >>= 1u) {
        if lane < width {
            partial[lane] += partial[lane + width];
        }
        workgroupBarrier();
    }
    let mean = partial[0] / f32(DIM);
    workgroupBarrier();

    var squares = 0.0;
    for (var i = lane; i < DIM; i += 64u) {
        let centred = x[start + i] - mean;
        squares += centred * centred;
    }
    partial[lane] = squares;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width >>= 1u) {
        if lane < width {
            partial[lane] += partial[lane + width];
        }
        workgroupBarrier();
    }
    let inverse = 1.0 / sqrt(partial[0] / f32(DIM) + EPS);

    for (var i = lane; i < DIM; i += 64u) {
        y[start + i] = (x[start + i] - mean) * inverse * affine[i] + affine[DIM + i];
    }
}
