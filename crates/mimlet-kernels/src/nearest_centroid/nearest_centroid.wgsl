// Nearest centroid of one row per workgroup: each invocation scans every 64th centroid, then a tree
// merges what they found. Of equally near centroids the first wins. Twin of cpu.rs.

override FIRST: u32;
override DIM: u32;
override CENTROIDS: u32;
// Width of a centroid's values: 32 or 16 for floats, 8 for bytes with a scale for each centroid.
override BITS: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Panel16: [ceil(CENTROIDS / 16)][DIM][16] values of BITS, then the scales of bytes.
@group(0) @binding(1) var<storage, read> centroids: array<u32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
// Distance to the best centroid and to the second-best.
@group(0) @binding(3) var<storage, read_write> distances: array<f32>;

var<workgroup> best: array<f32, 64>;
var<workgroup> second: array<f32, 64>;
var<workgroup> token: array<u32, 64>;

const LARGEST: f32 = 0x1.fffffep+127f;

// A value by its index in the panels; `scale` is its centroid's, for bytes.
fn value(index: u32, scale: f32) -> f32 {
    if BITS == 32u {
        return bitcast<f32>(centroids[index]);
    }
    if BITS == 16u {
        let pair = unpack2x16float(centroids[index / 2u]);
        return select(pair.x, pair.y, index % 2u == 1u);
    }
    let word = bitcast<i32>(centroids[index / 4u]);
    return f32((word << (24u - index % 4u * 8u)) >> 24u) * scale;
}

// The scale of a centroid's bytes; 1 for floats.
fn scale_of(centroid: u32) -> f32 {
    if BITS != 8u {
        return 1.0;
    }
    return bitcast<f32>(centroids[(CENTROIDS + 15u) / 16u * 4u * DIM + centroid]);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = (FIRST + group.x) * DIM;

    var nearest = LARGEST;
    var next = LARGEST;
    var found = lane;
    for (var centroid = lane; centroid < CENTROIDS; centroid += 64u) {
        let column = centroid / 16u * DIM * 16u + centroid % 16u;
        let scale = scale_of(centroid);
        var squared = 0.0;
        for (var k = 0u; k < DIM; k += 1u) {
            let difference = x[start + k] - value(column + k * 16u, scale);
            squared += difference * difference;
        }
        if squared < nearest {
            next = nearest;
            nearest = squared;
            found = centroid;
        } else if squared < next {
            next = squared;
        }
    }
    best[lane] = nearest;
    second[lane] = next;
    token[lane] = found;
    workgroupBarrier();

    for (var width = 32u; width > 0u; width >>= 1u) {
        if lane < width {
            let other = lane + width;
            let a = best[lane];
            let b = best[other];
            if b < a || (b == a && token[other] < token[lane]) {
                token[lane] = token[other];
            }
            best[lane] = min(a, b);
            second[lane] = min(max(a, b), min(second[lane], second[other]));
        }
        workgroupBarrier();
    }
    if lane == 0u {
        tokens[group.x] = token[0];
        distances[group.x * 2u] = sqrt(best[0]);
        distances[group.x * 2u + 1u] = sqrt(second[0]);
    }
}
