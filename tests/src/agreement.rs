//! How far one encoder's results are from another's, over many images.

use mimlet_runtime::Encoding;

/// Encodings held against those of a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Lowest cosine between two feature vectors, class or patch; NaN when a feature was.
    pub min_cosine: f64,
    /// Tokens compared.
    pub tokens: u32,
    /// Tokens that differ.
    pub flips: u32,
    /// Tokens that differ though the reference's margin was wide.
    pub wide_flips: u32,
    /// The widest margin of a token that differs; 0 when none does.
    pub widest_flip: f32,
    /// The reference's margin from which a flip is no tie.
    wide_margin: f32,
}

impl Agreement {
    /// Nothing compared yet.
    #[must_use]
    pub fn new(wide_margin: f32) -> Self {
        Self {
            min_cosine: 1.0,
            tokens: 0,
            flips: 0,
            wide_flips: 0,
            widest_flip: 0.0,
            wide_margin,
        }
    }

    /// Compares the encodings of one image.
    ///
    /// # Panics
    /// When they differ in shape.
    pub fn add(&mut self, reference: &Encoding, other: &Encoding) {
        let dim = reference.class.len();
        assert_eq!(reference.patches.len(), other.patches.len());
        assert_eq!(reference.tokens.len(), other.tokens.len());
        self.cosine(&reference.class, &other.class);
        let patches = reference.patches.chunks_exact(dim);
        for (a, b) in patches.zip(other.patches.chunks_exact(dim)) {
            self.cosine(a, b);
        }
        let tokens = reference.tokens.iter().zip(&other.tokens);
        for ((a, b), margin) in tokens.zip(&reference.margins) {
            self.tokens += 1;
            if a != b {
                self.flips += 1;
                self.wide_flips += u32::from(*margin >= self.wide_margin);
                self.widest_flip = self.widest_flip.max(*margin);
            }
        }
    }

    /// Share of tokens that are the same, 0..1; NaN when none was compared.
    #[must_use]
    pub fn token_agreement(&self) -> f64 {
        1.0 - f64::from(self.flips) / f64::from(self.tokens)
    }

    fn cosine(&mut self, a: &[f32], b: &[f32]) {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            products.sum()
        };
        let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        // `min` would forget a NaN.
        if cosine < self.min_cosine || cosine.is_nan() {
            self.min_cosine = cosine;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Agreement;
    use mimlet_runtime::Encoding;

    fn encoding() -> Encoding {
        Encoding {
            class: vec![3.0, 4.0],
            patches: vec![1.0, 0.0, 0.0, 1.0],
            tokens: vec![7, 8],
            margins: vec![0.1, 0.5],
            distances: vec![1.0, 2.0],
        }
    }

    fn agreement(change: impl FnOnce(&mut Encoding)) -> Agreement {
        let mut other = encoding();
        change(&mut other);
        let mut agreement = Agreement::new(0.2);
        agreement.add(&encoding(), &other);
        agreement
    }

    #[test]
    fn the_same_agrees() {
        let same = agreement(|_| {});
        assert!((same.min_cosine - 1.0).abs() < 1e-12);
        assert_eq!((same.token_agreement(), same.wide_flips), (1.0, 0));
    }

    #[test]
    fn planted_errors_are_seen() {
        assert!(agreement(|other| other.class[0] = -3.0).min_cosine < 0.3);
        assert!(agreement(|other| other.patches[3] = -1.0).min_cosine < 0.0);
        assert!(
            agreement(|other| other.patches[0] = f32::NAN)
                .min_cosine
                .is_nan()
        );
        let tie = agreement(|other| other.tokens[0] = 0);
        assert_eq!(
            (tie.token_agreement(), tie.flips, tie.wide_flips),
            (0.5, 1, 0)
        );
        let wide = agreement(|other| other.tokens[1] = 0);
        assert_eq!((wide.flips, wide.wide_flips, wide.widest_flip), (1, 1, 0.5));
    }
}
