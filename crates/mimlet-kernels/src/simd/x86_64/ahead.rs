//! Weights on their way from memory while others are multiplied.

use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

/// `columns` in `count` parts, about as long as each other.
pub(super) fn parts<C>(columns: &[C], count: usize) -> impl Iterator<Item = &[C]> {
    let end = move |part: usize| columns.len() * part / count;
    (0..count).map(move |part| &columns[end(part)..end(part + 1)])
}

/// Has weights come from memory while others are multiplied.
#[inline(always)]
pub(super) fn prefetch(columns: &[[i8; 64]]) {
    for column in columns {
        // SAFETY: a hint, of an address that exists.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(column.as_ptr()) };
    }
}
