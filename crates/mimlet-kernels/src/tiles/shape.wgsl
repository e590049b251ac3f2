// The shape of a tile that passes through workgroup memory. Appended to kernels of ACROSS x 8
// invocations, a quad of outputs and one or two quads of rows each.

// Rows and outputs of a tile.
const TILE: u32 = 4u * ACROSS;
// Vectors of four rows, or four outputs, that a tile takes at once.
const DEPTH: u32 = 16u;
// Vectors between one input's rows and the next one's: odd, so that sixteen invocations which write
// to sixteen inputs meet in no bank of the memory.
const STRIDE: u32 = ACROSS + 1u;
// Quads of rows that all invocations load at once, each for one of DEPTH inputs.
const LOADED: u32 = ACROSS / 2u;
// Whether an invocation has a second quad of rows, 32 rows on.
const TALL: bool = ACROSS == 16u;
