//! TCAS as its definition reads, for tests and for readers. Slow: `K^2 * classes` steps.

use alloc::vec::Vec;

use crate::TokenClassCounts;

/// `(1/l1) sum_i (1 - C_ii)^2 + (1/l1^2) sum_{i != j} C_ij^2` with `C = r r^T`, where `r` is the
/// count matrix without its empty rows, each row divided by its sum, and `l1` the rows left.
/// `None` when there is no patch.
pub fn tcas(counts: &TokenClassCounts) -> Option<f64> {
    let r: Vec<Vec<f64>> = counts
        .rows()
        .map(|row| (row, row.iter().sum::<u64>() as f64))
        .filter(|&(_, sum)| sum > 0.0)
        .map(|(row, sum)| row.iter().map(|&count| count as f64 / sum).collect())
        .collect();
    if r.is_empty() {
        return None;
    }
    let l1 = r.len() as f64;
    let (mut diagonal, mut off_diagonal) = (0.0, 0.0);
    for (i, a) in r.iter().enumerate() {
        for (j, b) in r.iter().enumerate() {
            let c: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
            if i == j {
                diagonal += (1.0 - c) * (1.0 - c);
            } else {
                off_diagonal += c * c;
            }
        }
    }
    Some(diagonal / l1 + off_diagonal / (l1 * l1))
}
