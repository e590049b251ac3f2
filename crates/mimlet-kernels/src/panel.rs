//! Panels: weight matrices `[n, k]` stored sixteen rows side by side, as the file holds them, and
//! products with them.

use crate::math::f16_to_f32;

/// Weight rows in a panel.
pub const WIDTH: usize = 16;

/// Rows of activations in one register tile.
const TILE_ROWS: usize = 6;

/// Columns decoded at a time from half precision: 8 KB of stack.
const DECODED: usize = 128;

/// Elements of a matrix `[n, k]` in the layout `Panel16`.
#[must_use]
pub const fn len16(n: usize, k: usize) -> usize {
    n.div_ceil(WIDTH) * WIDTH * k
}

/// Elements of a matrix `[n, k]` in the layout `Panel16x4`.
#[must_use]
pub const fn len16x4(n: usize, k: usize) -> usize {
    n.div_ceil(WIDTH) * WIDTH * k.div_ceil(4) * 4
}

/// Bytes of a matrix `[n, k]` of 4-bit integers in the layout `Panel16x8`.
#[must_use]
pub const fn len16x8(n: usize, k: usize) -> usize {
    n.div_ceil(WIDTH) * WIDTH * k.div_ceil(8) * 4
}

/// Copies a row-major matrix `[n, k]` to `Panel16`: `[ceil(n/16)][k][16]`, missing rows zero.
///
/// # Panics
/// When `packed` is not [`len16`] long or `matrix` not `n * k`.
pub fn pack16<T: Copy + Default>(n: usize, k: usize, matrix: &[T], packed: &mut [T]) {
    assert_eq!((matrix.len(), packed.len()), (n * k, len16(n, k)));
    packed.fill(T::default());
    for row in 0..n {
        for column in 0..k {
            packed[(row / WIDTH * k + column) * WIDTH + row % WIDTH] = matrix[row * k + column];
        }
    }
}

/// Copies a row-major matrix `[n, k]` to `Panel16x4`: `[ceil(n/16)][ceil(k/4)][16][4]`, missing rows
/// and columns zero.
///
/// # Panics
/// When `packed` is not [`len16x4`] long or `matrix` not `n * k`.
pub fn pack16x4<T: Copy + Default>(n: usize, k: usize, matrix: &[T], packed: &mut [T]) {
    assert_eq!((matrix.len(), packed.len()), (n * k, len16x4(n, k)));
    packed.fill(T::default());
    let groups = k.div_ceil(4);
    for row in 0..n {
        for column in 0..k {
            let group = row / WIDTH * groups + column / 4;
            packed[(group * WIDTH + row % WIDTH) * 4 + column % 4] = matrix[row * k + column];
        }
    }
}

/// Packs a row-major matrix `[n, k]` of 4-bit integers, one a byte, into `Panel16x8`, two a byte:
/// `[ceil(n/16)][ceil(k/8)][16][4]` bytes whose low halves are the first four of eight columns and
/// whose high halves are the next four. Missing rows and columns are zero. The scales of its groups
/// `[n, groups]`, bits of f16, are packed by [`pack16`].
///
/// ```
/// use mimlet_kernels::panel::{len16x8, pack16x8};
/// let mut packed = vec![0; len16x8(1, 8)];
/// pack16x8(1, 8, &[1, 2, 3, 4, -1, 0, 7, -8], &mut packed);
/// assert_eq!(packed[..4], [0xf1, 0x02, 0x73, 0x84]);
/// ```
///
/// # Panics
/// When `packed` is not [`len16x8`] long, `matrix` not `n * k`, or a value not in -8..=7.
pub fn pack16x8(n: usize, k: usize, matrix: &[i8], packed: &mut [u8]) {
    assert_eq!((matrix.len(), packed.len()), (n * k, len16x8(n, k)));
    packed.fill(0);
    let groups = k.div_ceil(8);
    for row in 0..n {
        for column in 0..k {
            let value = matrix[row * k + column];
            assert!((-8..=7).contains(&value), "{value} takes more than 4 bits");
            let group = row / WIDTH * groups + column / 8;
            let half = value.cast_unsigned() & 0xf;
            packed[(group * WIDTH + row % WIDTH) * 4 + column % 4] |= half << (column / 4 % 2 * 4);
        }
    }
}

