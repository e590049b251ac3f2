//! Codebooks as importers hand them over: float centroids in the order patches are flattened here.

use crate::ExportError;
use crate::import::colours;
use crate::model::{FloatModel, check_finite};
use mimlet_checkpoint::{Array, Checkpoint};
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

/// How the pixels of a patch are flattened into a centroid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchOrder {
    /// As the format's: PyTorch's convolutions, our trainer.
    ChannelRowColumn,
    /// As MAE's `patchify` and most array libraries.
    RowColumnChannel,
}

/// What a user says of a codebook, and what is known of the model it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodebookOptions {
    /// What the centroids are compared with; `None` for what the file says, else what their width
    /// allows.
    pub space: Option<CodebookSpace>,
    /// How patches are flattened; `None` for what the file says.
    pub order: Option<PatchOrder>,
    /// The widths of a patch and of the features of the model it is for, which tell the space where
    /// nothing else does.
    pub widths: Option<[u32; 2]>,
}

impl CodebookOptions {
    /// What is known of a codebook that goes with an encoder.
    #[must_use]
    pub fn for_encoder(encoder: &EncoderConfig) -> Self {
        Self {
            widths: Some([encoder.patch_dim(), encoder.embed_dim]),
            ..Self::default()
        }
    }
}

/// Names that a codebook's tensor goes by in files with more than one.
const NAMES: [&str; 8] = [
    "centers",
    "centroids",
    "cluster_centers",
    "cluster_centers_",
    "codebook",
    "codebook.weight",
    "embedding.weight",
    "prototypes",
];

/// Reads a codebook: a tensor `[size, dim]` of a `.safetensors`, `.npy` or `.pth` file, the only one
/// or one under a usual name (`centers`, `centroids`, `codebook`, ...).
///
/// A safetensors file may say more in its metadata: `space` (`pixels` or `features`), in pixel space
/// `patch_order`, how a patch is flattened (`channel,row,column` or `row,column,channel`), `mean`,
/// `std` and `teacher_hash`. `options` win over it. A patch order that nobody states is an error: it
/// cannot be told from the numbers, and the wrong one gives wrong tokens.
///
/// A device compares raw pixels or final features by Euclidean distance. A codebook that was made
/// otherwise is refused, but for one of spherical k-means (`normalise` `l2`): among centroids of one
/// length the nearest to a vector is the one of largest cosine, however long the vector.
///
/// # Errors
/// [`ExportError::Io`], [`ExportError::Content`] naming what is missing or what a device could not
/// compute, or [`ExportError::NotFinite`].
pub fn read_codebook(path: &Path, options: &CodebookOptions) -> Result<FloatCodebook, ExportError> {
    let mut file = Checkpoint::open(path)?;
    let name = tensor_of(&file)?;
    let array = file.read(&name)?;
    let Array { shape, values } = array.ok_or_else(|| missing(path))?;
    let &[size, dim] = shape.as_slice() else {
        return Err(missing(path));
    };
    check_finite(&name, &values)?;
    let number = |side: usize| {
        let reason = format!("its centers are [{size}, {dim}], too many");
        u32::try_from(side).map_err(|_| ExportError::content(path, reason))
    };
    let (size, width) = (number(size)?, number(dim)?);
    let space = match options.space {
        Some(space) => space,
        None => space_of(&file, width, options)?,
    };
    check_rule(&file, &values, dim)?;
    let order = match space {
        CodebookSpace::Features => PatchOrder::ChannelRowColumn,
        CodebookSpace::Pixels => options.order.map_or_else(|| order_of(&file), Ok)?,
    };
    Ok(FloatCodebook {
        space,
        centroids: match order {
            PatchOrder::ChannelRowColumn => values,
            PatchOrder::RowColumnChannel => channels_first(values, dim),
        },
        size,
        dim: width,
        normalisation: colours(&file, "mean")?.zip(colours(&file, "std")?),
        teacher_hash: file.metadata("teacher_hash").map(str::to_owned),
    })
}

fn missing(path: &Path) -> ExportError {
    let names = NAMES.join(", ");
    let reason = format!(
        "has no tensor of shape [size, dim] that is the codebook; name it one of {names}, or save it \
         alone"
    );
    ExportError::content(path, reason)
}

/// The name of the codebook's tensor.
fn tensor_of(file: &Checkpoint) -> Result<String, ExportError> {
    let usual = NAMES.iter().find(|name| file.shape(name).is_some());
    if let Some(name) = usual {
        return Ok((*name).to_owned());
    }
    let matrices = file.shapes().filter(|(_, shape)| shape.len() == 2);
    let names: Vec<&str> = matrices.map(|(name, _)| name).collect();
    match names[..] {
        [name] => Ok(name.to_owned()),
        _ => Err(missing(file.path())),
    }
}

fn order_of(file: &Checkpoint) -> Result<PatchOrder, ExportError> {
    match file.metadata("patch_order") {
        Some("channel,row,column") => Ok(PatchOrder::ChannelRowColumn),
        Some("row,column,channel") => Ok(PatchOrder::RowColumnChannel),
        Some(other) => {
            let reason = format!(
                "its metadata patch_order is {other:?}; it must be channel,row,column or \
                 row,column,channel"
            );
            Err(ExportError::content(file.path(), reason))
        }
        None => {
            let reason = "does not say how a patch is flattened; give --codebook-order \
                          channel-row-column or row-column-channel (or metadata patch_order)";
            Err(ExportError::content(file.path(), reason))
        }
    }
}

fn space_of(
    file: &Checkpoint,
    width: u32,
    options: &CodebookOptions,
) -> Result<CodebookSpace, ExportError> {
    let refuse = |reason: String| Err(ExportError::content(file.path(), reason));
    match (file.metadata("space"), options.widths) {
        (Some("pixels"), _) => Ok(CodebookSpace::Pixels),
        (Some("features"), _) => Ok(CodebookSpace::Features),
        (Some(space @ ("random-projection" | "labels")), _) => refuse(format!(
            "is over {space}, a baseline of training that no device computes; export a codebook \
             over pixels or features"
        )),
        (Some(other), _) => refuse(format!(
            "its metadata space is {other:?}; it must be pixels or features"
        )),
        (None, Some([patch, features])) if patch != features && width == patch => {
            Ok(CodebookSpace::Pixels)
        }
        (None, Some([patch, features])) if patch != features && width == features => {
            Ok(CodebookSpace::Features)
        }
        (None, Some([patch, features])) if width != patch && width != features => refuse(format!(
            "its centroids are {width} wide; the model's patches are {patch} and its features \
                 {features}"
        )),
        (None, _) => refuse(format!(
            "does not say whether its {width} wide centroids are of pixels or of features; give \
             --codebook-space (or metadata space)"
        )),
    }
}

/// That the nearest centroid by Euclidean distance to raw pixels or final features is the token.
fn check_rule(file: &Checkpoint, centers: &[f32], dim: usize) -> Result<(), ExportError> {
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
