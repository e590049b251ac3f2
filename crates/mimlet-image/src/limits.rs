//! How large an image may be before it is refused.

/// What is refused before it is read or decoded. Photos of common cameras pass the defaults; on a
/// small device set them to what its memory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest side, pixels.
    pub max_side: u32,
    /// Most pixels. Decoding holds at most 11 bytes for each: eight of a 16-bit RGBA image and
    /// three of the result.
    pub max_pixels: u64,
    /// Longest file, bytes.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// 32,768 pixels a side, 2^27 pixels (134 million), 512 MiB of file.
    fn default() -> Self {
        Self {
            max_side: 1 << 15,
            max_pixels: 1 << 27,
            max_file_bytes: 1 << 29,
        }
    }
}

impl Limits {
    /// Whether an image of this size may be decoded.
    pub fn allow(&self, width: u32, height: u32) -> bool {
        width.max(height) <= self.max_side
            && u64::from(width) * u64::from(height) <= self.max_pixels
    }
}
