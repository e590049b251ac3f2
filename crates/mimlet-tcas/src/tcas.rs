//! TCAS in whole numbers: one value, whoever computes it and in whatever order.
//!
//! Each share and impurity is rounded down to a multiple of a small unit, by operations of which
//! IEEE 754 defines every bit. From there all sums and products are of integers, so they are exact
//! and have no order, and the score is rounded once at its end. `sql/tcas.sql` does the same steps
//! on a SQL engine and so gives the same bits.
//!
//! With `p_i[a][b] = r_ia r_ib`, `sum_{i != j} C_ij^2 = sum_ab ((sum_i p_i[a][b])^2 - sum_i
//! p_i[a][b]^2)`: over pairs of classes, of which there are mostly fewer than pairs of tokens. The
//! difference is exact too, so pure tokens of distinct classes give exactly 0.

use alloc::vec;

use crate::TokenClassCounts;
use crate::floating::row_distributions;

/// Units in a product of two shares: 2^45. With it `C_ij^2` is at most 2^-44 too small.
const SHARE_UNITS: f64 = (1u64 << 45) as f64;

/// Units in an impurity: 2^52.
const IMPURITY_UNITS: f64 = (1u64 << 52) as f64;

/// Used tokens up to which the sums fit 126 bits, as much as 38 decimal digits hold: 2^18. For more
/// tokens the units are coarser.
const MOST_TOKENS: usize = 1 << 18;

/// Classes whose sums are kept at once: with 1000 classes they fill 64 KiB, so each row of `r` is
/// fetched from memory once for eight classes rather than once for each.
const CLASS_BLOCK: usize = 8;

impl TokenClassCounts {
    /// Token-Class Alignment Similarity, lower is better; `None` when there is no patch.
    ///
    /// `r` is R without its empty rows, each row divided by its sum; `C = r r^T`; `l1` the rows
    /// left. `TCAS = (1/l1) sum_i (1 - C_ii)^2 + (1/l1^2) sum_{i != j} C_ij^2`, to 1e-13. Exactly 0
    /// when each used token belongs to one class and no two share one. The value depends on the
    /// counts alone, bit for bit: neither on the names of tokens and classes nor on who adds up
    /// what first. `TCAS.md` gives the choice of normalisation, what to compare with, and the SQL
    /// query that computes the same.
    ///
    /// Time grows with `tokens * classes^2`.
    pub fn tcas(&self) -> Option<f64> {
        let r = row_distributions(self);
        let tokens = r.len() / self.classes();
        if tokens == 0 {
            return None;
        }
        let coarser = tokens.div_ceil(MOST_TOKENS).next_power_of_two() as f64;
        let (shares, impurities) = (SHARE_UNITS / coarser, IMPURITY_UNITS / coarser);
        let impurity: u128 = self
            .rows()
            .map(|row| u128::from((impurity(row) * impurities) as u64))
            .map(|units| units * units)
            .sum();
        let overlap = overlap(&r, self.classes(), shares);
        let l1 = tokens as f64;
        let impurity = impurity as f64 / impurities / impurities;
        let overlap = overlap as f64 / shares / shares;
        Some(impurity / l1 + overlap / (l1 * l1))
    }
}

/// `1 - C_ii`: the chance that two patches of a token come from different classes. No difference of
/// large numbers, so a single stray patch shows. 0 for an empty row.
fn impurity(row: &[u64]) -> f64 {
    let sum: u64 = row.iter().sum();
    let different: u128 = row
        .iter()
        .map(|&count| u128::from(count) * u128::from(sum - count))
        .sum();
    different as f64 / (sum.max(1) as f64 * sum.max(1) as f64)
}

/// `sum_{i != j} C_ij^2` in units of `1 / units^2`, as the module describes.
fn overlap(r: &[f64], classes: usize, units: f64) -> u128 {
    let (mut of_sums, mut of_parts) = (0, 0);
    let mut sums = vec![0u64; CLASS_BLOCK * classes];
    for first in (0..classes).step_by(CLASS_BLOCK) {
        sums.fill(0);
        for row in r.chunks_exact(classes) {
            for (a, sums) in (first..classes).zip(sums.chunks_exact_mut(classes)) {
                if row[a] > 0.0 {
                    of_parts += both_ways(add_products(&row[a..], units, &mut sums[a..]));
                }
            }
        }
        for (a, sums) in (first..classes).zip(sums.chunks_exact(classes)) {
            let square = |&sum: &u64| u128::from(sum) * u128::from(sum);
            let rest = sums[a + 1..].iter().map(square).sum();
            of_sums += both_ways((square(&sums[a]), rest));
        }
    }
    of_sums - of_parts
}

