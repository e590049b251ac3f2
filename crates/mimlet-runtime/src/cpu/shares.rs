//! How an image's rows are shared out: blocks that fit a core's cache, about as many rows for each
//! thread.

use core::ops::Range;

/// Most rows of a block: more would not stay in a core's cache.
const MOST: usize = 208;

/// The rows of a block for `tokens` rows on `threads` threads: each has as many blocks, and as few as
/// can be, for each block reads all weights once more.
pub(super) fn block_rows(tokens: usize, threads: usize) -> usize {
    let share = tokens.div_ceil(threads);
    share.div_ceil(share.div_ceil(MOST))
}

/// The rows of a worker: whole blocks, as even as they allow.
pub(super) fn worker_rows(
    tokens: usize,
    block_rows: usize,
    threads: usize,
    worker: usize,
) -> Range<usize> {
    let blocks = tokens.div_ceil(block_rows);
    let end = |workers: usize| (blocks * workers / threads * block_rows).min(tokens);
    end(worker)..end(worker + 1)
}

#[cfg(test)]
mod tests {
    use super::{block_rows, worker_rows};

    #[test]
    fn shares_are_whole_blocks_and_cover_the_rows() {
        for tokens in 1..420 {
            for threads in 1..10 {
                let rows = block_rows(tokens, threads);
                let mut next = 0;
                for worker in 0..threads {
                    let share = worker_rows(tokens, rows, threads, worker);
                    assert_eq!(share.start, next, "{tokens} {threads}");
                    assert!(share.start.is_multiple_of(rows) || share.is_empty());
                    next = share.end;
                }
                assert_eq!(next, tokens);
            }
        }
    }

    #[test]
    fn the_busiest_of_few_threads_has_little_more_than_its_part() {
        for threads in 1..5 {
            let rows = block_rows(197, threads);
            let share = |worker| worker_rows(197, rows, threads, worker).len();
            let most = (0..threads).map(share).max().unwrap();
            assert!(
                most * threads < 197 + threads,
                "{threads}: {most} in blocks of {rows}"
            );
        }
    }
}
