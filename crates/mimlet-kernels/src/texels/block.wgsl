// Products of eight rows with the weights of eight outputs, all read through the texture unit.
// Appended to kernels that bind `x` and `weight` as textures and say where rows start and where a row has
// four inputs.
//
// Sums are named: an array indexed in a loop would live in memory, not in registers.

struct Block {
    low0: vec4<f32>,
    high0: vec4<f32>,
    low1: vec4<f32>,
    high1: vec4<f32>,
    low2: vec4<f32>,
    high2: vec4<f32>,
    low3: vec4<f32>,
    high3: vec4<f32>,
    low4: vec4<f32>,
    high4: vec4<f32>,
    low5: vec4<f32>,
    high5: vec4<f32>,
    low6: vec4<f32>,
    high6: vec4<f32>,
    low7: vec4<f32>,
    high7: vec4<f32>,
}

// The sums for rows `row`.. and outputs 8 * pair.., over `inputs` inputs, a multiple of four.
// Weights are Panel16: [ceil(outputs / 16)][inputs][4] texels of four outputs.
fn block(row: u32, pair: u32, inputs: u32) -> Block {
    let first = pair / 2u * inputs * 4u + pair % 2u * 2u;
    let start0 = row_start(row);
    let start1 = row_start(row + 1u);
    let start2 = row_start(row + 2u);
    let start3 = row_start(row + 3u);
    let start4 = row_start(row + 4u);
    let start5 = row_start(row + 5u);
    let start6 = row_start(row + 6u);
    let start7 = row_start(row + 7u);
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
    for (var k = 0u; k < inputs / 4u; k += 1u) {
        let at = four_inputs(k);
        let x0 = textureLoad(x, place(start0 + at), 0);
        let x1 = textureLoad(x, place(start1 + at), 0);
        let x2 = textureLoad(x, place(start2 + at), 0);
        let x3 = textureLoad(x, place(start3 + at), 0);
        let x4 = textureLoad(x, place(start4 + at), 0);
        let x5 = textureLoad(x, place(start5 + at), 0);
        let x6 = textureLoad(x, place(start6 + at), 0);
        let x7 = textureLoad(x, place(start7 + at), 0);
        let line = first + k * 16u;
        let l0 = textureLoad(weight, place(line), 0);
        let l1 = textureLoad(weight, place(line + 4u), 0);
        let l2 = textureLoad(weight, place(line + 8u), 0);
        let l3 = textureLoad(weight, place(line + 12u), 0);
        let h0 = textureLoad(weight, place(line + 1u), 0);
        let h1 = textureLoad(weight, place(line + 5u), 0);
        let h2 = textureLoad(weight, place(line + 9u), 0);
        let h3 = textureLoad(weight, place(line + 13u), 0);
        low0 = add_four(low0, x0, l0, l1, l2, l3);
        high0 = add_four(high0, x0, h0, h1, h2, h3);
        low1 = add_four(low1, x1, l0, l1, l2, l3);
        high1 = add_four(high1, x1, h0, h1, h2, h3);
        low2 = add_four(low2, x2, l0, l1, l2, l3);
        high2 = add_four(high2, x2, h0, h1, h2, h3);
        low3 = add_four(low3, x3, l0, l1, l2, l3);
        high3 = add_four(high3, x3, h0, h1, h2, h3);
        low4 = add_four(low4, x4, l0, l1, l2, l3);
        high4 = add_four(high4, x4, h0, h1, h2, h3);
        low5 = add_four(low5, x5, l0, l1, l2, l3);
        high5 = add_four(high5, x5, h0, h1, h2, h3);
        low6 = add_four(low6, x6, l0, l1, l2, l3);
        high6 = add_four(high6, x6, h0, h1, h2, h3);
        low7 = add_four(low7, x7, l0, l1, l2, l3);
        high7 = add_four(high7, x7, h0, h1, h2, h3);
    }
    return Block(
        low0, high0,
        low1, high1,
        low2, high2,
        low3, high3,
        low4, high4,
        low5, high5,
        low6, high6,
        low7, high7,
    );
}
