// Where patches lie in the images: [3, HEIGHT, WIDTH] each. What `pixels_of` and `input` give is added up.
// Appended to kernels that read images as a buffer or as a texture, and have a row for each token.

override HEIGHT: u32;
override WIDTH: u32;
override PATCH: u32;
// Tokens of an image.
override TOKENS: u32;

// Which image a row is of. Rows past the last read the last one's.
fn image_of(row: u32) -> u32 {
    // With one image nothing is divided.
    if ROWS == TOKENS {
        return 0u;
    }
    return min(row, ROWS - 1u) / TOKENS;
}

// Which of its image's tokens a row is.
fn token_of(row: u32) -> u32 {
    return row - image_of(row) * TOKENS;
}

// The first pixel of a row's patch. Tokens without a patch read another's and drop it.
fn pixels_of(row: u32) -> u32 {
    let patch_index = min(max(token_of(row), PREFIX) - PREFIX, TOKENS - PREFIX - 1u);
    return image_of(row) * 3u * HEIGHT * WIDTH + patch_start(patch_index);
}

// The first pixel of a patch in its image.
fn patch_start(patch_index: u32) -> u32 {
    let columns = WIDTH / PATCH;
    return (patch_index / columns * WIDTH + patch_index % columns) * PATCH;
}

// Where a patch has an input, which are in the order of a convolution's weights: channel, row, column.
fn input(k: u32) -> u32 {
    let line = k / PATCH;
    return (line / PATCH * HEIGHT + line % PATCH) * WIDTH + k % PATCH;
}
