//! Colours that eyes tell apart, from OKLCH (Ottosson 2020, "A perceptual color space for image
//! processing").

use embedded_graphics::pixelcolor::{Rgb888, RgbColor};

/// A colour by lightness 0..1, chroma (0 is grey, 0.15 vivid) and hue in turns.
pub(super) fn oklch(lightness: f64, chroma: f64, hue: f64) -> Rgb888 {
    let angle = hue * std::f64::consts::TAU;
    let (a, b) = (chroma * angle.cos(), chroma * angle.sin());
    let cube = |value: f64| value * value * value;
    let long = cube(lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b);
    let medium = cube(lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b);
    let short = cube(lightness - 0.089_484_177_5 * a - 1.291_485_548 * b);
    Rgb888::new(
        level(4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short),
        level(-1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short),
        level(-0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701 * short),
    )
}

/// A linear intensity as an sRGB level (IEC 61966-2-1).
fn level(linear: f64) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let encoded = if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    };
    (encoded * 255.0).round() as u8
}

/// Black or white, whichever is easier to read on a colour.
pub(super) fn ink_on(colour: Rgb888) -> Rgb888 {
    let brightness =
        299 * u32::from(colour.r()) + 587 * u32::from(colour.g()) + 114 * u32::from(colour.b());
    if brightness > 140_000 {
        Rgb888::new(20, 22, 26)
    } else {
        Rgb888::WHITE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oklch_gives_known_colours() {
        assert_eq!(oklch(1.0, 0.0, 0.0), Rgb888::WHITE);
        assert_eq!(oklch(0.0, 0.0, 0.0), Rgb888::BLACK);
        // sRGB red, from the author's own table: L 0.628, C 0.258, h 29.23 degrees.
        let red = oklch(0.627_955, 0.257_683, 29.233_9 / 360.0);
        assert_eq!(red, Rgb888::RED);
    }
}
