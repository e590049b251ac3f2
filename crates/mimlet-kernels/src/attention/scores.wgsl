// First half of attention through the texture unit: 8 queries x 8 keys an invocation. No workgroup
// memory.
//
// Each invocation leaves a record for each of its queries, so that nobody waits for a row's largest
// score: exp2(score - largest) of its eight keys, and the largest.

override TOKENS: u32;
override HEADS: u32;
override HEAD_DIM: u32;
override SCALE: f32;

// [TOKENS, 3, HEADS, HEAD_DIM / 4] texels of each image: queries, keys, values.
@group(0) @binding(0) var qkv: texture_2d<f32>;
// [HEADS, TOKENS, ceil(TOKENS / 8), 3] of each image: four weights, four weights, largest.
@group(0) @binding(1) var<storage, read_write> records: array<vec4<f32>>;

// Below any score.
const LOWEST: f32 = -3e38;

// The first token of the invocation's image.
var<private> image_start: u32;

// First texel of a token's queries. Tokens past the last read the last and are dropped.
fn token_start(token: u32) -> u32 {
    return (image_start + min(token, TOKENS - 1u)) * 3u * HEADS * (HEAD_DIM / 4u);
}

fn dots(q: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(q, a), dot(q, b), dot(q, c), dot(q, d));
}

// Heads are counted through all images.
fn store(head: u32, query: u32, key: u32, low: vec4<f32>, high: vec4<f32>) {
    if query < TOKENS {
        let low_present = key + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(TOKENS);
        let high_present = key + vec4<u32>(4u, 5u, 6u, 7u) < vec4<u32>(TOKENS);
        let low_scores = select(vec4<f32>(LOWEST), low * SCALE, low_present);
        let high_scores = select(vec4<f32>(LOWEST), high * SCALE, high_present);
        let most = max(low_scores, high_scores);
        let largest = max(max(most.x, most.y), max(most.z, most.w));
        let low_weights = select(vec4<f32>(), exp2(low_scores - largest), low_present);
        let high_weights = select(vec4<f32>(), exp2(high_scores - largest), high_present);
        let blocks = (TOKENS + 7u) / 8u;
        let record = ((head * TOKENS + query) * blocks + key / 8u) * 3u;
        records[record] = low_weights;
        records[record + 1u] = high_weights;
        records[record + 2u] = vec4<f32>(largest);
    }
}

@compute @workgroup_size(8, 2)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let key = id.x * 8u;
    let query = id.y * 8u;
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
    let query4 = token_start(query + 4u) + head;
    let query5 = token_start(query + 5u) + head;
    let query6 = token_start(query + 6u) + head;
    let query7 = token_start(query + 7u) + head;
    let key0 = token_start(key) + keys;
    let key1 = token_start(key + 1u) + keys;
    let key2 = token_start(key + 2u) + keys;
    let key3 = token_start(key + 3u) + keys;
    let key4 = token_start(key + 4u) + keys;
    let key5 = token_start(key + 5u) + keys;
    let key6 = token_start(key + 6u) + keys;
    let key7 = token_start(key + 7u) + keys;
    var low0 = vec4<f32>();
    var high0 = vec4<f32>();
    var low1 = vec4<f32>();
    var high1 = vec4<f32>();
    var low2 = vec4<f32>();
    var high2 = vec4<f32>();
    var low3 = vec4<f32>();
    var high3 = vec4<f32>();
    var low4 = vec4<f32>();
    var high4 = vec4<f32>();
    var low5 = vec4<f32>();
    var high5 = vec4<f32>();
    var low6 = vec4<f32>();
    var high6 = vec4<f32>();
    var low7 = vec4<f32>();
    var high7 = vec4<f32>();
    for (var d = 0u; d < line; d += 1u) {
        let k0 = textureLoad(qkv, place(key0 + d), 0);
        let k1 = textureLoad(qkv, place(key1 + d), 0);
        let k2 = textureLoad(qkv, place(key2 + d), 0);
        let k3 = textureLoad(qkv, place(key3 + d), 0);
        let k4 = textureLoad(qkv, place(key4 + d), 0);
        let k5 = textureLoad(qkv, place(key5 + d), 0);
        let k6 = textureLoad(qkv, place(key6 + d), 0);
        let k7 = textureLoad(qkv, place(key7 + d), 0);
        let q0 = textureLoad(qkv, place(query0 + d), 0);
        low0 += dots(q0, k0, k1, k2, k3);
        high0 += dots(q0, k4, k5, k6, k7);
        let q1 = textureLoad(qkv, place(query1 + d), 0);
        low1 += dots(q1, k0, k1, k2, k3);
        high1 += dots(q1, k4, k5, k6, k7);
        let q2 = textureLoad(qkv, place(query2 + d), 0);
        low2 += dots(q2, k0, k1, k2, k3);
        high2 += dots(q2, k4, k5, k6, k7);
        let q3 = textureLoad(qkv, place(query3 + d), 0);
        low3 += dots(q3, k0, k1, k2, k3);
        high3 += dots(q3, k4, k5, k6, k7);
        let q4 = textureLoad(qkv, place(query4 + d), 0);
        low4 += dots(q4, k0, k1, k2, k3);
        high4 += dots(q4, k4, k5, k6, k7);
        let q5 = textureLoad(qkv, place(query5 + d), 0);
        low5 += dots(q5, k0, k1, k2, k3);
        high5 += dots(q5, k4, k5, k6, k7);
        let q6 = textureLoad(qkv, place(query6 + d), 0);
        low6 += dots(q6, k0, k1, k2, k3);
        high6 += dots(q6, k4, k5, k6, k7);
        let q7 = textureLoad(qkv, place(query7 + d), 0);
        low7 += dots(q7, k0, k1, k2, k3);
        high7 += dots(q7, k4, k5, k6, k7);
    }
    store(id.z, query, key, low0, high0);
    store(id.z, query + 1u, key, low1, high1);
    store(id.z, query + 2u, key, low2, high2);
    store(id.z, query + 3u, key, low3, high3);
    store(id.z, query + 4u, key, low4, high4);
    store(id.z, query + 5u, key, low5, high5);
    store(id.z, query + 6u, key, low6, high6);
    store(id.z, query + 7u, key, low7, high7);
}
