//! Resampling of 8-bit images along one axis, bit for bit as Pillow does (its `src/libImaging/Resample.c`):
//! sums of pixels weighted in fixed point, rounded and clipped.

use crate::simd::Level;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

/// Bits of a weight after the point.
const PRECISION: u32 = 22;

/// Half of a level.
const HALF: i32 = 1 << (PRECISION - 1);

/// Rows that are resampled side by side: a column of so many is contiguous.
const BAND: usize = 8;

/// Bytes of a row that are resampled side by side.
const STRETCH: usize = 64;

/// Which pixels of an axis each pixel of the result is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Windows {
    /// First pixel and number of pixels.
    taps: Vec<(usize, usize)>,
    /// Weights of all, one window after the other.
    weights: Vec<i32>,
}

impl Windows {
    /// Of Pillow's bicubic (a = -0.5, antialiased), for those pixels `wanted` of an axis resized from
    /// `source` to `target` pixels, neither of them 0.
    ///
    /// ```
    /// use mimlet_kernels::resample::Windows;
    ///
    /// // Four pixels to two: each is made of the pixels within twice the kernel's two.
    /// let windows = Windows::bicubic(4, 2, 0..2);
    /// assert_eq!(windows.touched(), 0..4);
    /// ```
    #[must_use]
    pub fn bicubic(source: usize, target: usize, wanted: Range<usize>) -> Self {
        let scale = source as f64 / target as f64;
        let stretch = scale.max(1.0);
        let support = 2.0 * stretch;
        let (mut taps, mut weights) = (Vec::with_capacity(wanted.len()), Vec::new());
        for pixel in wanted {
            let centre = (pixel as f64 + 0.5) * scale;
            // As C casts: towards zero, and negative ones are cut off anyway.
            let start = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(source);
            let at = |tap: usize| (tap as f64 - centre + 0.5) * (1.0 / stretch);
            let window: Vec<f64> = (start..end).map(|tap| bicubic(at(tap))).collect();
            let sum: f64 = window.iter().sum();
            let share = if sum == 0.0 { 1.0 } else { 1.0 / sum };
            weights.extend(window.iter().map(|weight| fixed(weight * share)));
            taps.push((start, end - start));
        }
        Self { taps, weights }
    }

    /// The pixels that any of the windows is made of.
    #[must_use]
    pub fn touched(&self) -> Range<usize> {
        let start = self.taps.iter().map(|(start, _)| *start).min();
        let end = self.taps.iter().map(|(start, count)| start + count).max();
        start.unwrap_or(0)..end.unwrap_or(0)
    }

    /// The same windows of an axis whose first pixels, none of them touched, were left out.
    ///
    /// # Panics
    /// When one of them is touched.
    #[must_use]
    pub fn without(mut self, first: usize) -> Self {
        for (start, _) in &mut self.taps {
            *start -= first;
        }
        self
    }

    /// Each window's first pixel and weights.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let mut rest = &self.weights[..];
        self.taps.iter().map(move |&(start, count)| {
            let (weights, others) = rest.split_at(count);
            rest = others;
            (start, weights)
        })
    }
}

/// Bicubic interpolation's kernel with a = -0.5 (Keys 1981), as Pillow computes it.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// A weight in fixed point, halves away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1_u32 << PRECISION);
    (if weight < 0.0 {
        scaled - 0.5
    } else {
        scaled + 0.5
    }) as i32
}

#[inline(always)]
fn level_of(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Resamples the rows of an image `[rows, width, channels]` to `[rows, windows, channels]`.
///
/// # Panics
/// When the pixels are no whole rows, or a window reaches beyond `width`.
#[must_use]
pub fn along_rows(
    level: Level,
    pixels: &[u8],
    [width, channels]: [usize; 2],
    windows: &Windows,
) -> Vec<u8> {
    let (from, to) = (width * channels, windows.taps.len() * channels);
    assert!(pixels.len().is_multiple_of(from), "whole rows");
    assert!(windows.touched().end <= width, "windows of this width");
    let mut out = vec![0; pixels.len() / from * to];
    let mut band = vec![[0_u8; BAND]; from];
    for (rows, out) in pixels.chunks(from * BAND).zip(out.chunks_mut(to * BAND)) {
        for (row, values) in rows.chunks_exact(from).enumerate() {
            for (column, &value) in band.iter_mut().zip(values) {
                column[row] = value;
            }
        }
        let rows = out.len() / to;
        for (index, (start, weights)) in windows.iter().enumerate() {
            for channel in 0..channels {
                let columns = &band[start * channels + channel..];
                let sums = sums_of_columns(level, columns, channels, weights);
                for (row, sum) in sums.into_iter().enumerate().take(rows) {
                    out[row * to + index * channels + channel] = level_of(sum);
                }
            }
        }
    }
    out
}

/// Weighted sums of every so many-th column.
fn sums_of_columns(
    level: Level,
    columns: &[[u8; BAND]],
    step: usize,
    weights: &[i32],
) -> [i32; BAND] {
    level.vectorize(
        #[inline(always)]
        || {
            let mut sums = [HALF; BAND];
            for (column, weight) in columns.iter().step_by(step).zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(column) {
                    *sum += i32::from(value) * weight;
                }
            }
            sums
        },
    )
}

