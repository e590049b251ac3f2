//! Exact products of bytes, four inputs at a time: VNNI's `vpdpbusd`, Arm's `sdot`.

use super::lanes16::{IntegerSink, Integers16, Place};
use super::nibble_tile::Nibbles;
use super::tile::{by_height, opaque};
use core::array::from_fn;

/// How a machine multiplies quads.
pub(super) trait Quads {
    /// Sixteen sums in registers.
    type Sums: Integers16;
    /// Sixteen quads of weights in registers.
    type Weights: Copy;
    /// The quads of weights of sixteen channels.
    fn weights(from: &[i8; 64]) -> Self::Weights;
    /// Adds to each lane the four products of its quad with the bytes of `quad`, the first lowest.
    /// `NIBBLES` are weights from 0 to 15, and meet signed bytes; others are signed, and meet bytes as
    /// the machine [takes them](super::Bytes).
    fn add_products<const NIBBLES: bool>(
        sums: Self::Sums,
        quad: u32,
        weights: Self::Weights,
    ) -> Self::Sums;

    /// Adds the products of each row with each panel's columns to their sums.
    ///
    /// # Safety
    /// The machine must have the instructions of the type; the panels must have as many columns as
    /// each other, and rows at least as many quads.
    #[inline(always)]
    unsafe fn add_columns<const NIBBLES: bool, const R: usize, const P: usize>(
        rows: [*const u32; R],
        columns: [&[[i8; 64]]; P],
        sums: &mut [[Self::Sums; P]; R],
    ) {
        // SAFETY: the caller's promise.
        unsafe { add_one_by_one::<Self, NIBBLES, R, P>(rows, columns, 0, sums) }
    }
}

/// Adds the products with columns `from..`, a quad at a time.
///
/// # Safety
/// As of [`Quads::add_columns`].
#[inline(always)]
pub(super) unsafe fn add_one_by_one<
    Q: Quads + ?Sized,
    const NIBBLES: bool,
    const R: usize,
    const P: usize,
>(
    rows: [*const u32; R],
    columns: [&[[i8; 64]]; P],
    from: usize,
    sums: &mut [[Q::Sums; P]; R],
) {
    for index in from..columns[0].len() {
        // SAFETY: the caller promises as many columns and quads.
        unsafe {
            let mut weights = [Q::weights(columns[0].get_unchecked(index)); P];
            for (weights, columns) in weights.iter_mut().zip(columns).skip(1) {
                *weights = Q::weights(columns.get_unchecked(index));
            }
            for r in 0..R {
                let quad = *rows[r].add(index);
                for p in 0..P {
                    sums[r][p] = Q::add_products::<NIBBLES>(sums[r][p], quad, weights[p]);
                }
            }
        }
    }
}

/// Groups of 4-bit weights as quads.
pub(super) struct ByQuads<Q>(core::marker::PhantomData<Q>);

impl<Q: Quads> Nibbles for ByQuads<Q> {
    type Sums = Q::Sums;

    #[inline(always)]
    unsafe fn add_group<const R: usize>(
        rows: [*const u32; R],
        weights: &[[u8; 64]],
        sums: &mut [Q::Sums; R],
    ) {
        let mut one_panel = sums.map(|sums| [sums]);
        // SAFETY: the caller promises the instructions; rows are as long as `weights`.
        unsafe {
            Q::add_columns::<true, R, 1>(rows, [bytemuck::cast_slice(weights)], &mut one_panel);
        }
        *sums = one_panel.map(|[sums]| sums);
    }
}

/// The quads `[16][4]` of two times four inputs as octets `[16][8]`: each channel's eight side by side.
#[inline(always)]
pub(crate) fn interleaved<T: Copy>(quads: [[T; 64]; 2]) -> [[T; 64]; 2] {
    let mut octets = quads;
    let channels = octets.as_flattened_mut().as_chunks_mut::<8>().0;
    let [first, second] = &quads;
    let quads = first
        .as_chunks::<4>()
        .0
        .iter()
        .zip(second.as_chunks::<4>().0);
    for (octet, (first, second)) in channels.iter_mut().zip(quads) {
        octet[..4].copy_from_slice(first);
        octet[4..].copy_from_slice(second);
    }
    octets
}

