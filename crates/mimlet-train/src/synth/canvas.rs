//! A supersampled picture: nine colour samples a pixel, averaged at the end, which antialiases
//! outlines and textures alike.

use super::SIDE;
use crate::random::Stream;

/// Red, green, blue in 0..1.
pub(crate) type Colour = [f32; 3];

/// Samples along a pixel's side.
const OVERSAMPLING: usize = 3;

/// Samples along the picture's side.
const SAMPLES: usize = SIDE * OVERSAMPLING;

/// The samples of one picture.
#[derive(Debug)]
pub(crate) struct Canvas {
    samples: Vec<Colour>,
}

impl Canvas {
    /// A canvas whose pixel centres have the colours `background(x, y)`, x and y in pixels.
    pub(crate) fn new(background: impl Fn(f32, f32) -> Colour) -> Self {
        let mut samples = vec![[0.0; 3]; SAMPLES * SAMPLES];
        for y in 0..SIDE {
            for x in 0..SIDE {
                let colour = background(x as f32 + 0.5, y as f32 + 0.5);
                for row in y * OVERSAMPLING..(y + 1) * OVERSAMPLING {
                    let start = row * SAMPLES + x * OVERSAMPLING;
                    samples[start..start + OVERSAMPLING].fill(colour);
                }
            }
        }
        Self { samples }
    }

    /// Paints the samples within `reach` pixels of `centre` for which `paint(x, y)`, in pixels
    /// from the centre, gives a colour.
    pub(crate) fn paint(
        &mut self,
        centre: [f32; 2],
        reach: f32,
        paint: impl Fn(f32, f32) -> Option<Colour>,
    ) {
        let span = |middle: f32| {
            let edge = |pixels: f32| (pixels * OVERSAMPLING as f32).clamp(0.0, SAMPLES as f32);
            edge(middle - reach) as usize..edge((middle + reach).ceil()) as usize
        };
        let position = |sample: usize| (sample as f32 + 0.5) / OVERSAMPLING as f32;
        for row in span(centre[1]) {
            for column in span(centre[0]) {
                let offset = [position(column) - centre[0], position(row) - centre[1]];
                if let Some(colour) = paint(offset[0], offset[1]) {
                    self.samples[row * SAMPLES + column] = colour;
                }
            }
        }
    }

    /// The picture: box-filtered, with normal noise of standard deviation `noise` (0..1 units) on
    /// every channel, as u8 RGB rows.
    pub(crate) fn finish(&self, noise: f32, random: &mut Stream) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(SIDE * SIDE * 3);
        for y in 0..SIDE {
            for x in 0..SIDE {
                for value in self.average(x, y) {
                    let noisy = value + noise * random.normal();
                    pixels.push((noisy * 255.0).round().clamp(0.0, 255.0) as u8);
                }
            }
        }
        pixels
    }

    /// Mean of a pixel's samples.
    fn average(&self, x: usize, y: usize) -> Colour {
        let mut sum = [0.0; 3];
        for row in y * OVERSAMPLING..(y + 1) * OVERSAMPLING {
            let start = row * SAMPLES + x * OVERSAMPLING;
            for sample in &self.samples[start..start + OVERSAMPLING] {
                for (total, value) in sum.iter_mut().zip(sample) {
                    *total += value;
                }
            }
        }
        sum.map(|total| total / (OVERSAMPLING * OVERSAMPLING) as f32)
    }
}
