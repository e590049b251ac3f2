// For subgroups of at most 64 invocations.
const LANES: u32 = 64u;
