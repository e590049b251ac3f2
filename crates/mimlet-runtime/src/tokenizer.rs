//! The tokenizer: rows to the tokens of their nearest centroids.

use crate::cpu::centroids_of;
use mimlet_format::{Codebook, Model};
use mimlet_kernels::Level;
use mimlet_kernels::nearest_centroid::{self, Centroids};

/// A model's codebook, for rows that do not come from its own encoder.
#[derive(Debug, Clone)]
pub struct Tokenizer<'m> {
    codebook: Codebook,
    centroids: Centroids<'m>,
}

impl<'m> Tokenizer<'m> {
    /// The codebook of a model, or `None` when it has none.
    #[must_use]
    pub fn new(model: &Model<'m>) -> Option<Self> {
        let codebook = model.manifest().codebook.clone()?;
        let centroids = centroids_of(model).ok()?;
        Some(Self {
            codebook,
            centroids,
        })
    }

    /// The codebook's shape and space.
    #[must_use]
    pub fn codebook(&self) -> &Codebook {
        &self.codebook
    }

    /// Writes the token of each row of `rows` `[rows, dim]` to `tokens` `[rows]`, and the distances
    /// to its best and second-best centroid to `distances` `[rows, 2]`.
    ///
    /// # Panics
    /// When a slice is not of its shape.
    pub fn tokenize(&self, rows: &[f32], tokens: &mut [u32], distances: &mut [f32]) {
        let params = nearest_centroid::Params {
            dim: self.codebook.dim as usize,
            centroids: self.codebook.size as usize,
        };
        assert_eq!(rows.len(), tokens.len() * params.dim);
        assert_eq!(distances.len(), tokens.len() * 2);
        nearest_centroid::cpu(
            Level::detect(),
            &params,
            rows,
            self.centroids,
            tokens,
            distances,
        );
    }
}
