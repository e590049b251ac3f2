//! Owned bytes that start at a multiple of 64, as tensors used in place need.

use crate::header::ALIGNMENT;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// One cache line. `ALIGNMENT` cannot stand in the attribute; the assertion below ties them.
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; ALIGNMENT]);

const _: () = assert!(align_of::<Line>() == ALIGNMENT && size_of::<Line>() == ALIGNMENT);

/// Bytes whose first one lies at a multiple of [`ALIGNMENT`] in memory.
///
/// ```
/// use mimlet_format::AlignedBytes;
/// let bytes = AlignedBytes::from(vec![1, 2, 3]);
/// assert_eq!(&bytes[..], [1, 2, 3]);
/// assert_eq!(bytes.as_ptr().addr() % 64, 0);
/// ```
#[derive(Clone, Default)]
pub struct AlignedBytes {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedBytes {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let lines = alloc::vec![Line([0; ALIGNMENT]); len.div_ceil(ALIGNMENT)];
        Self { lines, len }
    }
}

impl From<&[u8]> for AlignedBytes {
    fn from(bytes: &[u8]) -> Self {
        let mut aligned = Self::zeroed(bytes.len());
        aligned.copy_from_slice(bytes);
        aligned
    }
}

impl From<Vec<u8>> for AlignedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(&bytes[..])
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBytes")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Includes a file in the program as `&'static [u8]` that starts at a multiple of 64, so that
/// [`Model::parse`](crate::Model::parse) can use a model where it lies in flash. The path is as for
/// [`include_bytes!`].
///
/// ```
/// static BYTES: &[u8] =
///     mimlet_format::include_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/FORMAT.md"));
/// assert_eq!(BYTES.as_ptr().addr() % 64, 0);
/// assert!(BYTES.starts_with(b"# The .mim file"));
/// ```
#[macro_export]
macro_rules! include_aligned {
    ($($path:tt)+) => {{
        #[repr(C, align(64))]
        struct Aligned<T: ?Sized>(T);
        static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!($($path)+));
        &FILE.0
    }};
}
