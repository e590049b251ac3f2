// Attention of four queries of one head per workgroup. Keys pass in tiles of 64 with a running
// maximum and sum per query (Milakov and Gimelshein 2018), so that any number of tokens fits. The
// components of each vec4 are the four queries: a key or value is read once for all of them.
//
// Scores: one key an invocation. Outputs: channels `lane` and `lane + 64` an invocation.

override TOKENS: u32;
override HEADS: u32;
override HEAD_DIM: u32;
override SCALE: f32;

// [TOKENS, 3, HEADS, HEAD_DIM]: queries, keys, values.
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
// [TOKENS, HEADS, HEAD_DIM].
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

var<workgroup> queries: array<vec4<f32>, 128>;
var<workgroup> weights: array<vec4<f32>, 64>;
var<workgroup> partial: array<vec4<f32>, 64>;

// Below any score; its weight is zero.
const LOWEST: f32 = -3e38;

// A query's value, scaled. Queries past the last read the last and are dropped.
fn query(token: u32, channel: u32) -> f32 {
    return qkv[min(token, TOKENS - 1u) * 3u * HEADS * HEAD_DIM + channel] * SCALE;
}

fn store(first: u32, channel: u32, values: vec4<f32>) {
    let dim = HEADS * HEAD_DIM;
    out[first * dim + channel] = values.x;
    if first + 1u < TOKENS {
        out[(first + 1u) * dim + channel] = values.y;
    }
    if first + 2u < TOKENS {
        out[(first + 2u) * dim + channel] = values.z;
    }
    if first + 3u < TOKENS {
        out[(first + 3u) * dim + channel] = values.w;
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = group.x * 4u;
    let head = group.y * HEAD_DIM;
    let dim = HEADS * HEAD_DIM;
    for (var d = lane; d < HEAD_DIM; d += 64u) {
        queries[d] = vec4<f32>(
            query(first, head + d),
            query(first + 1u, head + d),
            query(first + 2u, head + d),
            query(first + 3u, head + d),
        );
    }
    workgroupBarrier();

    var largest = vec4<f32>(LOWEST);
    var total = vec4<f32>();
    var low = vec4<f32>();
    var high = vec4<f32>();
    for (var tile = 0u; tile < TOKENS; tile += 64u) {
        let present = tile + lane < TOKENS;
        var score = vec4<f32>(LOWEST);
        if present {
            let key = (tile + lane) * 3u * dim + dim + head;
            score = vec4<f32>();
            for (var d = 0u; d < HEAD_DIM; d += 1u) {
                score += qkv[key + d] * queries[d];
            }
        }
        partial[lane] = score;
        workgroupBarrier();
        for (var width = 32u; width > 0u; width >>= 1u) {
            if lane < width {
                partial[lane] = max(partial[lane], partial[lane + width]);
            }
            workgroupBarrier();
        }
        let previous = largest;
        largest = max(previous, partial[0]);
        weights[lane] = select(vec4<f32>(), exp(score - largest), present);
        workgroupBarrier();

        let rescale = exp(previous - largest);
        total *= rescale;
        low *= rescale;
        high *= rescale;
        let keys = min(64u, TOKENS - tile);
        let value = tile * 3u * dim + 2u * dim + head + lane;
        for (var key = 0u; key < keys; key += 1u) {
            total += weights[key];
        }
        if lane < HEAD_DIM {
            for (var key = 0u; key < keys; key += 1u) {
                low += qkv[value + key * 3u * dim] * weights[key];
            }
        }
        if lane + 64u < HEAD_DIM {
            for (var key = 0u; key < keys; key += 1u) {
                high += qkv[value + 64u + key * 3u * dim] * weights[key];
            }
        }
        // The next tile overwrites `weights` and `partial`.
        workgroupBarrier();
    }

    if lane < HEAD_DIM {
        store(first, head + lane, low / total);
    }
    if lane + 64u < HEAD_DIM {
        store(first, head + lane + 64u, high / total);
    }
}