/// Resamples the columns of an image `[rows, row_bytes]` to `[windows, row_bytes]`.
///
/// # Panics
/// When the pixels are no whole rows, or a window reaches beyond them.
#[must_use]
pub fn along_columns(level: Level, pixels: &[u8], row_bytes: usize, windows: &Windows) -> Vec<u8> {
    assert!(pixels.len().is_multiple_of(row_bytes), "whole rows");
    let rows = pixels.len() / row_bytes;
    assert!(windows.touched().end <= rows, "windows of these rows");
    let mut out = vec![0; windows.taps.len() * row_bytes];
    for ((start, weights), out) in windows.iter().zip(out.chunks_exact_mut(row_bytes)) {
        let rows = &pixels[start * row_bytes..][..weights.len() * row_bytes];
        level.vectorize(
            #[inline(always)]
            || weigh_rows(rows, weights, out),
        );
    }
    out
}

/// The weighted sum of rows, one for each weight.
#[inline(always)]
fn weigh_rows(rows: &[u8], weights: &[i32], out: &mut [u8]) {
    let row_bytes = out.len();
    let (stretches, rest) = out.as_chunks_mut::<STRETCH>();
    let whole = stretches.len() * STRETCH;
    for (index, out) in stretches.iter_mut().enumerate() {
        let mut sums = [HALF; STRETCH];
        for (row, weight) in rows.chunks_exact(row_bytes).zip(weights) {
            let values = &row[index * STRETCH..][..STRETCH];
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += i32::from(value) * weight;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = level_of(sum);
        }
    }
    for (index, out) in rest.iter_mut().enumerate() {
        let values = rows.chunks_exact(row_bytes).map(|row| row[whole + index]);
        let products = values.zip(weights).map(|(value, w)| i32::from(value) * w);
        *out = level_of(HALF + products.sum::<i32>());
    }
}

#[cfg(test)]
mod tests {
    use super::{Windows, along_columns, along_rows};
    use crate::Level;
    use alloc::vec::Vec;

    /// `PIL.Image.fromarray(x).resize((4, 1), BICUBIC)` of Pillow 13.0.0, of one row of seven pixels.
    #[test]
    fn a_row_becomes_pillows() {
        let row = [0, 255, 30, 200, 7, 99, 180];
        let windows = Windows::bicubic(7, 4, 0..4);
        let found = along_rows(Level::detect(), &row, [7, 1], &windows);
        assert_eq!(found, [110, 130, 74, 137]);
    }

    #[test]
    fn the_same_size_is_the_same_image() {
        let pixels: Vec<u8> = (0..3 * 5 * 3).map(|value| value * 5).collect();
        let same = |pixels: usize| Windows::bicubic(pixels, pixels, 0..pixels);
        let level = Level::detect();
        assert_eq!(along_rows(level, &pixels, [5, 3], &same(5)), pixels);
        assert_eq!(along_columns(level, &pixels, 15, &same(3)), pixels);
    }

    fn bytes(count: usize) -> Vec<u8> {
        let mut state = count as u64;
        let byte = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        (0..count).map(byte).collect()
    }

    /// `[rows, columns, channels]` to `[columns, rows, channels]`.
    fn turned(image: &[u8], [rows, columns, channels]: [usize; 3]) -> Vec<u8> {
        let at = |index: usize| {
            let (pixel, channel) = (index / channels, index % channels);
            let (column, row) = (pixel / rows, pixel % rows);
            image[(row * columns + column) * channels + channel]
        };
        (0..image.len()).map(at).collect()
    }

    /// Both ways through an image are one sum, at every level, however rows are banded.
    #[test]
    fn rows_and_columns_are_resampled_alike() {
        for (source, target) in [(1, 1), (1, 9), (7, 3), (40, 11), (13, 26), (100, 1)] {
            for (others, channels) in [(1, 1), (3, 3), (8, 3), (17, 4), (25, 3)] {
                let image = bytes(others * source * channels);
                let windows = Windows::bicubic(source, target, 0..target);
                let rows = |level| along_rows(level, &image, [source, channels], &windows);
                let expected = rows(Level::BASELINE);
                let columns = turned(&image, [others, source, channels]);
                for level in Level::available() {
                    assert_eq!(rows(level), expected);
                    let found = along_columns(level, &columns, others * channels, &windows);
                    assert_eq!(turned(&found, [target, others, channels]), expected);
                }
            }
        }
    }

    #[test]
    fn a_part_of_the_result_is_that_part() {
        let row = bytes(50);
        let windows = |wanted| Windows::bicubic(50, 20, wanted);
        let resampled = |wanted| along_rows(Level::detect(), &row, [50, 1], &windows(wanted));
        assert_eq!(resampled(5..12), resampled(0..20)[5..12]);
        assert_eq!(windows(5..12).touched(), 9..34);
    }
}
