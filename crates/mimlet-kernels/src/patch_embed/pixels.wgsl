// Where patches lie in the image: [3, HEIGHT, WIDTH]. What both functions give is added up. Appended to
// kernels that read it as a buffer or as a texture.

override HEIGHT: u32;
override WIDTH: u32;
override PATCH: u32;

// The first pixel of a patch.
fn patch_start(patch_index: u32) -> u32 {
    let columns = WIDTH / PATCH;
    return (patch_index / columns * WIDTH + patch_index % columns) * PATCH;
}

// Where a patch has an input, which are in the order of a convolution's weights: channel, row, column.
fn input(k: u32) -> u32 {
    let line = k / PATCH;
    return (line / PATCH * HEIGHT + line % PATCH) * WIDTH + k % PATCH;
}
