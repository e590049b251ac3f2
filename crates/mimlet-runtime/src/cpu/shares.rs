//! How an image's rows are shared out: blocks that fit a core's cache, about as many rows for each
//! thread.

use core::ops::Range;

/// Rows of a block: multiples of 16, the keys of a panel.
const SIZES: [usize; 7] = [208, 112, 96, 64, 48, 32, 16];

/// What a block costs besides its rows, in rows: reading all weights once more.
const BLOCK_COST: usize = 4;

/// The rows of a block for `tokens` rows on `threads` threads: the size that leaves least to the
/// busiest thread, the larger of equals.
pub(super) fn block_rows(tokens: usize, threads: usize) -> usize {
    let busiest = |rows: usize| {
        let work = |worker| {
            let share = worker_rows(tokens, rows, threads, worker).len();
            share + share.div_ceil(rows) * BLOCK_COST
        };
        (0..threads).map(work).max()
    };
    // The first of equal minima: SIZES are in falling order.
    let best = SIZES.into_iter().min_by_key(|&rows| busiest(rows));
    best.unwrap_or(16)
}

/// The rows of a worker: whole blocks, as even as they allow.
pub(super) fn worker_rows(
    tokens: usize,
    block_rows: usize,
    threads: usize,
    worker: usize,
) -> Range<usize> {
    // Cut where the rows up to there are nearest to an equal share.
    let end = |workers: usize| {
        let blocks = (tokens * workers + block_rows * threads / 2) / (block_rows * threads);
        if workers == threads {
            tokens
        } else {
            (blocks * block_rows).min(tokens)
        }
    };
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
                most * threads < 197 * 9 / 8,
                "{threads}: {most} in blocks of {rows}"
            );
        }
    }
}
