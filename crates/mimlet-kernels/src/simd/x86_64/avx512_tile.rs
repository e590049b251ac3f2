//! Tiles of AVX-512: up to 12 rows by two panels, 24 registers of sums; of a panel that is alone, the second
//! half is thrown away, which takes no longer than a tile of one: rows' numbers are loaded as often. They are written in assembly
//! because a compiler does not keep 24 sums of an array in registers: it copies them through memory at
//! every column, which costs two thirds of the speed.

use super::ahead::{parts, prefetch};
use super::avx512::{Floats, Integers};
use crate::simd::float_tile::{FloatPanels, Rows};
use crate::simd::lanes16::{FloatSink, Floats16, IntegerSink, Integers16, Place};
use crate::simd::pair_tile::{PairPanels, PairRows};
use crate::simd::quad_tile::ByteRows;
use core::arch::asm;

/// Most rows of a tile.
const HEIGHT: usize = 12;

/// Sums of a tile, `[rows][panels][channels]`: before its products, and after.
#[repr(C, align(64))]
struct Sums<T>([[[T; 16]; 2]; HEIGHT]);

/// Where a tile's numbers lie.
struct Tile {
    /// The first row.
    row: *const u32,
    /// Bytes from a row to the next.
    stride: usize,
    /// Rows of the tile.
    rows: usize,
    /// Columns of two panels, 64 bytes each.
    panels: [*const u8; 2],
    /// How many columns, at least one.
    columns: usize,
}

/// A step for each row: what `$step` makes of the row's address and its two registers of sums. Three
/// rows share a base register.
macro_rules! for_rows {
    ($step:ident 0) => { "" };
    ($step:ident 1) => { concat!(for_rows!($step 0), $step!("[{a}]", "0", "1")) };
    ($step:ident 2) => { concat!(for_rows!($step 1), $step!("[{a} + {stride}]", "2", "3")) };
    ($step:ident 3) => { concat!(for_rows!($step 2), $step!("[{a} + 2 * {stride}]", "4", "5")) };
    ($step:ident 4) => { concat!(for_rows!($step 3), $step!("[{b}]", "6", "7")) };
    ($step:ident 5) => { concat!(for_rows!($step 4), $step!("[{b} + {stride}]", "8", "9")) };
    ($step:ident 6) => { concat!(for_rows!($step 5), $step!("[{b} + 2 * {stride}]", "10", "11")) };
    ($step:ident 7) => { concat!(for_rows!($step 6), $step!("[{c}]", "12", "13")) };
    ($step:ident 8) => { concat!(for_rows!($step 7), $step!("[{c} + {stride}]", "14", "15")) };
    ($step:ident 9) => { concat!(for_rows!($step 8), $step!("[{c} + 2 * {stride}]", "16", "17")) };
    ($step:ident 10) => { concat!(for_rows!($step 9), $step!("[{d}]", "18", "19")) };
    ($step:ident 11) => { concat!(for_rows!($step 10), $step!("[{d} + {stride}]", "20", "21")) };
    ($step:ident 12) => { concat!(for_rows!($step 11), $step!("[{d} + 2 * {stride}]", "22", "23")) };
}

/// Reads a row's sums.
macro_rules! read {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vmovups zmm",
            $low,
            ", [{sums} + 64 * ",
            $low,
            "]\n",
            "vmovups zmm",
            $high,
            ", [{sums} + 64 * ",
            $high,
            "]\n",
        )
    };
}

/// Begins a row's sums with zero.
macro_rules! zero {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vpxord zmm",
            $low,
            ", zmm",
            $low,
            ", zmm",
            $low,
            "\n",
            "vpxord zmm",
            $high,
            ", zmm",
            $high,
            ", zmm",
            $high,
            "\n",
        )
    };
}

/// Writes a row's sums.
macro_rules! write {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vmovups [{sums} + 64 * ",
            $low,
            "], zmm",
            $low,
            "\n",
            "vmovups [{sums} + 64 * ",
            $high,
            "], zmm",
            $high,
            "\n",
        )
    };
}

/// Products of floats, each rounded with its addition.
macro_rules! fused {
    (columns) => {
        "vmovups zmm24, [{first}]\nvmovups zmm25, [{second}]\n"
    };
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vbroadcastss zmm26, dword ptr ",
            $row,
            "\n",
            "vfmadd231ps zmm",
            $low,
            ", zmm26, zmm24\n",
            "vfmadd231ps zmm",
            $high,
            ", zmm26, zmm25\n",
        )
    };
}

