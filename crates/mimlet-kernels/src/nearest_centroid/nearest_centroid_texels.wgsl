// Nearest centroid of one row per invocation, rows and centroids read through the texture unit. Of
// equally near centroids the first wins. No workgroup memory.

// Of each image's rows in `x`, those left out at the front, and those after them.
override FIRST: u32;
override PATCHES: u32;
// Rows of all images, without those.
override ROWS: u32;
override DIM: u32;
override CENTROIDS: u32;

@group(0) @binding(0) var x: texture_2d<f32>;
// Panel16: [ceil(CENTROIDS / 16)][DIM][4] texels of four centroids.
@group(0) @binding(1) var centroids: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
// Distance to the best centroid and to the second-best.
@group(0) @binding(3) var<storage, read_write> distances: array<vec2<f32>>;

const LARGEST: f32 = 0x1.fffffep+127f;

// The nearest centroid so far.
struct Found {
    token: u32,
    best: f32,
    second: f32,
}

// Adds the squares of four centroids' differences from one value of the row.
fn add_square(sum: vec4<f32>, value: f32, texel: u32) -> vec4<f32> {
    let difference = value - textureLoad(centroids, place(texel), 0);
    return sum + difference * difference;
}

fn meet(found: Found, centroid: u32, squared: f32) -> Found {
    if centroid >= CENTROIDS {
        return found;
    }
    if squared < found.best {
        return Found(centroid, squared, found.best);
    }
    return Found(found.token, found.best, min(found.second, squared));
}

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= ROWS {
        return;
    }
    let line = DIM / 4u;
    let start = (id.x + (id.x / PATCHES + 1u) * FIRST) * line;
    var found = Found(0u, LARGEST, LARGEST);
    for (var quad = 0u; quad < (CENTROIDS + 3u) / 4u; quad += 1u) {
        let first = quad / 4u * DIM * 4u + quad % 4u;
        var squared = vec4<f32>();
        for (var k = 0u; k < line; k += 1u) {
            let values = textureLoad(x, place(start + k), 0);
            let texel = first + k * 16u;
            squared = add_square(squared, values.x, texel);
            squared = add_square(squared, values.y, texel + 4u);
            squared = add_square(squared, values.z, texel + 8u);
            squared = add_square(squared, values.w, texel + 12u);
        }
        found = meet(found, quad * 4u, squared.x);
        found = meet(found, quad * 4u + 1u, squared.y);
        found = meet(found, quad * 4u + 2u, squared.z);
        found = meet(found, quad * 4u + 3u, squared.w);
    }
    tokens[id.x] = found.token;
    distances[id.x] = vec2<f32>(sqrt(found.best), sqrt(found.second));
}
