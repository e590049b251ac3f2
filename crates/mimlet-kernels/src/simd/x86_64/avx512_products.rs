//! Products of rows with panels by tiles of AVX-512, two panels at a time. Of a last panel that is alone the
//! tile's second half is thrown away: with tiles of their own for it, a program has some 100 KB more.

use super::ahead::parts;
use super::avx512::{Floats, Integers};
use super::avx512_tile::{HEIGHT, Sums, Tile};
use crate::simd::float_tile::{FloatPanels, Rows};
use crate::simd::lanes16::{FloatSink, Floats16, IntegerSink, Integers16, Place};
use crate::simd::pair_tile::{PairPanels, PairRows};
use crate::simd::quad_tile::ByteRows;

/// The first row of each of as few tiles as cover `rows` rows, all about as high, and their heights.
fn tiles(rows: usize) -> impl ExactSizeIterator<Item = (usize, usize)> {
    let count = rows.div_ceil(HEIGHT);
    (0..count).map(move |tile| {
        let first = rows * tile / count;
        (first, rows * (tile + 1) / count - first)
    })
}

/// Gives `sink` the products of each row with each panel, each rounded with its addition.
///
/// # Safety
/// The machine must have AVX-512.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn floats(x: Rows<'_>, panels: FloatPanels<'_>, sink: &mut impl FloatSink) {
    let k = panels.k;
    let from_zero = sink.starts_at_zero();
    let mut sums = Sums([[[0.0; 16]; 2]; HEIGHT]);
    for (pair, columns) in panels.columns.chunks(2 * k).enumerate() {
        let next = &panels.columns[2 * pair * k + columns.len()..];
        let panel = 2 * pair;
        let is_pair = columns.len() > k;
        let channels = [panel, panel + usize::from(is_pair)].map(|panel| sink.channels(panel));
        let tiles = tiles(x.count);
        let parts = parts(&next[..next.len().min(2 * k)], tiles.len());
        for ((first, rows), next) in tiles.zip(parts) {
            let values = &x.values[first * x.stride..][..(rows - 1) * x.stride + k];
            let tile = Tile::new(values.as_ptr().cast(), [rows, x.stride], columns, k, next);
            // SAFETY: the caller promises AVX-512; `values` holds the rows, and both columns are a panel.
            unsafe {
                if from_zero {
                    tile.multiply_floats(&mut sums);
                } else {
                    for (r, sums) in sums.0[..rows].iter_mut().enumerate() {
                        for p in 0..1 + usize::from(is_pair) {
                            let start: Floats = sink.start(first + r, panel + p, channels[p]);
                            start.store(&mut sums[p]);
                        }
                    }
                    tile.add_floats(&mut sums);
                }
            }
            let place = Place {
                row: first,
                rows,
                panel,
            };
            let sums = &sums.0[..rows];
            if is_pair {
                sink.write::<_, 2>(place, |r| [0, 1].map(|p| Floats::load(&sums[r][p])));
            } else {
                sink.write::<_, 1>(place, |r| [Floats::load(&sums[r][0])]);
            }
        }
    }
}

/// Gives `sink` the products of each row of unsigned bytes with each panel `[quads][16][4]`.
///
/// # Safety
/// The machine must have AVX-512 and its VNNI.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn quads(x: ByteRows<'_>, panels: &[[i8; 64]], sink: &mut impl IntegerSink) {
    let shape = [x.count(), x.stride(), x.len()];
    // SAFETY: the caller's promise.
    unsafe { integers::<true>(|row| x.quads(row), shape, panels, sink) }
}

/// Gives `sink` the products of each row with each panel of pairs.
///
/// # Safety
/// The machine must have AVX-512 and its VNNI.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn pairs(x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
    let (k, columns) = (panels.pairs, bytemuck::cast_slice(panels.columns));
    let row = |row: usize| &x.words[row * x.stride..][..k];
    // SAFETY: the caller's promise.
    unsafe { integers::<false>(row, [x.count, x.stride, k], columns, sink) }
}

/// Gives `sink` the products of rows with panels, of quads or of pairs: `row` gives the words of each of
/// `count` rows, `k` of them and as many columns in a panel, and the next begins `stride` words further.
///
/// # Safety
/// The machine must have AVX-512 and its VNNI.
#[inline(always)]
unsafe fn integers<'a, const QUADS: bool>(
    row: impl Fn(usize) -> &'a [u32],
    [count, stride, k]: [usize; 3],
    panels: &[[i8; 64]],
    sink: &mut impl IntegerSink,
) {
    let mut sums = Sums([[[0; 16]; 2]; HEIGHT]);
    for (pair, columns) in panels.chunks(2 * k).enumerate() {
        // Of a layer's weights; what attention packed is near already.
        let next = match QUADS {
            true => &panels[2 * pair * k + columns.len()..],
            false => &[],
        };
        let tiles = tiles(count);
        let parts = parts(&next[..next.len().min(2 * k)], tiles.len());
        for ((first, rows), next) in tiles.zip(parts) {
            // Each row is there in full: this looks at the last one.
            let _ = row(first + rows - 1);
            let tile = Tile::new(row(first).as_ptr(), [rows, stride], columns, k, next);
            // SAFETY: the caller promises the instructions; the rows exist, and both columns are a panel.
            unsafe {
                match QUADS {
                    true => tile.multiply_quads(&mut sums),
                    false => tile.multiply_pairs(&mut sums),
                }
            }
            let place = Place {
                row: first,
                rows,
                panel: 2 * pair,
            };
            let sums = &sums.0[..rows];
            if columns.len() > k {
                sink.write::<_, 2>(place, |r| [0, 1].map(|p| Integers::load(&sums[r][p])));
            } else {
                sink.write::<_, 1>(place, |r| [Integers::load(&sums[r][0])]);
            }
        }
    }
}
