// Second half of attention through the texture unit: values mixed by the weights that scores.wgsl
// left, 8 queries x 8 channels an invocation. No workgroup memory.

override TOKENS: u32;
override HEADS: u32;
override HEAD_DIM: u32;

// [HEADS, TOKENS, ceil(TOKENS / 8), 3] texels of each image: four weights, four weights, largest.
@group(0) @binding(0) var records: texture_2d<f32>;
// [TOKENS, 3, HEADS, HEAD_DIM / 4] texels of each image: queries, keys, values.
@group(0) @binding(1) var qkv: texture_2d<f32>;
// [TOKENS, HEADS, HEAD_DIM / 4] of each image.
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

// Below any score.
const LOWEST: f32 = -3e38;

// The first token of the invocation's image.
var<private> image_start: u32;

fn blocks() -> u32 {
    return (TOKENS + 7u) / 8u;
}

// A query's first record, heads counted through all images. Queries past the last read the last and
// drop it.
fn first_record(head: u32, query: u32) -> u32 {
    return (head * TOKENS + min(query, TOKENS - 1u)) * blocks() * 3u;
}

// Largest score of a record.
fn largest_of(record: u32) -> f32 {
    return textureLoad(records, place(record + 2u), 0).x;
}

// Four weights of the record's first or second half, of which the largest of all records is 1.
fn weights(record: u32, factor: f32) -> vec4<f32> {
    return textureLoad(records, place(record), 0) * factor;
}

// Texel of a key's values. Keys past the last have no weight.
fn value(key: u32, channels: u32) -> u32 {
    return (image_start + min(key, TOKENS - 1u)) * 3u * HEADS * (HEAD_DIM / 4u) + channels;
}

// Writes the values divided by the sum of their weights.
fn store(
    head: u32,
    query: u32,
    pair: u32,
    weights: vec4<f32>,
    low: vec4<f32>,
    high: vec4<f32>,
) {
    if query < TOKENS {
        let total = dot(weights, vec4<f32>(1.0));
        let line = HEAD_DIM / 4u;
        let index = ((image_start + query) * HEADS + head % HEADS) * line + pair * 2u;
        out[index] = low / total;
        if pair * 2u + 1u < line {
            out[index + 1u] = high / total;
        }
    }
}

