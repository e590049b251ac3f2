//! TCAS of labelled images, counted one image at a time.

use crate::object::{object, or_null};
use mimlet_tcas::{ImageTokens, TokenClassCounts, shuffled_tcas};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};

/// Permutations that shuffled labels are averaged over, and where they start: those of `mimlet tcas`.
const PERMUTATIONS: u32 = 20;
const SEED: u64 = 0;

/// How often each token falls in images of each class.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Counts {
    tokens: usize,
    classes: usize,
    images: Vec<ImageTokens>,
    counts: TokenClassCounts,
}

#[wasm_bindgen]
impl Counts {
    /// Nothing counted yet, for a codebook of `tokens` and so many classes.
    ///
    /// # Errors
    /// There are no tokens or no classes, or too many.
    #[wasm_bindgen(constructor)]
    pub fn new(tokens: u32, classes: u32) -> Result<Counts, JsError> {
        let (tokens, classes) = (tokens as usize, classes as usize);
        Ok(Self {
            tokens,
            classes,
            images: Vec::new(),
            counts: TokenClassCounts::new(tokens, classes)?,
        })
    }

    /// Counts the tokens of an image of a class.
    ///
    /// # Errors
    /// A token or the class is out of range; nothing is counted then.
    pub fn add(&mut self, tokens: Vec<u32>, class: u32) -> Result<(), JsError> {
        self.counts.add_tokens(&tokens, class)?;
        self.images.push(ImageTokens { tokens, class });
        Ok(())
    }

    /// TCAS and NMI, and the TCAS of shuffled labels to hold it to.
    ///
    /// # Errors
    /// Never for what was counted.
    pub fn score(&self) -> Result<JsValue, JsError> {
        let shuffled = shuffled_tcas(&self.images, self.tokens, self.classes, PERMUTATIONS, SEED)?;
        let score = object([
            ("tcas", or_null(self.counts.tcas())),
            ("shuffledTcas", or_null(shuffled)),
            ("nmi", or_null(self.counts.nmi())),
            ("images", (self.images.len() as u32).into()),
            ("usedTokens", (self.counts.used_tokens() as u32).into()),
        ]);
        Ok(score.into())
    }
}
