// For subgroups of at most 32 invocations.
const LANES: u32 = 32u;
