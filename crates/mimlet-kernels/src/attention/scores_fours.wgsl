// First half of attention in quads: 4 queries x 4 keys an invocation. No workgroup memory.
//
// Each invocation leaves a record of its queries, so that nobody waits for a row's largest score:
// exp2(score - largest) of its four keys, and the largest.

override TOKENS: u32;
override HEADS: u32;
override HEAD_DIM: u32;
override SCALE: f32;

// [TOKENS, 3, HEADS, HEAD_DIM / 4] of each image: queries, keys, values.
@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;
// [HEADS, ceil(TOKENS / 4), ceil(TOKENS / 4), 5] of each image: a quad of weights for each of four queries,
// then their largest scores.
@group(0) @binding(1) var<storage, read_write> records: array<vec4<f32>>;

// Below any score.
const LOWEST: f32 = -3e38;

// The first token of the invocation's image.
var<private> image_start: u32;

// First quad of a token's queries. Tokens past the last read the last and are dropped.
fn token_start(token: u32) -> u32 {
    return (image_start + min(token, TOKENS - 1u)) * 3u * HEADS * (HEAD_DIM / 4u);
}

fn dots(q: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(q, a), dot(q, b), dot(q, c), dot(q, d));
}

fn largest_of(scores: vec4<f32>) -> f32 {
    return max(max(scores.x, scores.y), max(scores.z, scores.w));
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let key = id.x * 4u;
    let query = id.y * 4u;
    if key >= TOKENS || query >= TOKENS {
        return;
    }
    let line = HEAD_DIM / 4u;
    image_start = id.z / HEADS * TOKENS;
    let head = id.z % HEADS * line;
    let keys = HEADS * line + head;
    let query0 = token_start(query) + head;
    let query1 = token_start(query + 1u) + head;
    let query2 = token_start(query + 2u) + head;
    let query3 = token_start(query + 3u) + head;
    let key0 = token_start(key) + keys;
    let key1 = token_start(key + 1u) + keys;
    let key2 = token_start(key + 2u) + keys;
    let key3 = token_start(key + 3u) + keys;
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    for (var d = 0u; d < line; d += 1u) {
        let k0 = qkv[key0 + d];
        let k1 = qkv[key1 + d];
        let k2 = qkv[key2 + d];
        let k3 = qkv[key3 + d];
        sum0 += dots(qkv[query0 + d], k0, k1, k2, k3);
        sum1 += dots(qkv[query1 + d], k0, k1, k2, k3);
        sum2 += dots(qkv[query2 + d], k0, k1, k2, k3);
        sum3 += dots(qkv[query3 + d], k0, k1, k2, k3);
    }
    let present = key + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(TOKENS);
    let lowest = vec4<f32>(LOWEST);
    let scores0 = select(lowest, sum0 * SCALE, present);
    let scores1 = select(lowest, sum1 * SCALE, present);
    let scores2 = select(lowest, sum2 * SCALE, present);
    let scores3 = select(lowest, sum3 * SCALE, present);
    let largest = vec4<f32>(
        largest_of(scores0),
        largest_of(scores1),
        largest_of(scores2),
        largest_of(scores3),
    );
    let blocks = (TOKENS + 3u) / 4u;
    let record = ((id.z * blocks + id.y) * blocks + id.x) * 5u;
    records[record] = select(vec4<f32>(), exp2(scores0 - largest.x), present);
    records[record + 1u] = select(vec4<f32>(), exp2(scores1 - largest.y), present);
    records[record + 2u] = select(vec4<f32>(), exp2(scores2 - largest.z), present);
    records[record + 3u] = select(vec4<f32>(), exp2(scores3 - largest.w), present);
    records[record + 4u] = largest;
}
