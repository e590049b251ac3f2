//! A window of images, and what it looks like.

use alloc::vec;
use alloc::vec::Vec;

/// The images since the last report, in fixed memory: how often each token occurred, and each image's
/// distance.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftWindow {
    counts: Vec<u32>,
    tokens: u64,
    /// Room for a window, never outgrown.
    distances: Vec<f32>,
}

/// What a window looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftFigures {
    /// Jensen-Shannon divergence of its tokens from the reference, bits, 0..1 (Lin 1991, "Divergence
    /// measures based on the Shannon entropy").
    pub divergence: f64,
    /// Two to the entropy of its tokens in bits: how many tokens are in use, unevenly used ones
    /// counting less.
    pub perplexity: f64,
    /// Median of its images' distances. NaN when one of them is.
    pub median_distance: f64,
    /// 90th percentile of its images' distances. NaN when one of them is.
    pub high_distance: f64,
}

impl DriftWindow {
    /// An empty window for a codebook of `tokens` centroids, with room for `images`.
    #[must_use]
    pub fn new(tokens: usize, images: usize) -> Self {
        Self {
            counts: vec![0; tokens],
            tokens: 0,
            distances: Vec::with_capacity(images),
        }
    }

    /// Adds an image: its tokens, and its distance.
    ///
    /// # Panics
    /// When a token is beyond the codebook.
    pub fn push(&mut self, tokens: &[u32], distance: f32) {
        for &token in tokens {
            self.counts[token as usize] += 1;
        }
        self.tokens += tokens.len() as u64;
        self.distances.push(distance);
    }

    /// Images in it.
    #[must_use]
    pub fn images(&self) -> usize {
        self.distances.len()
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.tokens = 0;
        self.distances.clear();
    }

    /// What it looks like beside the reference's token frequencies. Its distances are sorted by that.
    ///
    /// # Panics
    /// When there are not as many frequencies as tokens, or no image.
    pub fn figures(&mut self, reference: &[f64]) -> DriftFigures {
        assert_eq!(reference.len(), self.counts.len(), "another codebook's");
        let (mut mixed, mut own, mut theirs) = (0.0, 0.0, 0.0);
        for (&count, &q) in self.counts.iter().zip(reference) {
            let p = f64::from(count) / self.tokens as f64;
            mixed += surprise((p + q) / 2.0);
            own += surprise(p);
            theirs += surprise(q);
        }
        // A NaN would be sorted to an end, out of the percentiles' sight.
        let broken = self.distances.iter().any(|distance| distance.is_nan());
        self.distances.sort_unstable_by(f32::total_cmp);
        let last = self.distances.len() - 1;
        let at = |percent: usize| {
            let rank = ((last + 1) * percent).div_ceil(100).max(1);
            if broken {
                f64::NAN
            } else {
                self.distances[rank - 1].into()
            }
        };
        DriftFigures {
            // Rounding may leave equals a hair below 0.
            divergence: (mixed - (own + theirs) / 2.0).max(0.0),
            perplexity: libm::exp2(own),
            median_distance: at(50),
            high_distance: at(90),
        }
    }
}

/// A frequency's part of an entropy, bits.
fn surprise(p: f64) -> f64 {
    if p > 0.0 { -p * libm::log2(p) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::DriftWindow;

    #[test]
    fn figures_are_those_of_the_formulas() {
        let mut window = DriftWindow::new(4, 3);
        window.push(&[0, 0, 1, 1], 3.0);
        window.push(&[0, 0, 1, 1], 1.0);
        window.push(&[0, 1, 0, 1], 2.0);
        // p = (1/2, 1/2, 0, 0), q = (0, 1/2, 1/2, 0): the mix is (1/4, 1/2, 1/4, 0).
        let figures = window.figures(&[0.0, 0.5, 0.5, 0.0]);
        assert!((figures.divergence - 0.5).abs() < 1e-12);
        assert!((figures.perplexity - 2.0).abs() < 1e-12);
        assert_eq!((figures.median_distance, figures.high_distance), (2.0, 3.0));
        assert!(window.figures(&[0.5, 0.5, 0.0, 0.0]).divergence.abs() < 1e-12);
        assert!((window.figures(&[0.0, 0.0, 0.3, 0.7]).divergence - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_nan_is_not_sorted_out_of_sight() {
        let mut window = DriftWindow::new(2, 3);
        for distance in [1.0, f32::NAN, -f32::NAN] {
            window.push(&[0], distance);
        }
        let figures = window.figures(&[1.0, 0.0]);
        assert!(figures.median_distance.is_nan() && figures.high_distance.is_nan());
    }

    #[test]
    fn a_cleared_window_is_as_new() {
        let mut used = DriftWindow::new(3, 2);
        used.push(&[2, 1], 5.0);
        used.clear();
        assert_eq!(used, DriftWindow::new(3, 2));
    }
}
