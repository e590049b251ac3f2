// Attention of sixteen queries of one head per workgroup. Keys pass in tiles of 64 with a running
// maximum and sum per query (Milakov and Gimelshein 2018), so that any number of tokens fits.
//
// Each invocation has four queries (by y). Of a tile it scores four keys (by x); of the outputs it
// has channels 4 * x.. and, in heads wider than 64, 64 + 4 * x... Accumulators are named: an array
// indexed in a loop would live in memory, not in registers.

override TOKENS: u32;
override HEADS: u32;
override HEAD_DIM: u32;
override SCALE: f32;

// [TOKENS, 3, HEADS, HEAD_DIM] of each image: queries, keys, values.
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
// [TOKENS, HEADS, HEAD_DIM] of each image.
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

// [4, 16] largest scores of four queries each among four keys.
var<workgroup> partial: array<vec4<f32>, 64>;
// [4, 64] weights of each key for four queries.
var<workgroup> weights: array<vec4<f32>, 256>;

// Below any score.
const LOWEST: f32 = -3e38;

// The first token of the workgroup's image, which is its z.
var<private> image_start: u32;

// Index of a token's query in `qkv`, for head 0. Tokens past the last read the last and drop it.
fn token_start(token: u32) -> u32 {
    return (image_start + min(token, TOKENS - 1u)) * 3u * HEADS * HEAD_DIM;
}

fn largest_of(scores: vec4<f32>) -> f32 {
    return max(max(scores.x, scores.y), max(scores.z, scores.w));
}

// Four channels of a value. Channels past the last read the last and are dropped.
fn value(start: u32, channel: u32) -> vec4<f32> {
    let last = HEAD_DIM - 1u;
    return vec4<f32>(
        qkv[start + min(channel, last)],
        qkv[start + min(channel + 1u, last)],
        qkv[start + min(channel + 2u, last)],
        qkv[start + min(channel + 3u, last)],
    );
}

fn store_channel(start: u32, channel: u32, output: f32) {
    if channel < HEAD_DIM {
        out[start + channel] = output;
    }
}

fn store(token: u32, head: u32, channel: u32, outputs: vec4<f32>) {
    if token < TOKENS {
        let start = ((image_start + token) * HEADS + head) * HEAD_DIM;
        store_channel(start, channel, outputs.x);
        store_channel(start, channel + 1u, outputs.y);
        store_channel(start, channel + 2u, outputs.z);
        store_channel(start, channel + 3u, outputs.w);
    }
}

// Scores of four queries, a component a key.
struct Scores {
    query0: vec4<f32>,
    query1: vec4<f32>,
    query2: vec4<f32>,
    query3: vec4<f32>,
}

// Scores of the queries that start at `queries` with four keys; below any other past the last key.
fn scores_of(queries: vec4<u32>, key: u32, head: u32) -> Scores {
    let keys_start = HEADS * HEAD_DIM + head;
    let key0 = token_start(key) + keys_start;
    let key1 = token_start(key + 1u) + keys_start;
    let key2 = token_start(key + 2u) + keys_start;
    let key3 = token_start(key + 3u) + keys_start;
    var score0 = vec4<f32>();
    var score1 = vec4<f32>();
    var score2 = vec4<f32>();
    var score3 = vec4<f32>();
    for (var d = 0u; d < HEAD_DIM; d += 1u) {
        let keys = vec4<f32>(qkv[key0 + d], qkv[key1 + d], qkv[key2 + d], qkv[key3 + d]);
        score0 += qkv[queries.x + d] * keys;
        score1 += qkv[queries.y + d] * keys;
        score2 += qkv[queries.z + d] * keys;
        score3 += qkv[queries.w + d] * keys;
    }
    let present = present_of(key);
    let lowest = vec4<f32>(LOWEST);
    return Scores(
        select(lowest, score0 * SCALE, present),
        select(lowest, score1 * SCALE, present),
        select(lowest, score2 * SCALE, present),
        select(lowest, score3 * SCALE, present),
    );
}

fn present_of(key: u32) -> vec4<bool> {
    return vec4<u32>(key, key + 1u, key + 2u, key + 3u) < vec4<u32>(TOKENS);
}

