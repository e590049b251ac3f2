//! The TCAS of labels without meaning: what to hold a measured TCAS against.

use alloc::vec::Vec;

use crate::{CountsError, TokenClassCounts, floating};

/// The tokens of one labelled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTokens {
    /// One token per patch.
    pub tokens: Vec<u32>,
    /// The image's class.
    pub class: u32,
}

/// Mean TCAS over `permutations` random permutations of the images' labels, for a codebook of
/// `tokens` centroids and `classes` classes; `None` when there is no patch or no permutation.
///
/// Labels are permuted between images, not between patches: the patches of an image resemble each
/// other, so permuting patches would give a value that any tokenizer beats. The permutations come
/// from SplitMix64 (Steele, Lea and Flood 2014) with `seed`, shuffled by Fisher and Yates's method,
/// so the same images in the same order and the same seed give the same value on every machine.
///
/// ```
/// use mimlet_tcas::{ImageTokens, shuffled_tcas};
///
/// let images: Vec<_> = (0..40)
///     .map(|image| ImageTokens { tokens: vec![image % 2; 9], class: image % 2 })
///     .collect();
/// let shuffled = shuffled_tcas(&images, 2, 2, 20, 0)?;
/// assert!(shuffled.is_some_and(|tcas| tcas > 0.3)); // the true labels give 0
/// # Ok::<(), mimlet_tcas::CountsError>(())
/// ```
///
/// # Errors
/// As [`TokenClassCounts::new`] and [`TokenClassCounts::add_tokens`].
pub fn shuffled_tcas(
    images: &[ImageTokens],
    tokens: usize,
    classes: usize,
    permutations: u32,
    seed: u64,
) -> Result<Option<f64>, CountsError> {
    let mut labels: Vec<u32> = images.iter().map(|image| image.class).collect();
    let mut random = SplitMix64(seed);
    let mut sum = 0.0;
    for _ in 0..permutations {
        random.shuffle(&mut labels);
        let mut counts = TokenClassCounts::new(tokens, classes)?;
        for (image, &label) in images.iter().zip(&labels) {
            counts.add_tokens(&image.tokens, label)?;
        }
        match floating::tcas(&counts) {
            Some(tcas) => sum += tcas,
            None => return Ok(None),
        }
    }
    Ok((permutations > 0).then(|| sum / f64::from(permutations)))
}

/// The generator SplitMix64: a counter with a strong mixing step.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`, for `bound >= 1`. Draws from the uneven end of the range are thrown
    /// away, so no value is favoured.
    fn below(&mut self, bound: u64) -> u64 {
        let uneven = (u64::MAX % bound + 1) % bound;
        loop {
            let draw = self.next();
            if draw <= u64::MAX - uneven {
                return draw % bound;
            }
        }
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_matches_the_published_sequence() {
        // First outputs of the authors' generator for the seed 1234567.
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn shuffle_favours_no_order() {
        let mut random = SplitMix64(7);
        let mut seen = [[0u32; 3]; 3];
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            for (place, &item) in items.iter().enumerate() {
                seen[place][item] += 1;
            }
        }
        // 2000 expected; six standard deviations are 219.
        assert!(
            seen.iter()
                .flatten()
                .all(|&count| count.abs_diff(2000) < 219)
        );
    }
}
