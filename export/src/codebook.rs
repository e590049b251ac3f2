//! Codebooks as importers hand them over: float centroids in the order patches are flattened here.

use crate::ExportError;
use crate::import::SafetensorsFile;
use crate::model::{FloatModel, check_finite};
use mimlet_format::{CodebookSpace, EncoderConfig, Preprocess};
use std::path::Path;

/// A codebook in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatCodebook {
    /// What the centroids are compared with.
    pub space: CodebookSpace,
    /// `[size, dim]`, row-major; in pixel space each centroid is a patch flattened (channel, row,
    /// column).
    pub centroids: Vec<f32>,
    /// Number of centroids.
    pub size: u32,
    /// Width of a centroid.
    pub dim: u32,
    /// Mean and standard deviation of the normalisation it was made under, where its file says so.
    pub normalisation: Option<([f32; 3], [f32; 3])>,
    /// Hexadecimal BLAKE3 of the encoder's checkpoint whose features it was made of, where its file
    /// says so.
    pub teacher_hash: Option<String>,
}

/// Reads a codebook: a safetensors file with a tensor `centers` `[size, dim]` and metadata `space`
/// (`pixels` or `features`). In pixel space `patch_order` says how a patch is flattened
/// (`channel,row,column` or `row,column,channel`); optional are `mean`, `std` and `teacher_hash`.
///
/// A device compares raw pixels or final features by Euclidean distance. A codebook that was made
/// otherwise is refused, but for one of spherical k-means (`normalise` `l2`): among centroids of one
/// length the nearest to a vector is the one of largest cosine, however long the vector.
///
/// # Errors
/// [`ExportError::Io`], [`ExportError::Content`] naming what is missing or what a device could not
/// compute, or [`ExportError::NotFinite`].
pub fn read_codebook(path: &Path) -> Result<FloatCodebook, ExportError> {
    if path.extension().is_some_and(|extension| extension == "npy") {
        return Err(ExportError::content(
            path,
            "a .npy file says neither its space nor its patch order; save the centroids as a \
             safetensors tensor `centers` with metadata `space` and `patch_order`",
        ));
    }
    let mut file = SafetensorsFile::open(path)?;
    let missing = "has no tensor `centers` of shape [size, dim]";
    let centers = file
        .read("centers")?
        .ok_or_else(|| ExportError::content(path, missing))?;
    let &[size, dim] = centers.shape.as_slice() else {
        return Err(ExportError::content(path, missing));
    };
    check_finite("centers", &centers.values)?;
    let number = |side: usize| {
        let reason = format!("its centers are [{size}, {dim}], too many");
        u32::try_from(side).map_err(|_| ExportError::content(path, reason))
    };
    let space = space_of(&file)?;
    check_rule(&file, &centers.values, dim)?;
    let centroids = match (space, file.metadata("patch_order")) {
        (CodebookSpace::Features, _) | (_, Some("channel,row,column")) => centers.values,
        (_, Some("row,column,channel")) => channels_first(centers.values, dim),
        (_, found) => {
            let reason = format!(
                "its metadata patch_order is {found:?}; it must be channel,row,column or \
                 row,column,channel"
            );
            return Err(ExportError::content(path, reason));
        }
    };
    Ok(FloatCodebook {
        space,
        centroids,
        size: number(size)?,
        dim: number(dim)?,
        normalisation: file.colours("mean")?.zip(file.colours("std")?),
        teacher_hash: file.metadata("teacher_hash").map(str::to_owned),
    })
}

fn space_of(file: &SafetensorsFile) -> Result<CodebookSpace, ExportError> {
    match file.metadata("space") {
        Some("pixels") => Ok(CodebookSpace::Pixels),
        Some("features") => Ok(CodebookSpace::Features),
        Some(space @ ("random-projection" | "labels")) => {
            let reason = format!(
                "is over {space}, a baseline of training that no device computes; export a \
                 codebook over pixels or features"
            );
            Err(ExportError::content(file.path(), reason))
        }
        found => {
            let reason = format!("its metadata space is {found:?}; it must be pixels or features");
            Err(ExportError::content(file.path(), reason))
        }
    }
}

