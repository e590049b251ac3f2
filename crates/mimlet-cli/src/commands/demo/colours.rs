//! A colour for each token: the hue of the class it is most often seen in, the greyer the more
//! classes share it, and its own lightness among the tokens of that class.

use embedded_graphics::pixelcolor::Rgb888;
use mimlet_tcas::TokenClassCounts;

use super::palette::oklch;

/// Colours of a codebook's tokens.
#[derive(Debug, Clone)]
pub(super) struct TokenColours {
    tokens: Vec<Rgb888>,
    classes: usize,
}

impl TokenColours {
    /// By where the tokens were counted.
    pub(super) fn new(counts: &TokenClassCounts) -> Self {
        let classes = counts.classes();
        let mut tokens = vec![oklch(0.6, 0.0, 0.0); counts.tokens()];
        for class in 0..classes {
            let mut own: Vec<(usize, f64)> = counts
                .rows()
                .enumerate()
                .filter(|(_, row)| dominant(row) == Some(class))
                .map(|(token, row)| (token, purity(row)))
                .collect();
            // The purest are the strongest; ties by token keep the picture the same.
            own.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let last = own.len().max(2) - 1;
            for (rank, (token, purity)) in own.into_iter().enumerate() {
                let lightness = 0.56 + 0.32 * rank as f64 / last as f64;
                tokens[token] = oklch(lightness, chroma(purity, classes), hue(class, classes));
            }
        }
        Self { tokens, classes }
    }

    /// The colour of a token.
    pub(super) fn token(&self, token: u32) -> Rgb888 {
        let unknown = oklch(0.6, 0.0, 0.0);
        self.tokens.get(token as usize).copied().unwrap_or(unknown)
    }

    /// The colour of a token seen in one class alone.
    pub(super) fn class(&self, class: usize) -> Rgb888 {
        oklch(0.64, chroma(1.0, self.classes), hue(class, self.classes))
    }

    /// The colour of a token of the first class with this share of its patches there.
    pub(super) fn shared(&self, share: f64) -> Rgb888 {
        oklch(0.7, chroma(share, self.classes), hue(0, self.classes))
    }
}

/// The class with most of a token's patches, the first of equals; `None` for an unused token.
fn dominant(row: &[u64]) -> Option<usize> {
    let most = row.iter().copied().max().filter(|&most| most > 0)?;
    row.iter().position(|&count| count == most)
}

/// The share of that class.
fn purity(row: &[u64]) -> f64 {
    let most = row.iter().copied().max().unwrap_or(0) as f64;
    most / row.iter().sum::<u64>().max(1) as f64
}

/// From grey, for a token that all classes share alike, to vivid, for one of a single class.
fn chroma(purity: f64, classes: usize) -> f64 {
    let even = 1.0 / classes.max(1) as f64;
    let excess = ((purity - even) / (1.0 - even)).clamp(0.0, 1.0);
    0.01 + 0.17 * excess
}

/// Hues spread over the circle.
fn hue(class: usize, classes: usize) -> f64 {
    0.08 + class as f64 / classes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_class_share_a_hue_but_not_a_colour() {
        let counts = TokenClassCounts::from_rows(&[[9, 0], [8, 1], [0, 9], [0, 0]]).unwrap();
        let colours = TokenColours::new(&counts);
        let all: Vec<Rgb888> = (0..4).map(|token| colours.token(token)).collect();
        for (index, colour) in all.iter().enumerate() {
            assert!(
                !all[..index].contains(colour),
                "token {index} repeats a colour"
            );
        }
        assert_eq!(
            colours.token(99),
            colours.token(3),
            "unknown tokens look unused"
        );
    }
}
