//! An 8-bit RGB image.

/// Pixels in rows from the top, three bytes each: red, green, blue. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// From `width * height * 3` bytes `[height, width, 3]`; `None` when the number of bytes is
    /// another or a side is 0.
    ///
    /// ```
    /// # use mimlet_image::RgbImage;
    /// let image = RgbImage::new(2, 1, vec![255, 0, 0, 0, 0, 255]);
    /// assert!(image.is_some());
    /// assert!(RgbImage::new(2, 2, vec![0; 6]).is_none());
    /// ```
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let bytes = (u64::from(width) * u64::from(height)).checked_mul(3)?;
        (bytes > 0 && bytes == pixels.len() as u64).then_some(Self {
            width,
            height,
            pixels,
        })
    }

    /// Width, pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height, pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// `[height, width, 3]`, without a copy.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}
