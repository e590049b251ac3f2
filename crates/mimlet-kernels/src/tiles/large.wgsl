// Tiles of 64 rows x 64 outputs: 128 invocations, 8 rows x 4 outputs each.
const ACROSS: u32 = 16u;
