// Nearest centroid of one row per workgroup: each invocation scans every 64th centroid, then a tree
// merges what they found. Of equally near centroids the first wins. Twin of cpu.rs.
//
// A codebook in parts takes a dispatch for each, which goes on from what those before it found: until the
// last, `distances` are squares.

// Of each image's rows in `x`, those left out at the front, and those after them.
override FIRST: u32;
override PATCHES: u32;
override DIM: u32;
override CENTROIDS: u32;
// Width of a centroid's values: 32 or 16 for floats, 8 for bytes with a scale for each centroid.
override BITS: u32;
// Centroids that are bound: all, or a part that begins with a panel.
override FROM: u32;
override TO: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Panel16: [ceil((TO - FROM) / 16)][DIM][16] values of BITS, then the scales of bytes.
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

// The scale of a bound centroid's bytes; 1 for floats.
fn scale_of(centroid: u32) -> f32 {
    if BITS != 8u {
        return 1.0;
    }
    return bitcast<f32>(centroids[(TO - FROM + 15u) / 16u * 4u * DIM + centroid]);
}

// The nearest centroid, and the squares of its distance and of the second-best's.
struct Found {
    token: u32,
    best: f32,
    second: f32,
}

// Of what was found in two parts of the centroids.
fn merged(before: Found, after: Found) -> Found {
    let second = min(max(before.best, after.best), min(before.second, after.second));
    if after.best < before.best {
        return Found(after.token, after.best, second);
    }
    return Found(before.token, before.best, second);
}

fn keep(row: u32, part: Found) {
    var found = part;
    if FROM > 0u {
        let before = Found(tokens[row], distances[row * 2u], distances[row * 2u + 1u]);
        found = merged(before, part);
    }
    tokens[row] = found.token;
    if TO < CENTROIDS {
        distances[row * 2u] = found.best;
        distances[row * 2u + 1u] = found.second;
    } else {
        distances[row * 2u] = sqrt(found.best);
        distances[row * 2u + 1u] = sqrt(found.second);
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = (group.x + (group.x / PATCHES + 1u) * FIRST) * DIM;

    var nearest = LARGEST;
    var next = LARGEST;
    var found = lane;
    for (var centroid = lane; centroid < TO - FROM; centroid += 64u) {
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
    token[lane] = FROM + found;
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
        keep(group.x, Found(token[0], best[0], second[0]));
    }
}
