//! Nearest centroid, sixteen centroids at a time.
//!
//! Distances are sums of squared differences rather than `|c|^2 - 2 x c`: the latter loses most of
//! its digits when a row lies close to its centroid, which is where near-ties are. Of many centroids it tells
//! which few to measure.

use super::{Centroids, Params, shortlist};
use crate::math::{f16_to_f32, sqrt};
use crate::panel::WIDTH;
use crate::simd::Level;
use core::array::from_fn;

/// From how many centroids on a list of a few is found first.
const MANY: usize = 256;

/// Rows that share each widened panel.
const BLOCK: usize = 32;

/// Rows whose sums are added to side by side, as each sum waits for its last addition.
const TOGETHER: usize = 4;

/// Columns widened at a time: 8 KB of stack.
const WIDENED: usize = 128;

/// Writes each row's token to `tokens` `[rows]` and the distances to its best and second-best
/// centroid to `distances` `[rows, 2]`; `x` is `[rows, dim]`, `centroids` `Panel16 [centroids, dim]`.
pub fn cpu(
    level: Level,
    params: &Params,
    x: &[f32],
    centroids: Centroids<'_>,
    tokens: &mut [u32],
    distances: &mut [f32],
) {
    let dim = params.dim;
    let rows = x.chunks_exact(dim);
    let mut outputs = rows.zip(tokens.iter_mut().zip(distances.chunks_exact_mut(2)));
    if params.centroids < MANY {
        for x in x.chunks(BLOCK * dim) {
            let found = of_all(level, params, x, centroids);
            for ((_, output), found) in outputs.by_ref().take(x.len() / dim).zip(found) {
                found.write(output);
            }
        }
        return;
    }
    for x in x.chunks(shortlist::ROWS * dim) {
        let found = shortlist::nearest(level, params, x, centroids);
        for ((row, output), found) in outputs.by_ref().take(x.len() / dim).zip(found) {
            let found = found.unwrap_or_else(|| of_all(level, params, row, centroids)[0]);
            found.write(output);
        }
    }
}

/// The two smallest squared distances and the token of the smallest.
#[derive(Clone, Copy)]
pub(super) struct Nearest {
    token: u32,
    best: f32,
    second: f32,
}

impl Default for Nearest {
    fn default() -> Self {
        Self {
            token: 0,
            best: f32::MAX,
            second: f32::MAX,
        }
    }
}

/// The nearest centroids of at most [`BLOCK`] rows, measured against all.
pub(super) fn of_all(
    level: Level,
    params: &Params,
    x: &[f32],
    centroids: Centroids<'_>,
) -> [Nearest; BLOCK] {
    level.vectorize(
        #[inline(always)]
        || nearest(params, x, centroids),
    )
}

/// The nearest centroids of at most [`BLOCK`] rows.
#[inline(always)]
fn nearest(params: &Params, x: &[f32], centroids: Centroids<'_>) -> [Nearest; BLOCK] {
    let mut found = [Nearest::default(); BLOCK];
    let mut widened = [0.0; WIDENED * WIDTH];
    for first in (0..params.centroids).step_by(WIDTH) {
        let mut squared = [[0.0f32; WIDTH]; BLOCK];
        for skip in (0..params.dim).step_by(WIDENED) {
            let columns = WIDENED.min(params.dim - skip);
            let start = first * params.dim + skip * WIDTH;
            let weights = centroids.widen(first, start, &mut widened[..columns * WIDTH]);
            let groups = x.chunks(TOGETHER * params.dim);
            for (rows, squared) in groups.zip(squared.as_chunks_mut().0) {
                // A last group of fewer rows takes its last one several times.
                let last = rows.len() / params.dim - 1;
                let row = |r: usize| &rows[r.min(last) * params.dim + skip..][..columns];
                add_squares(from_fn(row), weights, squared);
            }
        }
        let present = WIDTH.min(params.centroids - first);
        let rows = x.len() / params.dim;
        for (found, squared) in found[..rows].iter_mut().zip(&squared) {
            found.take(first, &squared[..present]);
        }
    }
    found
}

/// Adds the squared differences of rows' columns from those of sixteen centroids.
#[inline(always)]
fn add_squares(
    rows: [&[f32]; TOGETHER],
    centroids: &[f32],
    squared: &mut [[f32; WIDTH]; TOGETHER],
) {
    let mut sums = *squared;
    for (column, centroids) in centroids.as_chunks::<WIDTH>().0.iter().enumerate() {
        for r in 0..TOGETHER {
            let x = rows[r][column];
            for (sum, centroid) in sums[r].iter_mut().zip(centroids) {
                let difference = x - centroid;
                *sum += difference * difference;
            }
        }
    }
    *squared = sums;
}

/// The squared distance of a row from the centroid whose first value is at `start` in its panel.
#[inline(always)]
fn sum_squares(row: &[f32], start: usize, value: impl Fn(usize) -> f32) -> f32 {
    let mut sum = 0.0;
    for (column, x) in row.iter().enumerate() {
        let difference = x - value(start + column * WIDTH);
        sum += difference * difference;
    }
    sum
}

impl Nearest {
    /// Writes token and distances.
    pub(super) fn write(self, (token, distances): (&mut u32, &mut [f32])) {
        *token = self.token;
        distances[0] = sqrt(self.best);
        distances[1] = sqrt(self.second);
    }

    /// Considers the centroids from `first` on.
    #[inline(always)]
    pub(super) fn take(&mut self, first: usize, squared: &[f32]) {
        for (lane, &squared) in squared.iter().enumerate() {
            if squared < self.best {
                self.second = self.best;
                self.best = squared;
                self.token = (first + lane) as u32;
            } else if squared < self.second {
                self.second = squared;
            }
        }
    }
}

impl<'a> Centroids<'a> {
    /// The squared distance of a row from a centroid, to the bit as in [`add_squares`].
    #[inline(always)]
    pub(super) fn squared(self, row: &[f32], centroid: usize) -> f32 {
        let start = centroid / WIDTH * WIDTH * row.len() + centroid % WIDTH;
        match self {
            Self::F32(values) => sum_squares(row, start, |at| values[at]),
            Self::F16(bits) => sum_squares(row, start, |at| f16_to_f32(bits[at])),
            Self::I8(bytes, scales) => {
                sum_squares(row, start, |at| f32::from(bytes[at]) * scales[centroid])
            }
        }
    }

    /// The values of a panel from element `start` on as f32, as many as `room` holds; `first` is the
    /// panel's first centroid.
    #[inline(always)]
    pub(super) fn widen<'r>(self, first: usize, start: usize, room: &'r mut [f32]) -> &'r [f32]
    where
        'a: 'r,
    {
        match self {
            Self::F32(values) => &values[start..][..room.len()],
            Self::F16(bits) => {
                for (value, &bits) in room.iter_mut().zip(&bits[start..]) {
                    *value = f16_to_f32(bits);
                }
                room
            }
            Self::I8(bytes, scales) => {
                let mut lanes = [0.0; WIDTH];
                for (lane, &scale) in lanes.iter_mut().zip(&scales[first..]) {
                    *lane = scale;
                }
                let columns = room.chunks_exact_mut(WIDTH);
                for (column, bytes) in columns.zip(bytes[start..].chunks_exact(WIDTH)) {
                    for ((value, &byte), scale) in column.iter_mut().zip(bytes).zip(&lanes) {
                        *value = f32::from(byte) * scale;
                    }
                }
                room
            }
        }
    }
}
