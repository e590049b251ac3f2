//! A model known by its shape alone: what its file would hold, and whether that fits, before there
//! are weights.

use super::{Refusal, Target, WeightType};
use crate::ExportError;
use crate::model::{check_encoder, manifest_of};
use crate::own;
use mimlet_format::limits::MAX_TOKENS;
use mimlet_format::{
    ALIGNMENT, Codebook, DType, EncoderConfig, GROUP_SIZES, HEADER_LEN, Manifest, Scheme,
    TensorEntry, TensorRole, expected_shape, layout_for, required_roles, scale_of, stored_length,
};
use mimlet_runtime::Plan;

/// Golden images of a file with enough images to choose from.
const GOLDEN_IMAGES: u32 = 16;

/// What decides the size of a file's every tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Shape of the encoder.
    pub encoder: EncoderConfig,
    /// Its codebook's.
    pub codebook: Option<Codebook>,
    /// How the four linear layers of each block are stored; a mixed scheme counts as bytes.
    pub scheme: Scheme,
    /// Whether the patch embedding is stored in f16.
    pub half_patch_embedding: bool,
    /// Golden images in the file.
    pub golden_images: u32,
}

impl Shape {
    /// The shape of an export by a scheme, as the exporter stores it where no target forbids it.
    #[must_use]
    pub fn new(encoder: EncoderConfig, codebook: Option<Codebook>, scheme: Scheme) -> Self {
        Self {
            encoder,
            codebook,
            scheme,
            half_patch_embedding: scheme != Scheme::F32,
            golden_images: GOLDEN_IMAGES,
        }
    }

    /// The same for a target, which may not take every type.
    #[must_use]
    pub fn for_target(mut self, target: &Target) -> Self {
        self.half_patch_embedding &= target.takes_f16();
        self
    }

    /// The manifest that a file of this shape has, but for names, hashes and thresholds: enough for
    /// a [`Plan`].
    ///
    /// ```
    /// use mimlet_export::{Arch, Shape};
    /// use mimlet_format::Scheme;
    /// use mimlet_runtime::Plan;
    /// let shape = Shape::new(Arch::VitTiny16.encoder(224), None, Scheme::Int8);
    /// let plan = Plan::new(&shape.manifest()).unwrap();
    /// assert!(plan.weight_bytes() < 7_000_000);
    /// ```
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let mut manifest = manifest_of(&self.encoder, self.codebook.clone());
        manifest.acceptance.images = self.golden_images;
        manifest.acceptance.own = Some(own::ANNOUNCED);
        manifest.provenance.scheme = self.scheme;
        let mut stored = Vec::new();
        for role in required_roles(&manifest) {
            let (dtype, shape) = (self.dtype(role), expected_shape(role, &manifest));
            let shape = shape.unwrap_or_default();
            if let Some(scale) = scale_of(role) {
                stored.extend(
                    self.scale(dtype, &shape)
                        .map(|(dtype, shape)| (scale, dtype, shape)),
                );
            }
            stored.push((role, dtype, shape));
        }
        stored.sort_by_key(|(role, ..)| *role);
        let mut offset = HEADER_LEN as u64;
        for (role, dtype, shape) in stored {
            // `dtype` and `scale` give none without a layout.
            let Some(layout) = layout_for(role, dtype) else {
                continue;
            };
            let length = stored_length(&shape, dtype, layout).unwrap_or(u64::MAX);
            offset = offset.next_multiple_of(ALIGNMENT as u64);
            manifest.tensors.push(TensorEntry {
                role,
                dtype,
                layout,
                shape,
                offset,
                length,
            });
            offset = offset.saturating_add(length);
        }
        manifest
    }

    /// Element type and shape of the scales that go with a matrix; `None` for one of floats.
    fn scale(&self, dtype: DType, shape: &[u32]) -> Option<(DType, Vec<u32>)> {
        match (dtype, shape) {
            (DType::I8, &[outputs, _]) => Some((DType::F32, vec![outputs])),
            (DType::I4, &[outputs, inputs]) => {
                let groups = inputs.div_ceil(GROUP_SIZES[0]);
                Some((DType::F16, vec![outputs, groups]))
            }
            _ => None,
        }
    }

    /// The element type that the exporter stores a role in.
    fn dtype(&self, role: TensorRole) -> DType {
        match role {
            TensorRole::PatchEmbedWeight if self.half_patch_embedding => DType::F16,
            TensorRole::PatchEmbedWeight => DType::F32,
            TensorRole::Block { .. } if scale_of(role).is_some() => match self.scheme {
                Scheme::F32 => DType::F32,
                Scheme::F16 => DType::F16,
                // What a mixed scheme chooses is known when it has chosen.
                Scheme::Int8 | Scheme::Mixed => DType::I8,
                Scheme::Int4 => DType::I4,
            },
            // Every other role has one type, the first that has a layout.
            role => [DType::F32, DType::F16, DType::U32, DType::U8]
                .into_iter()
                .find(|&dtype| layout_for(role, dtype).is_some())
                .unwrap_or(DType::F32),
        }
    }

    fn with_square_image_of(&self, cells: u32) -> Self {
        let mut shape = self.clone();
        shape.encoder.image_size = [cells * shape.encoder.patch_size; 2];
        shape
    }
}

