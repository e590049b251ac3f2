//! Normalised mutual information between tokens and classes.

use alloc::vec;

use crate::TokenClassCounts;

impl TokenClassCounts {
    /// Normalised mutual information between token and class over the patches, 0..=1, higher is
    /// better; `None` when there is no patch.
    ///
    /// `I(token; class)` divided by the arithmetic mean of the two entropies, the default of
    /// scikit-learn's `normalized_mutual_info_score`; like there, a single token over a single
    /// class gives 1.
    pub fn nmi(&self) -> Option<f64> {
        if self.patches() == 0 {
            return None;
        }
        let mut class_sums = vec![0u64; self.classes()];
        for row in self.rows() {
            for (sum, count) in class_sums.iter_mut().zip(row) {
                *sum += count;
            }
        }
        let total = self.patches() as f64;
        let class_entropy = entropy(class_sums.iter().copied(), total);
        let token_entropy = entropy(self.rows().map(|row| row.iter().sum()), total);
        let mean_entropy = 0.5 * (class_entropy + token_entropy);
        if mean_entropy == 0.0 {
            return Some(1.0);
        }
        Some((self.mutual_information(&class_sums) / mean_entropy).clamp(0.0, 1.0))
    }

    /// `sum_ij p_ij ln(p_ij / (p_i p_j))`, in nats.
    fn mutual_information(&self, class_sums: &[u64]) -> f64 {
        let total = self.patches() as f64;
        let mut information = 0.0;
        for row in self.rows() {
            let token_share = row.iter().sum::<u64>() as f64 / total;
            for (&count, &class_sum) in row.iter().zip(class_sums) {
                if count > 0 {
                    let joint = count as f64 / total;
                    let independent = token_share * (class_sum as f64 / total);
                    information += joint * libm::log(joint / independent);
                }
            }
        }
        information
    }
}

/// `-sum p ln p` of the shares `counts / total`, in nats.
fn entropy(counts: impl Iterator<Item = u64>, total: f64) -> f64 {
    counts
        .filter(|&count| count > 0)
        .map(|count| count as f64 / total)
        .map(|share| -share * libm::log(share))
        .sum()
}