/// Copies a `Panel16` matrix `[n, k]` back to row-major order.
///
/// # Panics
/// When `packed` is not [`len16`] long or `matrix` not `n * k`.
pub fn unpack16<T: Copy>(n: usize, k: usize, packed: &[T], matrix: &mut [T]) {
    assert_eq!((matrix.len(), packed.len()), (n * k, len16(n, k)));
    for row in 0..n {
        for column in 0..k {
            matrix[row * k + column] = packed[(row / WIDTH * k + column) * WIDTH + row % WIDTH];
        }
    }
}

/// A float weight matrix in `Panel16`.
#[derive(Debug, Clone, Copy)]
pub enum Panels<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// Bits of 16-bit floats; products are accumulated in f32.
    F16(&'a [u16]),
}

/// Rows of floats inside a wider matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Values, from the first of the first row.
    pub(crate) values: &'a [f32],
    /// Distance between rows.
    pub(crate) stride: usize,
}

/// Adds to `out[row][column]` the product of row `row` of `x` with weight row `column`: `rows` rows
/// of `k` against `n` weight rows. The sum over `k` runs in order, so that the result does not
/// depend on the tile or the machine.
#[inline(always)]
pub(crate) fn multiply_add(
    x: Rows<'_>,
    panels: Panels<'_>,
    [rows, k, n]: [usize; 3],
    out: &mut [f32],
    out_stride: usize,
) {
    for first in (0..n).step_by(WIDTH) {
        let columns = WIDTH.min(n - first);
        let start = first * k;
        let mut target = Target {
            out: &mut out[first..],
            stride: out_stride,
            columns,
        };
        match panels {
            Panels::F32(panels) => {
                panel(x, 0, &panels[start..start + k * WIDTH], rows, &mut target)
            }
            Panels::F16(panels) => {
                let mut decoded = [0.0; DECODED * WIDTH];
                let panel_bits = &panels[start..start + k * WIDTH];
                for (chunk, bits) in panel_bits.chunks(DECODED * WIDTH).enumerate() {
                    for (value, &bits) in decoded.iter_mut().zip(bits) {
                        *value = f16_to_f32(bits);
                    }
                    panel(
                        x,
                        chunk * DECODED,
                        &decoded[..bits.len()],
                        rows,
                        &mut target,
                    );
                }
            }
        }
    }
}

/// Where a panel's products are added.
struct Target<'a> {
    out: &'a mut [f32],
    stride: usize,
    columns: usize,
}

/// Adds the products of all rows with the columns of one panel that start at `skip`.
#[inline(always)]
fn panel(x: Rows<'_>, skip: usize, weights: &[f32], rows: usize, target: &mut Target<'_>) {
    let mut row = 0;
    while row + TILE_ROWS <= rows {
        tile::<TILE_ROWS>(x, skip, weights, row, target);
        row += TILE_ROWS;
    }
    while row < rows {
        tile::<1>(x, skip, weights, row, target);
        row += 1;
    }
}

#[inline(always)]
fn tile<const R: usize>(
    x: Rows<'_>,
    skip: usize,
    weights: &[f32],
    first: usize,
    target: &mut Target<'_>,
) {
    let k = weights.len() / WIDTH;
    let rows: [&[f32]; R] =
        core::array::from_fn(|r| &x.values[(first + r) * x.stride + skip..][..k]);
    let mut sums = [[0.0f32; WIDTH]; R];
    for (r, sums) in sums.iter_mut().enumerate() {
        let start = (first + r) * target.stride;
        sums[..target.columns].copy_from_slice(&target.out[start..start + target.columns]);
    }
    for (column, weights) in weights.chunks_exact(WIDTH).enumerate() {
        for r in 0..R {
            let value = rows[r][column];
            for lane in 0..WIDTH {
                sums[r][lane] += value * weights[lane];
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        let start = (first + r) * target.stride;
        target.out[start..start + target.columns].copy_from_slice(&sums[..target.columns]);
    }
}