/// That the nearest centroid by Euclidean distance to raw pixels or final features is the token.
fn check_rule(file: &SafetensorsFile, centers: &[f32], dim: usize) -> Result<(), ExportError> {
    let refuse = |reason: String| Err(ExportError::content(file.path(), reason));
    if let Some(layer) = file.metadata("layer") {
        return refuse(format!(
            "is over features after block {layer}; a device has those after the final norm only"
        ));
    }
    match file.metadata("normalise") {
        None | Some("none") => Ok(()),
        Some("l2") => match centers
            .chunks_exact(dim.max(1))
            .position(|row| !is_unit(row))
        {
            None => Ok(()),
            Some(row) => refuse(format!(
                "is of spherical k-means but centroid {row} has not length 1; nearness on a \
                 device would not be the cosine"
            )),
        },
        Some(other) => refuse(format!(
            "has normalise {other}; a device compares pixels and features as they are"
        )),
    }
}

/// Length 1, but for the rounding of f32.
fn is_unit(row: &[f32]) -> bool {
    let squares: f64 = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    (squares - 1.0).abs() < 1e-5
}

/// Centroids flattened (row, column, channel) to (channel, row, column).
fn channels_first(values: Vec<f32>, dim: usize) -> Vec<f32> {
    let channels = EncoderConfig::CHANNELS as usize;
    if dim == 0 || !dim.is_multiple_of(channels) {
        return values; // No patch is that wide: `check` will refuse the codebook.
    }
    let pixels = dim / channels;
    let flatten = |centroid: &[f32]| -> Vec<f32> {
        let index = |i: usize| centroid[i % pixels * channels + i / pixels];
        (0..dim).map(index).collect()
    };
    values.chunks_exact(dim).flat_map(flatten).collect()
}

impl FloatCodebook {
    /// The codebook as a manifest describes it.
    pub(crate) fn entry(&self) -> mimlet_format::Codebook {
        mimlet_format::Codebook {
            size: self.size,
            dim: self.dim,
            space: self.space,
            distance: mimlet_format::Distance::Euclidean,
        }
    }

    /// Holds the codebook to the model it is to go with.
    pub(crate) fn check(
        &self,
        encoder: &EncoderConfig,
        preprocess: &Preprocess,
    ) -> Result<(), ExportError> {
        let refuse = |reason| {
            Err(ExportError::Config {
                field: "codebook",
                reason,
            })
        };
        let (expected, what) = match self.space {
            CodebookSpace::Pixels => (encoder.patch_dim(), "values of a patch"),
            CodebookSpace::Features => (encoder.embed_dim, "width of the encoder's features"),
        };
        if self.dim != expected {
            let dim = self.dim;
            return refuse(format!("is {dim} wide; it must be {expected}, the {what}"));
        }
        if self.size < 2
            || self.centroids.len() as u64 != u64::from(self.size) * u64::from(self.dim)
        {
            let found = self.centroids.len();
            let (size, dim) = (self.size, self.dim);
            return refuse(format!(
                "has {found} values for {size} centroids of {dim}; it needs 2 centroids or more"
            ));
        }
        check_finite("centers", &self.centroids)?;
        match self.normalisation {
            Some((mean, std)) if !near(mean, preprocess.mean) || !near(std, preprocess.std) => {
                refuse(format!(
                    "was made under mean {mean:?} and std {std:?}; the model's are {:?} and {:?}, \
                     its tokens would be wrong",
                    preprocess.mean, preprocess.std
                ))
            }
            _ => Ok(()),
        }
    }

    /// What a user should know about the codebook beside the model; `None` when all is well.
    pub(crate) fn note(&self, model: &FloatModel) -> Option<String> {
        let hash = blake3::Hash::from(model.source_hash).to_hex();
        let teacher = self.teacher_hash.as_deref()?;
        let other = self.space == CodebookSpace::Features && teacher != hash.as_str();
        other.then(|| {
            format!("the codebook was made of the features of checkpoint {teacher}, not of {hash}")
        })
    }
}

/// Equal but for rounding in a text.
fn near(a: [f32; 3], b: [f32; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6)
}
