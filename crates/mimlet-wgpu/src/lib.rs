//! Runs an encoder's plan on a GPU through wgpu.
