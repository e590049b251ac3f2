//! Nearest centroids of large codebooks: products, as of a linear layer, tell which few centroids may be the
//! nearest two, and only those are measured.
//!
//! Of `|x - c|^2 = |x|^2 + 2 (|c|^2 / 2 - x c)` the term in brackets is enough to compare centroids. It loses
//! digits where they are near, so that those stay on the list which rounding may have put in another order.
//! With `u = 2^-24`, `k = 2 (dim + 4) u` and any order of sums, `|x|^2` and twice a computed term are within
//! `k (2 |x| |c| + |c|^2)` of the true square `d`, which is at most `k (5 |x|^2 + 3 d)`, as `|c|` is no more
//! than `|x|` and the distance (chapter 3 of Higham, Accuracy and Stability of Numerical Algorithms, 2002,
//! with room for a factor of two); a measured square is within `k d` of it. So a centroid beyond the second
//! on the list by `k (16 |x|^2 + 12 d)` measures more than both.

use super::cpu::Nearest;
use super::{Centroids, Params};
use crate::lanes;
use crate::panel::WIDTH;
use crate::simd::{FloatPanels, FloatSink, Floats16, Level, Place, Rows, float_products};
use core::array::from_fn;

/// Rows at a time.
pub(super) const ROWS: usize = 48;

/// Centroids that a row's list has room for.
const ROOM: usize = 16;

/// Panels whose products are computed together, as tiles take them.
const PANELS: usize = 2;

/// Columns widened at a time: 8 KB of stack.
const WIDENED: usize = 64;

/// Of longer rows, squares and products may be infinite where distances are not.
const LONGEST_SQUARE: f32 = 1e30;

/// The nearest centroids of at most [`ROWS`] rows; of those that must be measured against all `None`.
#[inline(never)]
pub(super) fn nearest(
    level: Level,
    params: &Params,
    x: &[f32],
    centroids: Centroids<'_>,
) -> [Option<Nearest>; ROWS] {
    let rows = x.len() / params.dim;
    let mut lists = [List::default(); ROWS];
    let lists = &mut lists[..rows];
    for (list, row) in lists.iter_mut().zip(x.chunks_exact(params.dim)) {
        *list = List::of(row);
    }
    for first in (0..params.centroids).step_by(PANELS * WIDTH) {
        let (products, halves) = products(level, params, x, centroids, first);
        level.vectorize(
            #[inline(always)]
            || {
                for (list, products) in lists.iter_mut().zip(&products) {
                    for (panel, (products, halves)) in products.iter().zip(&halves).enumerate() {
                        let terms = from_fn(|lane| halves[lane] - products[lane]);
                        list.consider(first + panel * WIDTH, &terms);
                    }
                }
            },
        );
    }
    let mut found = [None; ROWS];
    let rows = x.chunks_exact(params.dim);
    for ((found, list), row) in found.iter_mut().zip(&*lists).zip(rows) {
        *found = list.measured(row, centroids);
    }
    found
}

/// The products of rows with the centroids of [`PANELS`] panels from centroid `first` on, and half the squares
/// of those; NaN, which is on no list, where there is no centroid.
fn products(
    level: Level,
    params: &Params,
    x: &[f32],
    centroids: Centroids<'_>,
    first: usize,
) -> ([[[f32; WIDTH]; PANELS]; ROWS], [[f32; WIDTH]; PANELS]) {
    let dim = params.dim;
    let panels = (params.centroids - first).div_ceil(WIDTH).min(PANELS);
    let mut sums = [[[0.0; WIDTH]; PANELS]; ROWS];
    let mut halves = [[0.0; WIDTH]; PANELS];
    let mut room = [[0.0; WIDTH]; PANELS * WIDENED];
    let step = match centroids {
        Centroids::F32(_) => dim,
        Centroids::F16(_) | Centroids::I8(..) => WIDENED,
    };
    for skip in (0..dim).step_by(step) {
        let k = step.min(dim - skip);
        let columns = level.vectorize(
            #[inline(always)]
            || {
                let columns = match centroids {
                    Centroids::F32(values) => &values[first * dim..].as_chunks().0[..panels * k],
                    Centroids::F16(_) | Centroids::I8(..) => {
                        let room = &mut room[..panels * k];
                        for (panel, columns) in room.chunks_exact_mut(k).enumerate() {
                            let first = first + panel * WIDTH;
                            let start = first * dim + skip * WIDTH;
                            centroids.widen(first, start, columns.as_flattened_mut());
                        }
                        &*room
                    }
                };
                for (columns, halves) in columns.chunks_exact(k).zip(&mut halves) {
                    for column in columns {
                        *halves = from_fn(|lane| halves[lane] + 0.5 * column[lane] * column[lane]);
                    }
                }
                columns
            },
        );
        let rows = Rows {
            values: &x[skip..],
            stride: dim,
            count: x.len() / dim,
        };
        float_products::<true>(
            level,
            rows,
            FloatPanels { columns, k },
            &mut Sums(&mut sums),
        );
    }
    let present = params.centroids - first;
    for half in halves.as_flattened_mut().iter_mut().skip(present) {
        *half = f32::NAN;
    }
    (sums, halves)
}

