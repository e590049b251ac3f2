// Weights of a linear layer on 4-bit weights.

// Panel16x8: [ceil(OUTPUTS / 16)][ceil(INPUTS / 8)][16] words of eight inputs' halves: the low
// halves of its bytes are the first four inputs', the high halves the next four's.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