/// A pair of classes (a, b) stands for (b, a) too, so only a = b counts once.
fn both_ways((same, others): (u128, u128)) -> u128 {
    same + 2 * others
}

/// Adds `r_a r_b`, in units, to the sum of each class b from a on. Gives the square of the first
/// product, and the sum of the squares of the others.
fn add_products(row: &[f64], units: f64, sums: &mut [u64]) -> (u128, u128) {
    /// Squares of 46 bits that may be added in 64.
    const CHUNK: usize = 1 << 12;
    /// Half of the bits of a product.
    const HALF: u32 = 23;
    // The units are a power of two, so this is the product rounded to the same bits.
    let scale = row[0] * units;
    let own = whole(scale * row[0]);
    sums[0] += own;
    let mut squares = 0;
    for (row, sums) in row[1..].chunks(CHUNK).zip(sums[1..].chunks_mut(CHUNK)) {
        let (mut high, mut mixed, mut low) = (0, 0, 0);
        for (share, sum) in row.iter().zip(sums) {
            let product = whole(scale * share);
            *sum += product;
            // Two halves, so that the squares fit 64 bits and several are made at once.
            let halves = [product >> HALF, product & ((1 << HALF) - 1)];
            high += halves[0] * halves[0];
            mixed += halves[0] * halves[1];
            low += halves[1] * halves[1];
        }
        squares +=
            (u128::from(high) << (2 * HALF)) + (u128::from(mixed) << (HALF + 1)) + u128::from(low);
    }
    (u128::from(own) * u128::from(own), squares)
}

/// `x` without its fraction, for `x` in `0..=2^51`. Adding 2^52 leaves no bits for a fraction, and
/// unlike a cast compilers do it to several numbers at once.
fn whole(x: f64) -> u64 {
    const SHIFT: f64 = (1u64 << 52) as f64;
    let shifted = x + SHIFT;
    let rounded_up = shifted - SHIFT > x;
    shifted.to_bits() - SHIFT.to_bits() - u64::from(rounded_up)
}

#[cfg(test)]
mod tests {
    use super::{MOST_TOKENS, overlap, whole};
    use crate::TokenClassCounts;
    use alloc::vec::Vec;

    #[test]
    fn whole_is_the_cast() {
        let below = |x: f64| f64::from_bits(x.to_bits() - 1);
        let units = (1u64 << 45) as f64;
        for x in [0.0, 5e-324, 0.5, 1.0, 1.5, 2.5, 7.75, units / 3.0, units] {
            for x in [x, below(x.max(1.0)), x + 0.5] {
                assert_eq!(whole(x), x as u64, "{x}");
            }
        }
    }

    /// Shares of 1, of a few units and of less than one; more classes than a block and a lane.
    #[test]
    fn overlap_is_the_sum_written_out() {
        let classes = 21;
        let units = (1u64 << 45) as f64;
        let share = |i: usize| match i % 11 {
            0 => 1.0,
            1..=4 => 0.0,
            5 => 1e-7 * i as f64,
            _ => (i % 13) as f64 / 31.0,
        };
        let r: Vec<f64> = (0..classes * 9).map(share).collect();
        let mut expected = 0;
        for a in 0..classes {
            for b in 0..classes {
                let parts = r
                    .chunks(classes)
                    .map(|row| ((row[a] * row[b]) * units) as u128);
                let sum: u128 = parts.clone().sum();
                expected += sum * sum - parts.map(|part| part * part).sum::<u128>();
            }
        }
        assert_eq!(overlap(&r, classes, units), expected);
    }

    /// All tokens in one class, `l1 - 1` of `l1` in the second term: the largest sums there are.
    #[test]
    fn no_number_of_tokens_overflows() {
        for tokens in [MOST_TOKENS, MOST_TOKENS + 1, 1 << 22] {
            let rows: Vec<[u64; 1]> = (0..tokens).map(|_| [1]).collect();
            let tcas = TokenClassCounts::from_rows(&rows).unwrap().tcas().unwrap();
            assert!((tcas - (1.0 - 1.0 / tokens as f64)).abs() < 1e-12);
        }
    }
}
