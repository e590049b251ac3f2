//! A display's picture in a PNG file.

use clap::ValueEnum;
use embedded_graphics::framebuffer::{Framebuffer, buffer_size};
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::image::GetPixel;
use embedded_graphics::pixelcolor::raw::{LittleEndian, RawU1, RawU16};
use embedded_graphics::pixelcolor::{BinaryColor, Rgb565, Rgb888, RgbColor};
use mimlet_display::{COLOUR_SIZE, Dashboard, MONO_SIZE};

use crate::destination::Destination;
use crate::error::Error;
use crate::png;

type Colour =
    Framebuffer<Rgb565, RawU16, LittleEndian, 320, 240, { buffer_size::<Rgb565>(320, 240) }>;
type Mono =
    Framebuffer<BinaryColor, RawU1, LittleEndian, 128, 64, { buffer_size::<BinaryColor>(128, 64) }>;

/// The display to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// 320 x 240 pixels of RGB.
    Colour,
    /// 128 x 64 pixels of one bit.
    Mono,
}

/// A file that shows what a display would.
#[derive(Debug)]
pub(super) struct Snapshot {
    destination: Destination,
    layout: Layout,
}

impl Snapshot {
    pub(super) fn new(destination: Destination, layout: Layout) -> Self {
        Self {
            destination,
            layout,
        }
    }

    /// Writes the file anew, whole or not at all, without waiting for the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, dashboard: &Dashboard<'_>) -> Result<(), Error> {
        let png = match self.layout {
            Layout::Colour => {
                let mut screen = Box::new(Colour::new());
                let Ok(()) = dashboard.draw_colour(&mut *screen);
                let pixels = screen.data().chunks_exact(2);
                let pixels = pixels.map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
                encode(
                    COLOUR_SIZE,
                    pixels.map(|raw| Rgb565::from(RawU16::new(raw)).into()),
                )
            }
            Layout::Mono => {
                let mut screen = Mono::new();
                let Ok(()) = dashboard.draw_mono(&mut screen);
                let rows = 0..MONO_SIZE.height as i32;
                let points =
                    rows.flat_map(|y| (0..MONO_SIZE.width as i32).map(move |x| Point::new(x, y)));
                let pixels = points.map(|at| screen.pixel(at).unwrap_or(BinaryColor::Off));
                encode(MONO_SIZE, pixels.map(Rgb888::from))
            }
        }?;
        self.destination.show(&png)
    }
}

fn encode(size: Size, pixels: impl Iterator<Item = Rgb888>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity((size.width * size.height * 3) as usize);
    for colour in pixels {
        bytes.extend([colour.r(), colour.g(), colour.b()]);
    }
    png::encode(&bytes, [size.width, size.height])
}
