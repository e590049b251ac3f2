//! Models known by their shape, held to targets: each limit broken by itself, and the table of what
//! fits where.

mod limits;
mod table;

use mimlet_export::{Arch, Shape};
use mimlet_format::{Codebook, CodebookSpace, Distance, EncoderConfig, Scheme};

/// A codebook of 100 centroids over an encoder's features.
fn codebook(encoder: &EncoderConfig) -> Codebook {
    Codebook {
        size: 100,
        dim: encoder.embed_dim,
        space: CodebookSpace::Features,
        distance: Distance::Euclidean,
    }
}

/// A published shape at 224 pixels, with a codebook.
fn shape(arch: Arch, scheme: Scheme) -> Shape {
    let encoder = arch.encoder(224);
    let codebook = codebook(&encoder);
    Shape::new(encoder, Some(codebook), scheme)
}