/// Products that are added to those of the columns before.
struct Sums<'a>(&'a mut [[[f32; WIDTH]; PANELS]; ROWS]);

impl FloatSink for Sums<'_> {
    type Channels<V: Floats16> = ();

    #[inline(always)]
    fn channels<V: Floats16>(&self, _panel: usize) {}

    #[inline(always)]
    fn start<V: Floats16>(&self, row: usize, panel: usize, (): ()) -> V {
        V::load(&self.0[row][panel])
    }

    #[inline(always)]
    fn write<V: Floats16, const P: usize>(&mut self, tile: Place, sums: impl Fn(usize) -> [V; P]) {
        let rows = &mut self.0[tile.row..][..tile.rows];
        for (r, row) in rows.iter_mut().enumerate() {
            for (to, sums) in row[tile.panel..].iter_mut().zip(sums(r)) {
                sums.store(to);
            }
        }
    }
}

/// The centroids that may be the nearest two of a row, in their order.
#[derive(Clone, Copy)]
struct List {
    /// The row's square.
    square: f32,
    /// How far off a term may be, as a share of squares.
    share: f32,
    /// The smallest two terms.
    best: f32,
    second: f32,
    /// Terms beyond it are of neither.
    highest: f32,
    len: usize,
    centroids: [u32; ROOM],
    terms: [f32; ROOM],
}

impl Default for List {
    fn default() -> Self {
        Self {
            square: 0.0,
            share: 0.0,
            best: f32::INFINITY,
            second: f32::INFINITY,
            highest: f32::INFINITY,
            len: 0,
            centroids: [0; ROOM],
            terms: [0.0; ROOM],
        }
    }
}

impl List {
    /// An empty one of a row; a full one, of which all is measured, where numbers may be too large.
    fn of(row: &[f32]) -> Self {
        let square = lanes::sum(row, |x| x * x);
        let is_short = square <= LONGEST_SQUARE;
        Self {
            square,
            share: 2.0 * (row.len() + 4) as f32 / 16_777_216.0,
            len: if is_short { 0 } else { ROOM + 1 },
            ..Self::default()
        }
    }

    /// Takes up those of a panel's centroids that may be among the nearest two.
    #[inline(always)]
    fn consider(&mut self, first: usize, terms: &[f32; WIDTH]) {
        let mut any = false;
        for &term in terms {
            any |= term <= self.highest;
        }
        if any && self.len <= ROOM {
            self.take_up(first, terms);
        }
    }

    /// Rare, and not worth a copy for each level.
    #[inline(never)]
    fn take_up(&mut self, first: usize, terms: &[f32; WIDTH]) {
        for (lane, &term) in terms.iter().enumerate() {
            if term <= self.highest {
                self.take((first + lane) as u32, term);
            }
        }
    }

    fn take(&mut self, centroid: u32, term: f32) {
        if self.len == ROOM {
            self.drop_those_beyond();
        }
        if self.len < ROOM {
            self.centroids[self.len] = centroid;
            self.terms[self.len] = term;
        }
        self.len += 1;
        if term < self.second {
            (self.best, self.second) = match term < self.best {
                true => (term, self.best),
                false => (self.best, term),
            };
            let squared = self.square + 2.0 * self.second;
            let squared = if squared > 0.0 { squared } else { 0.0 };
            // What is below the smallest normal number is lost, of each product.
            let off = self.share * (8.0 * self.square + 6.0 * squared) + 1e-33;
            self.highest = self.second + off;
        }
    }