/// Products of quads of bytes: those of rows are unsigned.
macro_rules! quads {
    (columns) => {
        "vmovdqu64 zmm24, [{first}]\nvmovdqu64 zmm25, [{second}]\n"
    };
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vpbroadcastd zmm26, dword ptr ",
            $row,
            "\n",
            "vpdpbusd zmm",
            $low,
            ", zmm26, zmm24\n",
            "vpdpbusd zmm",
            $high,
            ", zmm26, zmm25\n",
        )
    };
}

/// Products of pairs.
macro_rules! pairs {
    (columns) => {
        quads!(columns)
    };
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vpbroadcastd zmm26, dword ptr ",
            $row,
            "\n",
            "vpdpwssd zmm",
            $low,
            ", zmm26, zmm24\n",
            "vpdpwssd zmm",
            $high,
            ", zmm26, zmm25\n",
        )
    };
}

/// Adds a tile's products to its sums as `$start` begins them, for a tile of so many rows.
macro_rules! multiply {
    ($start:ident $step:ident $rows:tt, $tile:ident, $sums:ident) => {
        asm!(
            "/* {a} {b} {c} {d} {stride} */",
            for_rows!($start $rows),
            "2:",
            $step!(columns),
            for_rows!($step $rows),
            "add {a}, 4",
            "add {b}, 4",
            "add {c}, 4",
            "add {d}, 4",
            "add {first}, 64",
            "add {second}, 64",
            "dec {columns}",
            "jnz 2b",
            for_rows!(write $rows),
            a = inout(reg) $tile.row => _,
            b = inout(reg) $tile.row.wrapping_byte_add(3 * $tile.stride) => _,
            c = inout(reg) $tile.row.wrapping_byte_add(6 * $tile.stride) => _,
            d = inout(reg) $tile.row.wrapping_byte_add(9 * $tile.stride) => _,
            stride = in(reg) $tile.stride,
            first = inout(reg) $tile.panels[0] => _,
            second = inout(reg) $tile.panels[1] => _,
            columns = inout(reg) $tile.columns => _,
            sums = in(reg) $sums,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _,
            out("zmm5") _, out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _,
            out("zmm10") _, out("zmm11") _, out("zmm12") _, out("zmm13") _, out("zmm14") _,
            out("zmm15") _, out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _, out("zmm24") _,
            out("zmm25") _, out("zmm26") _,
            options(nostack)
        )
    };
}

