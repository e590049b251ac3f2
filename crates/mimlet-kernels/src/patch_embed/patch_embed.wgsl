// Patch embedding: 4 tokens x 4 channels an invocation, 32 x 32 a workgroup. Twin of cpu.rs.
//
// Accumulators are named: an array indexed in a loop would live in memory, not in registers. Four
// inputs a turn: compilers do not unroll the loops that naga writes.

override PREFIX: u32;
override PATCHES: u32;
override PATCH_DIM: u32;
override EMBED_DIM: u32;
override HALF: u32;

@group(0) @binding(0) var<storage, read> patches: array<f32>;
// Panel16: [ceil(EMBED_DIM / 16)][PATCH_DIM][16], floats or pairs of halves.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

// Weights of channels 4 * quad.. of a panel for one input; `line` counts panels' inputs.
fn weights(line: u32, quad: u32) -> vec4<f32> {
    if HALF == 1u {
        let words = weight[line * 2u + (quad >> 1u)];
        let pair = select(words.xy, words.zw, (quad & 1u) == 1u);
        return vec4<f32>(unpack2x16float(pair.x), unpack2x16float(pair.y));
    }
    return bitcast<vec4<f32>>(weight[line * 4u + quad]);
}

// Index of a token's first value in `patches`. Tokens without a patch read another's and drop it.
fn patch_start(token: u32) -> u32 {
    return min(max(token, PREFIX) - PREFIX, PATCHES - 1u) * PATCH_DIM;
}

// Adds the products of four inputs, from `start` on, in their order.
fn add_four(
    sum: vec4<f32>,
    start: u32,
    w0: vec4<f32>,
    w1: vec4<f32>,
    w2: vec4<f32>,
    w3: vec4<f32>,
) -> vec4<f32> {
    return sum
        + patches[start] * w0
        + patches[start + 1u] * w1
        + patches[start + 2u] * w2
        + patches[start + 3u] * w3;
}

fn store_value(token: u32, channel: u32, product: f32) {
    if channel < EMBED_DIM {
        let index = token * EMBED_DIM + channel;
        out[index] = table[index] + select(0.0, product, token >= PREFIX);
    }
}

fn store(token: u32, channel: u32, product: vec4<f32>) {
    if token < PREFIX + PATCHES {
        store_value(token, channel, product.x);
        store_value(token, channel + 1u, product.y);
        store_value(token, channel + 2u, product.z);
        store_value(token, channel + 3u, product.w);
    }
}

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
) {
    let channel = group.x * 32u + lane.x * 4u;
    let token = group.y * 32u + lane.y * 4u;
    if channel >= EMBED_DIM || token >= PREFIX + PATCHES {
        return;
    }
    let first_line = channel / 16u * PATCH_DIM;
    let quad = channel % 16u / 4u;
    let start0 = patch_start(token);
    let start1 = patch_start(token + 1u);
    let start2 = patch_start(token + 2u);
    let start3 = patch_start(token + 3u);

    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    var k = 0u;
    for (; k + 4u <= PATCH_DIM; k += 4u) {
        let w0 = weights(first_line + k, quad);
        let w1 = weights(first_line + k + 1u, quad);
        let w2 = weights(first_line + k + 2u, quad);
        let w3 = weights(first_line + k + 3u, quad);
        sum0 = add_four(sum0, start0 + k, w0, w1, w2, w3);
        sum1 = add_four(sum1, start1 + k, w0, w1, w2, w3);
        sum2 = add_four(sum2, start2 + k, w0, w1, w2, w3);
        sum3 = add_four(sum3, start3 + k, w0, w1, w2, w3);
    }
    for (; k < PATCH_DIM; k += 1u) {
        let w = weights(first_line + k, quad);
        sum0 += patches[start0 + k] * w;
        sum1 += patches[start1 + k] * w;
        sum2 += patches[start2 + k] * w;
        sum3 += patches[start3 + k] * w;
    }
    store(token, channel, sum0);
    store(token + 1u, channel, sum1);
    store(token + 2u, channel, sum2);
    store(token + 3u, channel, sum3);
}
