// Second half of attention through the texture unit: values mixed by the weights that scores.wgsl
// left, 8 queries x 8 channels an invocation. No workgroup memory.

override TOKENS: u32;
override HEADS: u32;
override HEAD_DIM: u32;
// 1 when weights are shortened.
override SHORT: u32;

// [HEADS, TOKENS, ceil(TOKENS / 8), 3] texels: four weights, four weights, largest and sum.
@group(0) @binding(0) var records: texture_2d<f32>;
// [TOKENS, 3, HEADS, HEAD_DIM / 4] texels: queries, keys, values.
@group(0) @binding(1) var qkv: texture_2d<f32>;
// [TOKENS, HEADS, HEAD_DIM / 4].
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

// Below any score.
const LOWEST: f32 = -3e38;

fn blocks() -> u32 {
    return (TOKENS + 7u) / 8u;
}

// A query's first record. Queries past the last read the last and drop it.
fn first_record(head: u32, query: u32) -> u32 {
    return (head * TOKENS + min(query, TOKENS - 1u)) * blocks() * 3u;
}

// Largest and sum of a record.
fn summary(record: u32) -> vec2<f32> {
    return textureLoad(records, place(record + 2u), 0).xy;
}

// Four weights of the record's first or second half, which sum to 1 over all records.
fn weights(record: u32, factor: f32) -> vec4<f32> {
    let scaled = textureLoad(records, place(record), 0) * factor;
    if SHORT == 1u {
        return shortened(scaled);
    }
    return scaled;
}

// Texel of a key's values. Keys past the last have no weight.
fn value(key: u32, channels: u32) -> u32 {
    return min(key, TOKENS - 1u) * 3u * HEADS * (HEAD_DIM / 4u) + channels;
}

fn store(head: u32, query: u32, pair: u32, low: vec4<f32>, high: vec4<f32>) {
    if query < TOKENS {
        let line = HEAD_DIM / 4u;
        let index = (query * HEADS + head) * line + pair * 2u;
        out[index] = low;
        if pair * 2u + 1u < line {
            out[index + 1u] = high;
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
    let low_channels = (2u * HEADS + id.z) * line + pair * 2u;
    // In a head with an odd number of texels the last invocation's second one is another's.
    let high_channels = (2u * HEADS + id.z) * line + min(pair * 2u + 1u, line - 1u);
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
        largest0 = max(largest0, summary(row0 + record).x);
        largest1 = max(largest1, summary(row1 + record).x);
        largest2 = max(largest2, summary(row2 + record).x);
        largest3 = max(largest3, summary(row3 + record).x);
        largest4 = max(largest4, summary(row4 + record).x);
        largest5 = max(largest5, summary(row5 + record).x);
        largest6 = max(largest6, summary(row6 + record).x);
        largest7 = max(largest7, summary(row7 + record).x);
    }

    var total0 = 0.0;
    var total1 = 0.0;
    var total2 = 0.0;
    var total3 = 0.0;
    var total4 = 0.0;
    var total5 = 0.0;
    var total6 = 0.0;
    var total7 = 0.0;
    for (var record = 0u; record < blocks() * 3u; record += 3u) {
        let summary0 = summary(row0 + record);
        total0 += summary0.y * exp(summary0.x - largest0);
        let summary1 = summary(row1 + record);
        total1 += summary1.y * exp(summary1.x - largest1);
        let summary2 = summary(row2 + record);
        total2 += summary2.y * exp(summary2.x - largest2);
        let summary3 = summary(row3 + record);
        total3 += summary3.y * exp(summary3.x - largest3);
        let summary4 = summary(row4 + record);
        total4 += summary4.y * exp(summary4.x - largest4);
        let summary5 = summary(row5 + record);
        total5 += summary5.y * exp(summary5.x - largest5);
        let summary6 = summary(row6 + record);
        total6 += summary6.y * exp(summary6.x - largest6);
        let summary7 = summary(row7 + record);
        total7 += summary7.y * exp(summary7.x - largest7);
    }
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
        let factor0 = exp(summary(row0 + b * 3u).x - largest0) / total0;
        let factor1 = exp(summary(row1 + b * 3u).x - largest1) / total1;
        let factor2 = exp(summary(row2 + b * 3u).x - largest2) / total2;
        let factor3 = exp(summary(row3 + b * 3u).x - largest3) / total3;
        let factor4 = exp(summary(row4 + b * 3u).x - largest4) / total4;
        let factor5 = exp(summary(row5 + b * 3u).x - largest5) / total5;
        let factor6 = exp(summary(row6 + b * 3u).x - largest6) / total6;
        let factor7 = exp(summary(row7 + b * 3u).x - largest7) / total7;
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
            let w0 = weights(row0 + record, factor0);
            low0 = add_four(low0, w0, l0, l1, l2, l3);
            high0 = add_four(high0, w0, h0, h1, h2, h3);
            let w1 = weights(row1 + record, factor1);
            low1 = add_four(low1, w1, l0, l1, l2, l3);
            high1 = add_four(high1, w1, h0, h1, h2, h3);
            let w2 = weights(row2 + record, factor2);
            low2 = add_four(low2, w2, l0, l1, l2, l3);
            high2 = add_four(high2, w2, h0, h1, h2, h3);
            let w3 = weights(row3 + record, factor3);
            low3 = add_four(low3, w3, l0, l1, l2, l3);
            high3 = add_four(high3, w3, h0, h1, h2, h3);
            let w4 = weights(row4 + record, factor4);
            low4 = add_four(low4, w4, l0, l1, l2, l3);
            high4 = add_four(high4, w4, h0, h1, h2, h3);
            let w5 = weights(row5 + record, factor5);
            low5 = add_four(low5, w5, l0, l1, l2, l3);
            high5 = add_four(high5, w5, h0, h1, h2, h3);
            let w6 = weights(row6 + record, factor6);
            low6 = add_four(low6, w6, l0, l1, l2, l3);
            high6 = add_four(high6, w6, h0, h1, h2, h3);
            let w7 = weights(row7 + record, factor7);
            low7 = add_four(low7, w7, l0, l1, l2, l3);
            high7 = add_four(high7, w7, h0, h1, h2, h3);
        }
    }
    store(id.z, query, pair, low0, high0);
    store(id.z, query + 1u, pair, low1, high1);
    store(id.z, query + 2u, pair, low2, high2);
    store(id.z, query + 3u, pair, low3, high3);
    store(id.z, query + 4u, pair, low4, high4);
    store(id.z, query + 5u, pair, low5, high5);
    store(id.z, query + 6u, pair, low6, high6);
    store(id.z, query + 7u, pair, low7, high7);
}