// Each query's largest score.
fn largest_scores(scores: Scores) -> vec4<f32> {
    return vec4<f32>(
        largest_of(scores.query0),
        largest_of(scores.query1),
        largest_of(scores.query2),
        largest_of(scores.query3),
    );
}

// Weights, of which that of the largest score is 1.
fn weights_of(scores: Scores, key: u32, largest: vec4<f32>) -> Scores {
    let present = present_of(key);
    let zero = vec4<f32>();
    return Scores(
        select(zero, exp2(scores.query0 - largest.x), present),
        select(zero, exp2(scores.query1 - largest.y), present),
        select(zero, exp2(scores.query2 - largest.z), present),
        select(zero, exp2(scores.query3 - largest.w), present),
    );
}

@compute @workgroup_size(16, 4)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
) {
    image_start = group.z * TOKENS;
    let first = group.x * 16u + lane.y * 4u;
    let head = group.y * HEAD_DIM;
    let dim = HEADS * HEAD_DIM;
    let queries = head + vec4<u32>(
        token_start(first),
        token_start(first + 1u),
        token_start(first + 2u),
        token_start(first + 3u),
    );
    let channel = lane.x * 4u;

    // A component a query.
    var largest = vec4<f32>(LOWEST);
    var total = vec4<f32>();
    // A component a channel.
    var low0 = vec4<f32>();
    var low1 = vec4<f32>();
    var low2 = vec4<f32>();
    var low3 = vec4<f32>();
    var high0 = vec4<f32>();
    var high1 = vec4<f32>();
    var high2 = vec4<f32>();
    var high3 = vec4<f32>();
    for (var tile = 0u; tile < TOKENS; tile += 64u) {
        let key = tile + lane.x * 4u;
        let scores = scores_of(queries, key, head);
        partial[lane.y * 16u + lane.x] = largest_scores(scores);
        workgroupBarrier();
        let previous = largest;
        for (var i = 0u; i < 16u; i += 1u) {
            largest = max(largest, partial[lane.y * 16u + i]);
        }
        let mixed = weights_of(scores, key, largest);
        let slot = lane.y * 64u + lane.x * 4u;
        let by_key = transpose(mat4x4<f32>(mixed.query0, mixed.query1, mixed.query2, mixed.query3));
        weights[slot] = by_key[0];
        weights[slot + 1u] = by_key[1];
        weights[slot + 2u] = by_key[2];
        weights[slot + 3u] = by_key[3];
        // The next tile writes `weights` after the barrier above, which nobody passes before all
        // have read these.
        workgroupBarrier();

        let rescale = exp2(previous - largest);
        total *= rescale;
        low0 *= rescale.x;
        low1 *= rescale.y;
        low2 *= rescale.z;
        low3 *= rescale.w;
        let keys = min(64u, TOKENS - tile);
        let values = token_start(tile) + 2u * dim + head;
        for (var i = 0u; i < keys; i += 1u) {
            let w = weights[lane.y * 64u + i];
            let v = value(values + i * 3u * dim, channel);
            total += w;
            low0 += w.x * v;
            low1 += w.y * v;
            low2 += w.z * v;
            low3 += w.w * v;
        }
        if HEAD_DIM > 64u {
            high0 *= rescale.x;
            high1 *= rescale.y;
            high2 *= rescale.z;
            high3 *= rescale.w;
            for (var i = 0u; i < keys; i += 1u) {
                let w = weights[lane.y * 64u + i];
                let v = value(values + i * 3u * dim, channel + 64u);
                high0 += w.x * v;
                high1 += w.y * v;
                high2 += w.z * v;
                high3 += w.w * v;
            }
        }
    }

    store(first, group.y, channel, low0 / total.x);
    store(first + 1u, group.y, channel, low1 / total.y);
    store(first + 2u, group.y, channel, low2 / total.z);
    store(first + 3u, group.y, channel, low3 / total.w);
    store(first, group.y, channel + 64u, high0 / total.x);
    store(first + 1u, group.y, channel + 64u, high1 / total.y);
    store(first + 2u, group.y, channel + 64u, high2 / total.z);
    store(first + 3u, group.y, channel + 64u, high3 / total.w);
}
