//! From a file to the encoder's input.

use std::path::Path;

use mimlet_format::{Preprocess, Resample};
use mimlet_kernels::{Level, normalize};

use crate::decode::read_bytes;
use crate::error::{FileProblem, ImageError};
use crate::npy::{NpyArray, NpyData};
use crate::{Limits, RgbImage, decode, resize};

/// Longest side a preprocessing may ask for, pixels.
const MAX_RESIZE: u32 = 1 << 14;

/// A checked [`Preprocess`] for one input size: resize, centre crop, normalise.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessor {
    preprocess: Preprocess,
    /// Height, width.
    image_size: [u32; 2],
    limits: Limits,
}

/// An image on its way into the encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The pixels at input size; `None` when the file held normalised values.
    pub pixels: Option<RgbImage>,
    /// `[3, height, width]`, normalised.
    pub input: Vec<f32>,
}

impl Preprocessor {
    /// For an encoder of input size `[height, width]`, with the default [`Limits`].
    ///
    /// # Errors
    /// [`ImageError::Preprocess`] when a side is 0, the crop does not fit into the resized image,
    /// or mean or standard deviation are unusable.
    pub fn new(preprocess: &Preprocess, image_size: [u32; 2]) -> Result<Self, ImageError> {
        let refuse = |field, reason| Err(ImageError::Preprocess { field, reason });
        let short_side = preprocess.resize_short_side;
        let [height, width] = image_size;
        if height == 0 || width == 0 {
            return refuse(
                "image_size",
                format!("is {height} x {width}; each side must be at least 1"),
            );
        }
        if short_side < height.max(width) || short_side > MAX_RESIZE {
            return refuse(
                "resize_short_side",
                format!(
                    "is {short_side}; it must be at least {}, the longest side of the crop, and at \
                     most {MAX_RESIZE}",
                    height.max(width)
                ),
            );
        }
        if !preprocess.mean.iter().all(|mean| mean.is_finite()) {
            return refuse(
                "mean",
                format!("is {:?}; it must be finite", preprocess.mean),
            );
        }
        // The reciprocal catches deviations so small that dividing by them overflows.
        if !preprocess
            .std
            .iter()
            .all(|&std| std > 0.0 && std.is_finite() && (1.0 / std).is_finite())
        {
            return refuse(
                "std",
                format!("is {:?}; it must be positive and finite", preprocess.std),
            );
        }
        Ok(Self {
            preprocess: preprocess.clone(),
            image_size,
            limits: Limits::default(),
        })
    }

    /// The same with other limits on the files.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Height and width of the input.
    pub fn image_size(&self) -> [u32; 2] {
        self.image_size
    }

    /// What is done to an image.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// The pixels at input size, as torchvision's `Resize` and `CenterCrop` give them over Pillow, bit
    /// for bit: short side to `resize_short_side`, long side truncated, crop offset rounded with
    /// halves to even. Smaller images are enlarged.
    pub fn resize_and_crop(&self, image: &RgbImage) -> RgbImage {
        let Preprocess {
            resize_short_side,
            resample: Resample::Bicubic,
            ..
        } = self.preprocess;
        resize::resize_and_crop(image, resize_short_side, self.image_size)
    }

    /// Resizes, crops and normalises a decoded image.
    pub fn prepare_image(&self, image: &RgbImage) -> Prepared {
        self.normalized(self.resize_and_crop(image))
    }

    /// Reads an image file and prepares it.
    ///
    /// A NumPy file (by its content) skips the steps it has behind it: `uint8 [height, width, 3]`
    /// at input size is normalised, `float32 [3, height, width]` is taken as it is.
    ///
    /// # Errors
    /// [`ImageError::File`] with the [`FileProblem`] that applies.
    pub fn prepare(&self, path: impl AsRef<Path>) -> Result<Prepared, ImageError> {
        let path = path.as_ref();
        let bytes = read_bytes(path, &self.limits)?;
        if NpyArray::is_npy(&bytes) {
            return self
                .prepare_array(&bytes)
                .map_err(|problem| ImageError::file(path, problem));
        }
        Ok(self.prepare_image(&decode(&bytes, path, &self.limits)?))
    }

    fn prepare_array(&self, bytes: &[u8]) -> Result<Prepared, FileProblem> {
        let [height, width] = self.image_size;
        let (rows, columns) = (height as usize, width as usize);
        let array = NpyArray::parse(bytes)?;
        let found = array.describe();
        match (array.data, array.shape.as_slice()) {
            (NpyData::U8(pixels), shape) if shape == [rows, columns, 3] => {
                let pixels = RgbImage::new(width, height, pixels)
                    .expect("the parser held the bytes to this shape");
                Ok(self.normalized(pixels))
            }
            (NpyData::F32(input), shape) if shape == [3, rows, columns] => {
                match input.iter().position(|value| !value.is_finite()) {
                    Some(index) => Err(FileProblem::NotFinite {
                        index,
                        value: input[index],
                    }),
                    None => Ok(Prepared {
                        pixels: None,
                        input,
                    }),
                }
            }
            _ => Err(FileProblem::NotAnInput {
                found,
                height,
                width,
            }),
        }
    }

    fn normalized(&self, pixels: RgbImage) -> Prepared {
        let input = normalize(&pixels, self.preprocess.mean, self.preprocess.std);
        Prepared {
            pixels: Some(pixels),
            input,
        }
    }
}

/// `(value / 255 - mean) / std` in f32, `[height, width, 3]` to `[3, height, width]`, as
/// torchvision's `ToTensor` and `Normalize`.
///
/// ```
/// # use mimlet_image::{RgbImage, normalize};
/// let image = RgbImage::new(2, 1, vec![0, 51, 255, 255, 51, 0]).unwrap();
/// let input = normalize(&image, [0.5, 0.2, 0.0], [0.5, 1.0, 2.0]);
/// assert_eq!(input, [-1.0, 1.0, 0.0, 0.0, 0.5, 0.0]);
/// ```
pub fn normalize(image: &RgbImage, mean: [f32; 3], std: [f32; 3]) -> Vec<f32> {
    let mut input = vec![0.0; image.pixels().len()];
    normalize::cpu(Level::detect(), image.pixels(), mean, std, &mut input);
    input
}