    /// Drops what has come to be too far.
    fn drop_those_beyond(&mut self) {
        let mut kept = 0;
        for at in 0..self.len {
            if self.terms[at] <= self.highest {
                self.centroids[kept] = self.centroids[at];
                self.terms[kept] = self.terms[at];
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// Measures those on the list; `None` of one that was too short.
    #[inline(never)]
    fn measured(&self, row: &[f32], centroids: Centroids<'_>) -> Option<Nearest> {
        if self.len > ROOM {
            return None;
        }
        let mut found = Nearest::default();
        for (&centroid, &term) in self.centroids[..self.len].iter().zip(&self.terms) {
            if term <= self.highest {
                let squared = centroids.squared(row, centroid as usize);
                found.take(centroid as usize, &[squared]);
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cpu::{cpu, of_all};
    use super::{Centroids, Params, ROWS, nearest};
    use crate::case::{FloatWeight, Stream};
    use crate::panel::{len16, pack16};
    use crate::simd::Level;
    use alloc::vec;
    use alloc::vec::Vec;

    const CENTROIDS: usize = 307;

    fn packed(dim: usize, centroids: &[f32]) -> Vec<f32> {
        let mut packed = vec![0.0; len16(CENTROIDS, dim)];
        pack16(CENTROIDS, dim, centroids, &mut packed);
        packed
    }

    /// Holds tokens and distances to those measured against all, to the last bit, and says how many rows'
    /// lists sufficed.
    fn hold(dim: usize, x: &[f32], centroids: Centroids<'_>) -> usize {
        let params = Params {
            dim,
            centroids: CENTROIDS,
        };
        let rows = x.len() / dim;
        let mut sufficed = 0;
        for level in Level::available() {
            let (mut tokens, mut distances) = (vec![u32::MAX; rows], vec![f32::NAN; 2 * rows]);
            cpu(level, &params, x, centroids, &mut tokens, &mut distances);
            for (row, x) in x.chunks_exact(dim).enumerate() {
                let (mut token, mut two) = (0, [0.0; 2]);
                of_all(level, &params, x, centroids)[0].write((&mut token, &mut two));
                let found = [distances[2 * row], distances[2 * row + 1]].map(f32::to_bits);
                let context = (level.name(), row);
                assert_eq!(
                    (tokens[row], found),
                    (token, two.map(f32::to_bits)),
                    "{context:?}"
                );
            }
            let lists = x.chunks(ROWS * dim);
            let lists = lists.flat_map(|x| nearest(level, &params, x, centroids));
            sufficed = lists.flatten().count();
        }
        sufficed
    }

    #[test]
    fn what_a_list_tells_is_what_all_centroids_tell() {
        for dim in [1, 3, 64, 130, 192] {
            let mut stream = Stream::new(dim as u64);
            let centroids = stream.values(CENTROIDS * dim, 1.0);
            let x = stream.values(101 * dim, 1.5);
            let packed = packed(dim, &centroids);
            let sufficed = hold(dim, &x, Centroids::F32(&packed));
            assert!(dim == 1 || sufficed > 95, "{dim}: {sufficed}");
            let scales = stream.values(CENTROIDS, 0.01);
            let bytes: Vec<i8> = packed.iter().map(|value| (value * 127.0) as i8).collect();
            hold(dim, &x, Centroids::I8(&bytes, &scales));
            let halves = FloatWeight::random(&mut stream, CENTROIDS, dim, true);
            hold(dim, &x, Centroids::F16(&halves.f16));
        }
    }

    /// Rows on centroids, between two, and all so far from zero that products have lost the differences.
    #[test]
    fn ties_and_cancellation_change_no_bit() {
        let dim = 48;
        let mut stream = Stream::new(0x51);
        for offset in [0.0, 1.0, 30.0, 1000.0] {
            let mut centroids = stream.values(CENTROIDS * dim, 1.0);
            for copy in [17, 33, 150, 306] {
                centroids.copy_within(5 * dim..6 * dim, copy * dim);
            }
            centroids.iter_mut().for_each(|value| *value += offset);
            let two = |a: usize, b: usize, column: usize| {
                0.5 * (centroids[a * dim + column] + centroids[b * dim + column])
            };
            let pairs = [(5, 5), (306, 306), (150, 9), (70, 71), (200, 3)];
            let x: Vec<f32> = pairs
                .into_iter()
                .flat_map(|(a, b)| (0..dim).map(move |column| (a, b, column)))
                .map(|(a, b, column)| two(a, b, column))
                .collect();
            hold(dim, &x, Centroids::F32(&packed(dim, &centroids)));
        }
    }

    #[test]
    fn sizes_at_the_ends_of_floats_change_no_bit() {
        let dim = 20;
        let mut stream = Stream::new(0x52);
        for size in [1e-42, 1e-30, 1e-19, 1e15, 1e18, 1e19, 3e38] {
            let values = stream.values(CENTROIDS * dim, size);
            let centroids = packed(dim, &values);
            // Rows on centroids, whose squares may be infinite and their distance is not.
            hold(
                dim,
                &values[200 * dim..203 * dim],
                Centroids::F32(&centroids),
            );
            for row in [
                0.0,
                1e-42,
                1e-22,
                1.0,
                1e14,
                1e18,
                2e19,
                3e38,
                f32::NAN,
                f32::INFINITY,
            ] {
                let mut x = stream.values(2 * dim, 1.0);
                x.iter_mut().for_each(|x| *x *= row);
                hold(dim, &x, Centroids::F32(&centroids));
            }
        }
    }
}
