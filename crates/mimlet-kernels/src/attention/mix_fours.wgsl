// Second half of attention in quads: values mixed by the weights that scores_fours.wgsl left, 4 queries x
// 4 channels an invocation. No workgroup memory.

override TOKENS: u32;
override HEADS: u32;
override HEAD_DIM: u32;

// [HEADS, ceil(TOKENS / 4), ceil(TOKENS / 4), 5] of each image: a quad of weights for each of four queries,
// then their largest scores.
@group(0) @binding(0) var<storage, read> records: array<vec4<f32>>;
// [TOKENS, 3, HEADS, HEAD_DIM / 4] of each image: queries, keys, values.
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
// [TOKENS, HEADS, HEAD_DIM / 4] of each image.
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

// Below any score.
const LOWEST: f32 = -3e38;

// The first token of the invocation's image.
var<private> image_start: u32;

// Quad of a key's values. Keys past the last have no weight.
fn value(key: u32, channels: u32) -> vec4<f32> {
    return qkv[(image_start + min(key, TOKENS - 1u)) * 3u * HEADS * (HEAD_DIM / 4u) + channels];
}

fn sum_of(weights: vec4<f32>) -> f32 {
    return dot(weights, vec4<f32>(1.0));
}

// Heads are counted through all images.
fn store(head: u32, query: u32, quad: u32, outputs: vec4<f32>) {
    if query < TOKENS {
        out[((image_start + query) * HEADS + head % HEADS) * (HEAD_DIM / 4u) + quad] = outputs;
    }
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let quad = id.x;
    let query = id.y * 4u;
    if quad * 4u >= HEAD_DIM || query >= TOKENS {
        return;
    }
    image_start = id.z / HEADS * TOKENS;
    let channels = (2u * HEADS + id.z % HEADS) * (HEAD_DIM / 4u) + quad;
    let blocks = (TOKENS + 3u) / 4u;
    let first = (id.z * blocks + id.y) * blocks * 5u;

    // A component a query.
    var largest = vec4<f32>(LOWEST);
    for (var block = 0u; block < blocks; block += 1u) {
        largest = max(largest, records[first + block * 5u + 4u]);
    }
    var total = vec4<f32>();
    // A component a channel.
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    for (var block = 0u; block < blocks; block += 1u) {
        let record = first + block * 5u;
        let factors = exp2(records[record + 4u] - largest);
        let w0 = records[record] * factors.x;
        let w1 = records[record + 1u] * factors.y;
        let w2 = records[record + 2u] * factors.z;
        let w3 = records[record + 3u] * factors.w;
        total += vec4<f32>(sum_of(w0), sum_of(w1), sum_of(w2), sum_of(w3));
        let key = block * 4u;
        let v0 = value(key, channels);
        sum0 += w0.x * v0;
        sum1 += w1.x * v0;
        sum2 += w2.x * v0;
        sum3 += w3.x * v0;
        let v1 = value(key + 1u, channels);
        sum0 += w0.y * v1;
        sum1 += w1.y * v1;
        sum2 += w2.y * v1;
        sum3 += w3.y * v1;
        let v2 = value(key + 2u, channels);
        sum0 += w0.z * v2;
        sum1 += w1.z * v2;
        sum2 += w2.z * v2;
        sum3 += w3.z * v2;
        let v3 = value(key + 3u, channels);
        sum0 += w0.w * v3;
        sum1 += w1.w * v3;
        sum2 += w2.w * v3;
        sum3 += w3.w * v3;
    }
    store(id.z, query, quad, sum0 / total.x);
    store(id.z, query + 1u, quad, sum1 / total.y);
    store(id.z, query + 2u, quad, sum2 / total.z);
    store(id.z, query + 3u, quad, sum3 / total.w);
}