/// [`multiply!`] for the tile's number of rows.
macro_rules! multiply_rows {
    ($start:ident $step:ident, $tile:ident, $sums:ident: $($rows:tt)*) => {
        match $tile.rows {
            $($rows => multiply!($start $step $rows, $tile, $sums),)*
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}

impl Tile {
    /// Adds the products of floats to `sums`, each rounded with its addition.
    ///
    /// # Safety
    /// The machine must have AVX-512, and rows and panels must lie where the tile says.
    #[target_feature(enable = "avx512f")]
    unsafe fn add_floats(&self, sums: &mut Sums<f32>) {
        let sums = &raw mut *sums;
        // SAFETY: the caller's promise; `sums` has room for 12 rows, of which those of the tile are read
        // and written.
        unsafe {
            multiply_rows!(read fused, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }

    /// Writes the sums of the products of floats, each rounded with its addition.
    ///
    /// # Safety
    /// As of [`Tile::add_floats`].
    #[target_feature(enable = "avx512f")]
    unsafe fn multiply_floats(&self, sums: &mut Sums<f32>) {
        let sums = &raw mut *sums;
        // SAFETY: as above.
        unsafe { multiply_rows!(zero fused, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12) }
    }

    /// Writes the sums of the products of quads of unsigned bytes with signed weights.
    ///
    /// # Safety
    /// The machine must have AVX-512 and its VNNI, and rows and panels must lie where the tile says.
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn multiply_quads(&self, sums: &mut Sums<i32>) {
        let sums = &raw mut *sums;
        // SAFETY: as above.
        unsafe { multiply_rows!(zero quads, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12) }
    }

    /// Writes the sums of the products of pairs.
    ///
    /// # Safety
    /// As of [`Tile::multiply_quads`].
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn multiply_pairs(&self, sums: &mut Sums<i32>) {
        let sums = &raw mut *sums;
        // SAFETY: as above.
        unsafe { multiply_rows!(zero pairs, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12) }
    }
}

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
        let panel = 2 * pair;
        let (first_columns, second_columns) = two_panels(columns, k);
        let is_pair = columns.len() > k;
        let channels = [panel, panel + usize::from(is_pair)].map(|panel| sink.channels(panel));
        for (first, rows) in tiles(x.count) {
            let values = &x.values[first * x.stride..][..(rows - 1) * x.stride + k];
            let tile = Tile {
                row: values.as_ptr().cast(),
                stride: x.stride * 4,
                rows,
                panels: [
                    first_columns.as_ptr().cast(),
                    second_columns.as_ptr().cast(),
                ],
                columns: k,
            };
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

/// The columns of two panels; where there is one, its own twice: then the second sums are nobody's.
fn two_panels<T>(columns: &[T], k: usize) -> (&[T], &[T]) {
    let (first, second) = columns.split_at(k);
    (first, if second.is_empty() { first } else { second })
}

/// Gives `sink` the products of each row of unsigned bytes with each panel `[quads][16][4]`.
///
/// # Safety
/// The machine must have AVX-512 and its VNNI.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn quads(x: ByteRows<'_>, panels: &[[i8; 64]], sink: &mut impl IntegerSink) {
    let quads = x.len();
    let mut sums = Sums([[[0; 16]; 2]; HEIGHT]);
    for (pair, columns) in panels.chunks(2 * quads).enumerate() {
        let (first_columns, second_columns) = two_panels(columns, quads);
        let next = panels[2 * pair * quads + columns.len()..]
            .get(..2 * quads)
            .unwrap_or_default();
        let tiles = tiles(x.count());
        let parts = parts(next, tiles.len());
        for ((first, rows), next) in tiles.zip(parts) {
            prefetch(next);
            // Each row is there in full: this looks at the last one.
            let _ = x.quads(first + rows - 1);
            let tile = Tile {
                row: x.quads(first).as_ptr(),
                stride: x.stride() * 4,
                rows,
                panels: [
                    first_columns.as_ptr().cast(),
                    second_columns.as_ptr().cast(),
                ],
                columns: quads,
            };
            // SAFETY: the caller promises the instructions; the rows exist, and both columns are a panel.
            unsafe { tile.multiply_quads(&mut sums) };
            let place = Place {
                row: first,
                rows,
                panel: 2 * pair,
            };
            give(&sums, place, columns.len() > quads, sink);
        }
    }
}

/// Gives `sink` the sums of a tile of one panel or two.
#[inline(always)]
fn give(sums: &Sums<i32>, tile: Place, is_pair: bool, sink: &mut impl IntegerSink) {
    let sums = &sums.0[..tile.rows];
    if is_pair {
        sink.write::<_, 2>(tile, |r| [0, 1].map(|p| Integers::load(&sums[r][p])));
    } else {
        sink.write::<_, 1>(tile, |r| [Integers::load(&sums[r][0])]);
    }
}

/// Gives `sink` the products of each row with each panel of pairs.
///
/// # Safety
/// The machine must have AVX-512 and its VNNI.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn pairs(x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
    let k = panels.pairs;
    let mut sums = Sums([[[0; 16]; 2]; HEIGHT]);
    for (pair, columns) in panels.columns.chunks(2 * k).enumerate() {
        let (first_columns, second_columns) = two_panels(columns, k);
        for (first, rows) in tiles(x.count) {
            let words = &x.words[first * x.stride..][..(rows - 1) * x.stride + k];
            let tile = Tile {
                row: words.as_ptr(),
                stride: x.stride * 4,
                rows,
                panels: [
                    first_columns.as_ptr().cast(),
                    second_columns.as_ptr().cast(),
                ],
                columns: k,
            };
            // SAFETY: the caller promises the instructions; `words` holds the rows, and both columns are a
            // panel.
            unsafe { tile.multiply_pairs(&mut sums) };
            let place = Place {
                row: first,
                rows,
                panel: 2 * pair,
            };
            give(&sums, place, columns.len() > k, sink);
        }
    }
}
