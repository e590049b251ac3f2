//! TCAS in floating point, fast: the double sum over tokens is taken on whichever side of R is
//! smaller. For means over random permutations, which need no last bit.
//!
//! With `p_i[a][b] = r_ia r_ib`, `sum_{i != j} C_ij^2 = sum_ab sum_{i != j} p_i[a][b] p_j[a][b]`,
//! and the inner sum is twice the sum of each `p_i` times the sum of the `p` before it. That costs
//! `K * classes^2` steps instead of `K^2 * classes`, and as every term is non-negative nothing
//! cancels.

use alloc::vec;
use alloc::vec::Vec;

use crate::TokenClassCounts;

/// Classes whose running sums are kept at once: with 1000 classes they fill 64 KiB, so each row of
/// `r` is fetched from memory once for eight classes rather than once for each.
const CLASS_BLOCK: usize = 8;

/// [`TokenClassCounts::tcas`] to a few parts in 10^13, `None` when there is no patch.
pub(crate) fn tcas(counts: &TokenClassCounts) -> Option<f64> {
    let classes = counts.classes();
    let r = row_distributions(counts);
    let tokens = r.len() / classes;
    if tokens == 0 {
        return None;
    }
    let l1 = tokens as f64;
    let diagonal: f64 = r
        .chunks_exact(classes)
        .map(|row| 1.0 - dot(row, row))
        .map(|impurity| impurity * impurity)
        .sum();
    let off_diagonal = if classes < tokens {
        off_diagonal_by_classes(&r, classes)
    } else {
        off_diagonal_by_tokens(&r, classes)
    };
    Some(diagonal / l1 + off_diagonal / (l1 * l1))
}

/// `r`: the rows with a patch, each divided by its sum. Row-major `[l1, classes]`.
pub(crate) fn row_distributions(counts: &TokenClassCounts) -> Vec<f64> {
    let mut r = Vec::with_capacity(counts.used_tokens() * counts.classes());
    for row in counts.rows() {
        let sum: u64 = row.iter().sum();
        if sum > 0 {
            r.extend(row.iter().map(|&count| count as f64 / sum as f64));
        }
    }
    r
}

/// `sum_{i != j} C_ij^2` from the pairs of rows.
fn off_diagonal_by_tokens(r: &[f64], classes: usize) -> f64 {
    let mut sum = 0.0;
    for (i, row) in r.chunks_exact(classes).enumerate() {
        let mut row_sum = 0.0;
        for earlier in r.chunks_exact(classes).take(i) {
            let c = dot(row, earlier);
            row_sum += c * c;
        }
        sum += row_sum;
    }
    2.0 * sum
}

/// The same from the pairs of classes, as the module describes.
fn off_diagonal_by_classes(r: &[f64], classes: usize) -> f64 {
    let mut sum = 0.0;
    let mut before = vec![0.0; CLASS_BLOCK * classes];
    for first in (0..classes).step_by(CLASS_BLOCK) {
        before.fill(0.0);
        let mut block_sum = 0.0;
        for row in r.chunks_exact(classes) {
            for (a, before) in (first..classes).zip(before.chunks_exact_mut(classes)) {
                if row[a] > 0.0 {
                    // The pair (a, b) stands for (b, a) too, so only a = b counts once.
                    let same = row[a] * row[a];
                    block_sum += same * before[a] + 2.0 * accumulate(row[a], row, before, a + 1);
                    before[a] += same;
                }
            }
        }
        sum += block_sum;
    }
    2.0 * sum
}

/// Sums `p_b * before_b` for `p_b = scale * row_b` and `b >= from`, and adds each `p_b` to
/// `before_b`.
fn accumulate(scale: f64, row: &[f64], before: &mut [f64], from: usize) -> f64 {
    let mut lanes = [0.0; 4];
    let mut rows = row[from..].chunks_exact(4);
    let mut sums = before[from..].chunks_exact_mut(4);
    for (row, before) in (&mut rows).zip(&mut sums) {
        for lane in 0..4 {
            let p = scale * row[lane];
            lanes[lane] += p * before[lane];
            before[lane] += p;
        }
    }
    let mut sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    for (value, before) in rows.remainder().iter().zip(sums.into_remainder()) {
        let p = scale * value;
        sum += p * *before;
        *before += p;
    }
    sum
}

/// Inner product, in four lanes.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = a4
        .remainder()
        .iter()
        .zip(b4.remainder())
        .map(|(x, y)| x * y)
        .sum();
    let mut lanes = [0.0; 4];
    for (x, y) in a4.zip(b4) {
        for lane in 0..4 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    tail + (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

#[cfg(test)]
mod tests {
    use super::tcas;
    use crate::{TokenClassCounts, reference};
    use alloc::vec::Vec;

    /// More tokens than classes, as many, fewer; widths that are no multiple of a lane or block.
    #[test]
    fn both_sides_agree_with_the_definition() {
        for (tokens, classes) in [(1, 1), (3, 1), (1, 5), (65, 9), (19, 19), (7, 41), (90, 17)] {
            let cell = |token: usize, class: usize| match (token * 7919 + class * 104_729) % 97 {
                share if token % 5 == 3 || share < 40 => 0,
                share => share as u64,
            };
            let rows: Vec<Vec<u64>> = (0..tokens)
                .map(|token| (0..classes).map(|class| cell(token, class)).collect())
                .collect();
            let counts = TokenClassCounts::from_rows(&rows).unwrap();
            match (tcas(&counts), reference::tcas(&counts)) {
                (Some(fast), Some(slow)) => assert!((fast - slow).abs() < 1e-12, "{fast} {slow}"),
                (fast, slow) => assert_eq!(fast, slow),
            }
        }
    }
}
