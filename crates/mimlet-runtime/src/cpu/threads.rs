//! Shares rows out among threads. Every row is computed the same way whoever computes it, so the
//! number of threads never changes a result.

/// Rows are handed out in multiples of this, the height of the kernels' register tiles.
const TILE_ROWS: usize = 6;

/// More threads than this are not used.
const MAX_THREADS: usize = 64;

/// A pool of threads, or just the caller's.
#[derive(Debug)]
pub(super) struct Threads {
    count: usize,
    #[cfg(feature = "std")]
    pool: Option<rayon::ThreadPool>,
}

impl Threads {
    /// `count` threads, at least 1. Falls back to the caller's thread when the system has no more to
    /// give.
    #[cfg(feature = "std")]
    pub(super) fn new(count: usize) -> Self {
        let count = count.min(MAX_THREADS);
        let build = || {
            rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .build()
                .ok()
        };
        let pool = (count > 1).then(build).flatten();
        Self {
            count: pool.as_ref().map_or(1, |_| count),
            pool,
        }
    }

    /// The caller's thread.
    #[cfg(not(feature = "std"))]
    pub(super) fn new(_count: usize) -> Self {
        Self { count: 1 }
    }

    /// Number of threads.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Runs `f` on a thread of the pool.
    pub(super) fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        #[cfg(feature = "std")]
        if let Some(pool) = &self.pool {
            return pool.install(f);
        }
        f()
    }

    /// Calls `f(first_row, rows)` for each thread's share of the rows of `data`.
    pub(super) fn rows<T: Send>(
        &self,
        data: &mut [T],
        row_len: usize,
        f: impl Fn(usize, &mut [T]) + Sync,
    ) {
        self.rows_with(
            data,
            row_len,
            &mut [(); MAX_THREADS],
            1,
            |first, rows, _| f(first, rows),
        );
    }

    /// As [`Threads::rows`], with `scratch_len` items of scratch of its own for each share.
    pub(super) fn rows_with<T: Send, S: Send>(
        &self,
        data: &mut [T],
        row_len: usize,
        scratch: &mut [S],
        scratch_len: usize,
        f: impl Fn(usize, &mut [T], &mut [S]) + Sync,
    ) {
        let rows = data
            .len()
            .div_ceil(row_len)
            .div_ceil(self.count)
            .next_multiple_of(TILE_ROWS);
        #[cfg(feature = "std")]
        if self.pool.is_some() {
            use rayon::iter::{IndexedParallelIterator, ParallelIterator};
            use rayon::slice::ParallelSliceMut;
            return data
                .par_chunks_mut(rows * row_len)
                .zip(scratch.par_chunks_mut(scratch_len))
                .enumerate()
                .for_each(|(index, (data, scratch))| f(index * rows, data, scratch));
        }
        let shares = data
            .chunks_mut(rows * row_len)
            .zip(scratch.chunks_mut(scratch_len));
        for (index, (data, scratch)) in shares.enumerate() {
            f(index * rows, data, scratch);
        }
    }
}
