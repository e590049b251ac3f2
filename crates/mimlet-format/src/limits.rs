//! Upper bounds of what a file may ask for, so that no later size computation can overflow.

/// Longest side of the input image, and of the resize before the crop, pixels.
pub const MAX_IMAGE_SIDE: u32 = 16_384;
/// Most rows of the residual stream: class token, registers and patches.
pub const MAX_TOKENS: u32 = 65_535;
/// Most blocks.
pub const MAX_DEPTH: u32 = 1_024;
/// Widest residual stream, MLP, patch (all channels) or centroid, and the largest codebook.
pub const MAX_DIM: u32 = 65_536;
/// Most images in a window that drift is looked for in: a device keeps one number of each.
pub const MAX_WINDOW: u32 = 4_096;
/// Longest manifest, bytes: a thousand blocks and twenty thousand class names fit, and a forged one
/// cannot make its reader allocate much.
pub const MAX_MANIFEST_LEN: u32 = 1 << 20;
