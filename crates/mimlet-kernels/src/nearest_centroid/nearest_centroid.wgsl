// Nearest centroid of one row per workgroup: each invocation scans every 64th centroid, then a tree
// merges what they found. Of equally near centroids the first wins. Twin of cpu.rs.

override FIRST: u32;
override DIM: u32;
override CENTROIDS: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Panel16: [ceil(CENTROIDS / 16)][DIM][16].
@group(0) @binding(1) var<storage, read> centroids: array<f32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
// Distance to the best centroid and to the second-best.
@group(0) @binding(3) var<storage, read_write> distances: array<f32>;

var<workgroup> best: array<f32, 64>;
var<workgroup> second: array<f32, 64>;
var<workgroup> token: array<u32, 64>;

const LARGEST: f32 = 0x1.fffffep+127f;

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
        var squared = 0.0;
        for (var k = 0u; k < DIM; k += 1u) {
            let difference = x[start + k] - centroids[column + k * 16u];
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