@compute @workgroup_size(8, 2)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let pair = id.x;
    let query = id.y * 8u;
    if pair * 8u >= HEAD_DIM || query >= TOKENS {
        return;
    }
    let line = HEAD_DIM / 4u;
    image_start = id.z / HEADS * TOKENS;
    let low_channels = (2u * HEADS + id.z % HEADS) * line + pair * 2u;
    // In a head with an odd number of texels the last invocation's second one is another's.
    let high_channels = (2u * HEADS + id.z % HEADS) * line + min(pair * 2u + 1u, line - 1u);
    let row0 = first_record(id.z, query);
    let row1 = first_record(id.z, query + 1u);
    let row2 = first_record(id.z, query + 2u);
    let row3 = first_record(id.z, query + 3u);
    let row4 = first_record(id.z, query + 4u);
    let row5 = first_record(id.z, query + 5u);
    let row6 = first_record(id.z, query + 6u);
    let row7 = first_record(id.z, query + 7u);

    var largest0 = LOWEST;
    var largest1 = LOWEST;
    var largest2 = LOWEST;
    var largest3 = LOWEST;
    var largest4 = LOWEST;
    var largest5 = LOWEST;
    var largest6 = LOWEST;
    var largest7 = LOWEST;
    for (var record = 0u; record < blocks() * 3u; record += 3u) {
        largest0 = max(largest0, largest_of(row0 + record));
        largest1 = max(largest1, largest_of(row1 + record));
        largest2 = max(largest2, largest_of(row2 + record));
        largest3 = max(largest3, largest_of(row3 + record));
        largest4 = max(largest4, largest_of(row4 + record));
        largest5 = max(largest5, largest_of(row5 + record));
        largest6 = max(largest6, largest_of(row6 + record));
        largest7 = max(largest7, largest_of(row7 + record));
    }

    var total0 = vec4<f32>();
    var total1 = vec4<f32>();
    var total2 = vec4<f32>();
    var total3 = vec4<f32>();
    var total4 = vec4<f32>();
    var total5 = vec4<f32>();
    var total6 = vec4<f32>();
    var total7 = vec4<f32>();
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
    for (var b = 0u; b < blocks(); b += 1u) {
        let first_factors = exp2(vec4<f32>(
            largest_of(row0 + b * 3u) - largest0,
            largest_of(row1 + b * 3u) - largest1,
            largest_of(row2 + b * 3u) - largest2,
            largest_of(row3 + b * 3u) - largest3,
        ));
        let last_factors = exp2(vec4<f32>(
            largest_of(row4 + b * 3u) - largest4,
            largest_of(row5 + b * 3u) - largest5,
            largest_of(row6 + b * 3u) - largest6,
            largest_of(row7 + b * 3u) - largest7,
        ));
        for (var half = 0u; half < 2u; half += 1u) {
            let key = b * 8u + half * 4u;
            let l0 = textureLoad(qkv, place(value(key, low_channels)), 0);
            let l1 = textureLoad(qkv, place(value(key + 1u, low_channels)), 0);
            let l2 = textureLoad(qkv, place(value(key + 2u, low_channels)), 0);
            let l3 = textureLoad(qkv, place(value(key + 3u, low_channels)), 0);
            let h0 = textureLoad(qkv, place(value(key, high_channels)), 0);
            let h1 = textureLoad(qkv, place(value(key + 1u, high_channels)), 0);
            let h2 = textureLoad(qkv, place(value(key + 2u, high_channels)), 0);
            let h3 = textureLoad(qkv, place(value(key + 3u, high_channels)), 0);
            let record = b * 3u + half;
            let w0 = weights(row0 + record, first_factors.x);
            total0 += w0;
            low0 = add_four(low0, w0, l0, l1, l2, l3);
            high0 = add_four(high0, w0, h0, h1, h2, h3);
            let w1 = weights(row1 + record, first_factors.y);
            total1 += w1;
            low1 = add_four(low1, w1, l0, l1, l2, l3);
            high1 = add_four(high1, w1, h0, h1, h2, h3);
            let w2 = weights(row2 + record, first_factors.z);
            total2 += w2;
            low2 = add_four(low2, w2, l0, l1, l2, l3);
            high2 = add_four(high2, w2, h0, h1, h2, h3);
            let w3 = weights(row3 + record, first_factors.w);
            total3 += w3;
            low3 = add_four(low3, w3, l0, l1, l2, l3);
            high3 = add_four(high3, w3, h0, h1, h2, h3);
            let w4 = weights(row4 + record, last_factors.x);
            total4 += w4;
            low4 = add_four(low4, w4, l0, l1, l2, l3);
            high4 = add_four(high4, w4, h0, h1, h2, h3);
            let w5 = weights(row5 + record, last_factors.y);
            total5 += w5;
            low5 = add_four(low5, w5, l0, l1, l2, l3);
            high5 = add_four(high5, w5, h0, h1, h2, h3);
            let w6 = weights(row6 + record, last_factors.z);
            total6 += w6;
            low6 = add_four(low6, w6, l0, l1, l2, l3);
            high6 = add_four(high6, w6, h0, h1, h2, h3);
            let w7 = weights(row7 + record, last_factors.w);
            total7 += w7;
            low7 = add_four(low7, w7, l0, l1, l2, l3);
            high7 = add_four(high7, w7, h0, h1, h2, h3);
        }
    }
    store(id.z, query, pair, total0, low0, high0);
    store(id.z, query + 1u, pair, total1, low1, high1);
    store(id.z, query + 2u, pair, total2, low2, high2);
    store(id.z, query + 3u, pair, total3, low3, high3);
    store(id.z, query + 4u, pair, total4, low4, high4);
    store(id.z, query + 5u, pair, total5, low5, high5);
    store(id.z, query + 6u, pair, total6, low6, high6);
    store(id.z, query + 7u, pair, total7, low7, high7);
}
