//! What the build script put into flash: the model, the check images, and the plan of the RAM.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The .mim file, used where it lies.
pub static MODEL: &[u8] = mimlet_format::include_aligned!(env!("MIMLET_MODEL_FILE"));

/// The pixels of all images.
pub static PIXELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pixels.bin"));

/// The pixels of an image, u8 `[height, width, 3]`.
pub fn pixels(index: usize) -> &'static [u8] {
    let length = PIXELS.len() / IMAGES.len();
    &PIXELS[index * length..][..length]
}
