// Tiles of 32 rows x 32 outputs: 64 invocations, 4 rows x 4 outputs each.
const ACROSS: u32 = 8u;
