//! Each layout in each state, pixel for pixel beside pictures that were looked at.

use std::path::PathBuf;

use embedded_graphics::framebuffer::{Framebuffer, buffer_size};
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::image::GetPixel;
use embedded_graphics::pixelcolor::raw::{LittleEndian, RawU1, RawU16};
use embedded_graphics::pixelcolor::{BinaryColor, Rgb565, Rgb888, RgbColor};
use image::{Rgb, RgbImage};
use mimlet_display::{Alignment, COLOUR_SIZE, Dashboard, Drift, Figure, MONO_SIZE};

type Colour =
    Framebuffer<Rgb565, RawU16, LittleEndian, 320, 240, { buffer_size::<Rgb565>(320, 240) }>;
type Mono =
    Framebuffer<BinaryColor, RawU1, LittleEndian, 128, 64, { buffer_size::<BinaryColor>(128, 64) }>;

/// A disc on a ground of two textures.
fn tokens() -> Vec<u32> {
    let token = |index: i32| {
        let (y, x) = (index / 8 - 3, index % 8 - 4);
        match x * x + y * y {
            0..=2 => 5,
            3..=6 => [12, 17, 21, 30][(index % 4) as usize],
            _ => [0, 3, 3, 40, 9][(index % 5) as usize],
        }
    };
    (0..64).map(token).collect()
}

fn figures(values: [f64; 4]) -> [Figure<'static>; 4] {
    let figure = |name, short, value, bounds| Figure {
        name,
        short,
        value,
        bounds,
    };
    [
        figure("divergence", "div", values[0], [0.0, 0.081]),
        figure("perplexity", "ppl", values[1], [38.2, 57.9]),
        figure("distance p50", "p50", values[2], [3.11, 4.02]),
        figure("distance p90", "p90", values[3], [3.6, 5.3]),
    ]
}

fn dashboard<'a>(tokens: &'a [u32], drift: Drift<'a>) -> Dashboard<'a> {
    Dashboard {
        title: "shapes-tiny.int8",
        grid: [8, 8],
        tokens,
        frames: 1284,
        skipped: 0,
        latency_ms: 2.412,
        drift,
        tcas: None,
    }
}

/// Draws a dashboard in both layouts and compares.
fn same_as_golden(name: &str, dashboard: &Dashboard<'_>) {
    let mut colour = Colour::new();
    let Ok(()) = dashboard.draw_colour(&mut colour);
    compare(&format!("{name}.colour"), COLOUR_SIZE, |at| {
        let pixel = Rgb888::from(colour.pixel(at).unwrap());
        [pixel.r(), pixel.g(), pixel.b()]
    });
    let mut mono = Mono::new();
    let Ok(()) = dashboard.draw_mono(&mut mono);
    compare(&format!("{name}.mono"), MONO_SIZE, |at| {
        [if mono.pixel(at).unwrap().is_on() {
            255
        } else {
            0
        }; 3]
    });
}

fn compare(name: &str, size: Size, pixel: impl Fn(Point) -> [u8; 3]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = folder.join(format!("{name}.png"));
    let drawn = RgbImage::from_fn(size.width, size.height, |x, y| {
        Rgb(pixel(Point::new(x as i32, y as i32)))
    });
    if std::env::var_os("MIMLET_UPDATE").is_some() {
        drawn.save(&path).unwrap();
    }
    let golden = image::open(&path).map(|golden| golden.to_rgb8());
    let golden = golden.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(drawn.dimensions(), golden.dimensions(), "{name}");
    let differs = |(x, y, pixel): &(u32, u32, &Rgb<u8>)| *pixel != golden.get_pixel(*x, *y);
    let first = drawn.enumerate_pixels().find(differs);
    assert!(
        first.is_none(),
        "{name} is drawn otherwise, first at {first:?}; look at it after \
         `MIMLET_UPDATE=1 cargo test -p mimlet-display`"
    );
}

#[test]
fn calm() {
    let (tokens, figures) = (tokens(), figures([0.0312, 47.1, 3.52, 4.9]));
    let drift = Drift::Measured {
        figures: &figures,
        filled: [4, 32],
    };
    let alignment = Alignment {
        tcas: 0.5182,
        max: Some(0.62),
    };
    let dashboard = Dashboard {
        tcas: Some(alignment),
        ..dashboard(&tokens, drift)
    };
    same_as_golden("calm", &dashboard);
}

#[test]
fn alarm() {
    let (tokens, figures) = (tokens(), figures([0.2231, 21.7, 3.9, f64::NAN]));
    let drift = Drift::Measured {
        figures: &figures,
        filled: [31, 32],
    };
    let dashboard = Dashboard {
        title: "a-model-with-a-name-longer-than-any-screen.int8",
        skipped: 3,
        latency_ms: 130.2,
        frames: 104_857,
        ..dashboard(&tokens, drift)
    };
    same_as_golden("alarm", &dashboard);
}

#[test]
fn first_window() {
    let tokens = tokens();
    let dashboard = Dashboard {
        frames: 7,
        grid: [4, 16],
        ..dashboard(&tokens, Drift::Collecting([7, 32]))
    };
    same_as_golden("first_window", &dashboard);
}

#[test]
fn no_codebook() {
    same_as_golden("no_codebook", &dashboard(&[], Drift::NotMeasured));
}
