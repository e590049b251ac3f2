//! The arithmetic of a ViT encoder: one folder per op, each with an oracle, a CPU and a WGSL version.
