//! The vectors that lie farthest from their centroids: where empty clusters are put.

use std::cmp::Ordering;

/// A vector and how badly its centroid serves it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Squared distance to its centroid.
    pub(super) distance: f64,
    /// Which vector of the whole set.
    pub(super) row: usize,
    /// Its cluster.
    pub(super) token: u32,
}

impl Candidate {
    /// Farthest first, then the lower row: an order without ties.
    pub(super) fn rank(&self, other: &Self) -> Ordering {
        let by_distance = other.distance.total_cmp(&self.distance);
        by_distance.then(self.row.cmp(&other.row))
    }
}

/// The `limit` farthest candidates of all that were offered.
#[derive(Debug)]
pub(super) struct Farthest {
    limit: usize,
    kept: Vec<Candidate>,
    /// Nothing nearer can be among them.
    least: f64,
}

impl Farthest {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: Vec::new(),
            least: 0.0,
        }
    }

    pub(super) fn offer(&mut self, candidate: Candidate) {
        if candidate.distance < self.least {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() >= 2 * self.limit + 64 {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.kept.len() > self.limit {
            self.kept
                .select_nth_unstable_by(self.limit - 1, Candidate::rank);
            self.kept.truncate(self.limit);
            self.least = self.kept[self.limit - 1].distance;
        }
    }

    /// The farthest `count`, in order.
    pub(super) fn into_first(mut self, count: usize) -> Vec<Candidate> {
        self.kept.sort_unstable_by(Candidate::rank);
        self.kept.truncate(count.min(self.limit));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn keeps_what_sorting_everything_keeps() {
        let mut random = Stream::new(&[5]);
        let all: Vec<Candidate> = (0..3000)
            .map(|row| Candidate {
                distance: random.below(500) as f64,
                row,
                token: 0,
            })
            .collect();
        let mut sorted = all.clone();
        sorted.sort_by(Candidate::rank);
        for limit in [1, 7, 100] {
            let mut farthest = Farthest::new(limit);
            all.iter().for_each(|&candidate| farthest.offer(candidate));
            assert_eq!(farthest.into_first(limit), sorted[..limit]);
        }
    }
}