/// What the words of signed bytes are combined with, exclusively, to make them unsigned: 128 is added
/// to each byte.
pub(crate) const UNSIGNED: u32 = 0x8080_8080;

/// Quantised rows as [`crate::quantize_rows`] writes them: words of four bytes, then the scale and
/// the zero point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteRows<'a> {
    words: &'a [u32],
    stride: usize,
    quads: usize,
}

impl<'a> ByteRows<'a> {
    /// Rows of `stride` words, the last two of which are the bits of the scale and the zero point.
    pub(crate) fn new(words: &'a [u32], stride: usize) -> Self {
        Self {
            words,
            stride,
            quads: stride - 2,
        }
    }

    /// The same rows `stride` words apart in `room`, without scales and zero points, their words
    /// with the bits of `flipped` turned.
    #[inline(always)]
    pub(crate) fn apart<'r>(
        &self,
        stride: usize,
        flipped: u32,
        room: &'r mut [u32],
    ) -> ByteRows<'r> {
        let room = &mut room[..self.count() * stride];
        for (row, words) in room.chunks_exact_mut(stride).enumerate() {
            for (word, &quad) in words.iter_mut().zip(self.quads(row)) {
                *word = quad ^ flipped;
            }
        }
        ByteRows {
            words: room,
            stride,
            quads: self.quads,
        }
    }

    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.words.len() / self.stride
    }

    /// Quads of a row.
    pub(crate) fn len(&self) -> usize {
        self.quads
    }

    /// Words from a row to the next.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The bytes of a row, four a word.
    #[inline(always)]
    pub(crate) fn quads(&self, row: usize) -> &'a [u32] {
        &self.words[row * self.stride..][..self.quads]
    }

    /// The scale of a row.
    #[inline(always)]
    pub(crate) fn scale(&self, row: usize) -> f32 {
        f32::from_bits(self.words[(row + 1) * self.stride - 2])
    }

    /// The zero point of a row.
    #[inline(always)]
    pub(crate) fn zero_point(&self, row: usize) -> i32 {
        self.words[(row + 1) * self.stride - 1].cast_signed()
    }
}

/// Gives `sink` the products of each row with each panel `[quads][16][4]`. Tiles are `H` rows high and
/// `P` panels wide.
///
/// # Safety
/// The machine must have the instructions of `Q`.
#[inline(always)]
pub(super) unsafe fn products<Q: Quads, const H: usize, const P: usize>(
    x: ByteRows<'_>,
    panels: &[[i8; 64]],
    sink: &mut impl IntegerSink,
) {
    let count = panels.len() / x.len();
    let mut panel = 0;
    while panel + P <= count {
        // SAFETY: the caller's promise.
        by_height!(H, x.count(), |row, R| unsafe {
            tile::<Q, R, P>(x, panels, [row, panel], sink)
        });
        panel += P;
    }
    while panel < count {
        // SAFETY: as above.
        by_height!(H, x.count(), |row, R| unsafe {
            tile::<Q, R, 1>(x, panels, [row, panel], sink)
        });
        panel += 1;
    }
}

#[inline(always)]
pub(super) unsafe fn tile<Q: Quads, const R: usize, const P: usize>(
    x: ByteRows<'_>,
    panels: &[[i8; 64]],
    [row, panel]: [usize; 2],
    sink: &mut impl IntegerSink,
) {
    let quads = x.quads(row).len();
    let rows: [*const u32; R] = from_fn(|r| opaque(x.quads(row + r).as_ptr()));
    let columns: [&[[i8; 64]]; P] = from_fn(|p| &panels[(panel + p) * quads..][..quads]);
    // SAFETY: the caller promises the instructions; rows and columns are `quads` long.
    unsafe {
        let mut sums = [[Q::Sums::splat(0); P]; R];
        Q::add_columns::<false, R, P>(rows, columns, &mut sums);
        let place = Place {
            row,
            rows: R,
            panel,
        };
        sink.write::<_, P>(place, |r| sums[r]);
    }
}
