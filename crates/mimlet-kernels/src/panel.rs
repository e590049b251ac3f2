//! Panels: weight matrices `[n, k]` stored sixteen rows side by side, as the file holds them.

/// Weight rows in a panel.
pub const WIDTH: usize = 16;

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

/// The values of a panel's sixteen channels, those beyond the last channel zero.
#[inline(always)]
pub(crate) fn of_panel<T: Copy + Default>(values: &[T], panel: usize) -> [T; WIDTH] {
    let values = &values[panel * WIDTH..];
    if let Some(whole) = values.first_chunk() {
        return *whole;
    }
    let mut padded = [T::default(); WIDTH];
    padded[..values.len()].copy_from_slice(values);
    padded
}
