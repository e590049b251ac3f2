//! The frozen features of a set, computed once and kept.

use indicatif::ProgressBar;

use super::config::Pooling;
use crate::data::Source;
use crate::encoder::EncoderFile;
use crate::error::TrainError;

/// One feature an image.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSet {
    /// `[images, dim]`.
    pub values: Vec<f32>,
    /// Classes, `[images]`.
    pub labels: Vec<u32>,
    /// Width of a feature.
    pub dim: usize,
}

/// Both pooled features of a set of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Class tokens.
    pub class_token: FeatureSet,
    /// Means over the patches.
    pub mean_patch: FeatureSet,
    /// Names of the classes; a label is an index into them.
    pub class_names: Vec<String>,
}

impl FeatureSet {
    /// No image yet.
    pub fn empty(dim: usize) -> Self {
        Self {
            values: Vec::new(),
            labels: Vec::new(),
            dim,
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The feature of image `row`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// The images of `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut out = Self::empty(self.dim);
        for &row in rows {
            out.values.extend_from_slice(self.row(row));
            out.labels.push(self.labels[row]);
        }
        out
    }
}

impl Features {
    /// What `encoder` makes of the images of `source`, prepared as on a device.
    ///
    /// # Errors
    /// As [`EncoderFile::features`]; [`TrainError::Config`] when there is no image or a feature is
    /// not finite.
    pub fn of(
        encoder: &EncoderFile,
        source: &dyn Source,
        progress: &ProgressBar,
    ) -> Result<Self, TrainError> {
        let (dim, patches) = (encoder.model.dim, encoder.model.patches());
        let mut features = Self {
            class_token: FeatureSet::empty(dim),
            mean_patch: FeatureSet::empty(dim),
            class_names: source.class_names().to_vec(),
        };
        let indices: Vec<usize> = (0..source.len()).collect();
        encoder.features(source, &indices, |batch| {
            progress.inc(batch.labels.len() as u64);
            for set in [&mut features.class_token, &mut features.mean_patch] {
                set.labels.extend_from_slice(&batch.labels);
            }
            features.class_token.values.extend_from_slice(&batch.class);
            for image in batch.patches.chunks_exact(patches * dim) {
                features.mean_patch.values.extend(mean_rows(image, dim));
            }
            Ok(())
        })?;
        let sets = [&features.class_token, &features.mean_patch];
        if sets.iter().any(|set| set.is_empty()) {
            return Err(TrainError::Config(
                "there is no image to evaluate on".into(),
            ));
        }
        if sets
            .iter()
            .any(|set| set.values.iter().any(|v| !v.is_finite()))
        {
            return Err(TrainError::Config(
                "the encoder's features are not finite; take an encoder of a run that did not \
                 diverge"
                    .into(),
            ));
        }
        Ok(features)
    }

    /// The features that `pooling` names.
    pub fn pooled(&self, pooling: Pooling) -> &FeatureSet {
        match pooling {
            Pooling::ClassToken => &self.class_token,
            Pooling::MeanPatch => &self.mean_patch,
        }
    }

    /// Checks that `test` can be judged by what was learnt from these.
    ///
    /// # Errors
    /// [`TrainError::Config`] when the classes differ.
    pub fn check_classes(&self, test: &Self) -> Result<(), TrainError> {
        if self.class_names == test.class_names {
            return Ok(());
        }
        Err(TrainError::Config(format!(
            "the test images have {} classes, the training images {}, or other names; give two \
             sets of the same classes",
            test.class_names.len(),
            self.class_names.len()
        )))
    }
}

/// The mean of the rows of `[rows, dim]`, summed in f64 and in order.
pub(crate) fn mean_rows(values: &[f32], dim: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; dim];
    for row in values.chunks_exact(dim) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let rows = (values.len() / dim) as f64;
    sums.into_iter().map(|sum| (sum / rows) as f32).collect()
}