impl Target {
    /// The limits that a model of this shape exceeds; none when it fits. The file is taken without
    /// its manifest, which is some kilobytes long.
    ///
    /// # Errors
    /// [`ExportError::Config`] when the shape is no encoder's.
    pub fn refuses(&self, shape: &Shape) -> Result<Vec<Refusal>, ExportError> {
        check_encoder(&shape.encoder)?;
        let manifest = shape.manifest();
        let plan = Plan::new(&manifest)?;
        let last = manifest.tensors.last();
        let file_len = last.map_or(0, |entry| entry.offset.saturating_add(entry.length));
        Ok(self.refusals(&manifest, &plan, file_len))
    }

    /// Whether a model of this shape fits, found in milliseconds, so that nobody waits for weights
    /// to be quantised in vain.
    ///
    /// # Errors
    /// [`ExportError::TargetRefuses`], which says what would fit.
    pub fn admits(&self, shape: &Shape) -> Result<(), ExportError> {
        let mut refusals = self.refuses(shape)?;
        if refusals.is_empty() {
            return Ok(());
        }
        if let Some(mend) = self.mend(shape) {
            refusals[0].mend = mend;
        }
        Err(ExportError::TargetRefuses {
            target: self.name.clone(),
            refusals,
        })
    }

    /// Side of the largest square image, pixels, at which the encoder fits; `None` when it fits at
    /// no size.
    #[must_use]
    pub fn largest_image(&self, shape: &Shape) -> Option<u32> {
        let fits = |cells| {
            let found = self.refuses(&shape.with_square_image_of(cells));
            found.is_ok_and(|refusals| refusals.is_empty())
        };
        if !fits(1) {
            return None;
        }
        // What a model takes grows with its image.
        let (mut fitting, mut beyond) = (1, MAX_TOKENS.isqrt() + 1);
        while beyond - fitting > 1 {
            let middle = u32::midpoint(fitting, beyond);
            if fits(middle) {
                fitting = middle;
            } else {
                beyond = middle;
            }
        }
        Some(fitting * shape.encoder.patch_size)
    }

    /// What would make a refused model fit.
    fn mend(&self, shape: &Shape) -> Option<String> {
        let mut mends = Vec::new();
        let narrower = [Scheme::F32, Scheme::F16, Scheme::Int8, Scheme::Int4]
            .into_iter()
            .filter(|&scheme| self.weights.contains(&WeightType::of_scheme(scheme)))
            .filter(|&scheme| scheme != shape.scheme)
            .find(|&scheme| {
                let other = Shape::new(shape.encoder.clone(), shape.codebook.clone(), scheme);
                let found = self.refuses(&other.for_target(self));
                found.is_ok_and(|refusals| refusals.is_empty())
            });
        if let Some(scheme) = narrower {
            mends.push(format!(
                "with --scheme {}",
                crate::pack::scheme_name(scheme)
            ));
        }
        if let Some(side) = self.largest_image(shape) {
            mends.push(format!("at up to {side} x {side} pixels"));
        }
        (!mends.is_empty()).then(|| format!("it fits {}", mends.join(", or ")))
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use crate::random_model::small;
    use crate::{Arch, ExportOptions, Target, export, random_codebook, synthetic_golden};
    use mimlet_format::{Model, Scheme};

    #[test]
    fn a_shape_foretells_the_file_that_is_exported() {
        let model = small::plain(1);
        let codebook = random_codebook(&model, 12, 4).unwrap();
        let size = small::SHAPE.image_size;
        for scheme in [Scheme::F32, Scheme::F16, Scheme::Int8, Scheme::Int4] {
            let mut options = ExportOptions::new(scheme, model.preprocess.resolve(size));
            options.golden = synthetic_golden(size, 20, 3);
            options.thresholds = Some(crate::thresholds::none());
            let exported = export(&model, Some(&codebook), &options).unwrap();
            let found = Model::parse(&exported.bytes).unwrap();
            let mut told = Shape::new(small::SHAPE, Some(codebook.entry()), scheme)
                .manifest()
                .tensors;
            let found = &found.manifest().tensors;
            assert_eq!(told.len(), found.len(), "{scheme:?}");
            for (told, found) in told.iter_mut().zip(found) {
                told.offset = found.offset;
                assert_eq!(told, found, "{scheme:?}");
            }
        }
    }

    #[test]
    fn the_largest_image_fits_and_the_next_does_not() {
        let mut target = Target::named("webgpu-default").unwrap();
        target.memory_bytes = Some(64 << 20);
        let shape = |side| Shape::new(Arch::VitTiny16.encoder(side), None, Scheme::Int8);
        let side = target.largest_image(&shape(224)).unwrap();
        assert!(side > 224 && side.is_multiple_of(16), "{side}");
        assert!(target.admits(&shape(side)).is_ok());
        assert!(target.admits(&shape(side + 16)).is_err());
        target.memory_bytes = Some(1 << 10);
        assert_eq!(target.largest_image(&shape(224)), None);
    }

    #[test]
    fn a_refusal_says_what_would_fit() {
        let mut target = Target::named("desktop").unwrap();
        target.memory_bytes = Some(200 << 20);
        let shape = Shape::new(Arch::VitBase16.encoder(224), None, Scheme::F32);
        let error = target.admits(&shape).unwrap_err().to_string();
        assert!(error.contains("it fits with --scheme f16"), "{error}");
        target.memory_bytes = Some(120 << 20);
        let shape = Shape::new(Arch::VitBase16.encoder(1024), None, Scheme::Int8);
        let error = target.admits(&shape).unwrap_err().to_string();
        assert!(error.contains("it fits at up to "), "{error}");
    }
}
