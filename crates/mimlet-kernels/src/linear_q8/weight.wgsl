// Weights of a linear layer on signed bytes.

// Panel16x4: [ceil(OUTPUTS / 16)][ceil(INPUTS / 4)][16] words of four inputs' bytes.
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
