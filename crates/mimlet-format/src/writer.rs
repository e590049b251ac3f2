//! Puts a file together, in canonical order, and reads it back before handing it out.

use crate::header::{ALIGNMENT, HEADER_LEN, Header, content_hash};
use crate::limits::MAX_MANIFEST_LEN;
use crate::{
    AcceptanceTest, ActivationRange, AlignedBytes, Codebook, DType, DriftReference, EncoderConfig,
    FormatError, Layout, Manifest, Model, Preprocess, Provenance, TensorEntry, TensorRole,
};
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Builds a `.mim` file.
///
/// The same content gives the same bytes, in whatever order the tensors come.
///
/// ```
/// use mimlet_format::*;
///
/// # let encoder = EncoderConfig {
/// #     image_size: [16, 16], patch_size: 8, embed_dim: 8, depth: 1, num_heads: 2, mlp_dim: 16,
/// #     register_tokens: 0, layer_norm_eps: 1e-6, activation: Activation::Gelu,
/// # };
/// # let preprocess = Preprocess {
/// #     resize_short_side: 16, resample: Resample::Bicubic, mean: [0.5; 3], std: [0.5; 3],
/// # };
/// # let thresholds = Thresholds {
/// #     min_cosine: 0.999, min_token_agreement: 1.0, wide_margin: 0.1,
/// #     max_wide_margin_flips: 0, max_tcas: None,
/// # };
/// # let acceptance = AcceptanceTest {
/// #     images: 1, labels: vec![], class_names: vec![], thresholds, own: None,
/// # };
/// # let provenance = Provenance {
/// #     name: "zeros".into(), producer: "example".into(), source: "none".into(),
/// #     source_hash: [0; 32], scheme: Scheme::F32, licence: None,
/// # };
/// let mut writer = ModelWriter::new(encoder, preprocess, None, acceptance, provenance);
/// let roles: Vec<TensorRole> = required_roles(writer.manifest()).collect();
/// for role in roles {
///     let dtype = match role {
///         TensorRole::Golden(GoldenTensor::Images) => DType::U8,
///         TensorRole::Golden(GoldenTensor::PatchFeatures) => DType::F16,
///         _ => DType::F32,
///     };
///     let layout = layout_for(role, dtype).ok_or("no such storage")?;
///     let shape = expected_shape(role, writer.manifest()).ok_or("no such tensor")?;
///     let length = stored_length(&shape, dtype, layout).ok_or("too large")?;
///     writer.tensor(role, dtype, layout, &shape, vec![0; length as usize]);
/// }
/// let file = writer.finish()?;
/// assert_eq!(Model::parse(&file)?.manifest().provenance.name, "zeros");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModelWriter<'a> {
    manifest: Manifest,
    tensors: Vec<(TensorEntry, Cow<'a, [u8]>)>,
}

impl<'a> ModelWriter<'a> {
    /// A file without tensors yet.
    pub fn new(
        encoder: EncoderConfig,
        preprocess: Preprocess,
        codebook: Option<Codebook>,
        acceptance: AcceptanceTest,
        provenance: Provenance,
    ) -> Self {
        Self {
            manifest: Manifest {
                encoder,
                preprocess,
                codebook,
                acceptance,
                provenance,
                ranges: Vec::new(),
                drift: None,
                tensors: Vec::new(),
            },
            tensors: Vec::new(),
        }
    }

    /// Records how large numbers became on the calibration images: one entry for each of
    /// [`ranged_roles`](crate::ranged_roles), in that order. Without it the file says nothing.
    pub fn ranges(&mut self, ranges: Vec<ActivationRange>) -> &mut Self {
        self.manifest.ranges = ranges;
        self
    }

    /// Records what drift is measured against. Without it the file says nothing.
    pub fn drift(&mut self, reference: DriftReference) -> &mut Self {
        self.manifest.drift = Some(reference);
        self
    }

    /// The manifest as it stands, with an empty tensor table: what
    /// [`expected_shape`](crate::expected_shape) asks for.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Adds a tensor: `bytes` are its elements, little-endian, in `layout` with its padding.
    /// Nothing is checked before [`finish`](Self::finish).
    pub fn tensor(
        &mut self,
        role: TensorRole,
        dtype: DType,
        layout: Layout,
        shape: &[u32],
        bytes: impl Into<Cow<'a, [u8]>>,
    ) -> &mut Self {
        let bytes = bytes.into();
        let entry = TensorEntry {
            role,
            dtype,
            layout,
            shape: shape.to_vec(),
            offset: 0,
            length: bytes.len() as u64,
        };
        self.tensors.push((entry, bytes));
        self
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// Whatever [`Model::parse`] says of them: a missing tensor, a wrong shape, a threshold out of
    /// range. Bytes that come back have been parsed.
    pub fn finish(mut self) -> Result<AlignedBytes, FormatError> {
        self.tensors.sort_by_key(|(entry, _)| entry.role);
        let (entries, contents): (Vec<_>, Vec<_>) = self.tensors.into_iter().unzip();
        let mut manifest = self.manifest;
        manifest.tensors = entries;
        let (encoded, total_len) = place(&mut manifest)?;
        let file = assemble(&manifest, &encoded, total_len, &contents);
        Model::parse(&file)?;
        Ok(file)
    }
}

/// Sets the tensors' offsets; the encoded manifest and the file's length.
///
/// Offsets are variable-length integers inside the manifest that they come after, so its length is
/// guessed and the guess raised until it holds. Longer offsets never shorten it, and it is bounded:
/// the loop ends.
fn place(manifest: &mut Manifest) -> Result<(Vec<u8>, usize), FormatError> {
    let mut start = HEADER_LEN;
    loop {
        let end = place_from(&mut manifest.tensors, start)?;
        let encoded = postcard::to_allocvec(manifest).map_err(FormatError::ManifestEncode)?;
        if encoded.len() > MAX_MANIFEST_LEN as usize {
            return Err(FormatError::ManifestTooLarge {
                found: encoded.len() as u64,
            });
        }
        let needed = (HEADER_LEN + encoded.len()).next_multiple_of(ALIGNMENT);
        if needed <= start {
            return Ok((encoded, end));
        }
        start = needed;
    }
}

/// Sets the tensors' offsets, the first at `start`; where the last one ends.
fn place_from(entries: &mut [TensorEntry], start: usize) -> Result<usize, FormatError> {
    let mut end = start;
    for entry in entries {
        let role = entry.role;
        let fits = |end: usize| {
            let offset = end.checked_next_multiple_of(ALIGNMENT)?;
            let length = usize::try_from(entry.length).ok()?;
            Some((offset, offset.checked_add(length)?))
        };
        let offset;
        (offset, end) = fits(end).ok_or(FormatError::TensorTooLarge { role })?;
        entry.offset = offset as u64;
    }
    Ok(end)
}

fn assemble(
    manifest: &Manifest,
    encoded: &[u8],
    total_len: usize,
    contents: &[Cow<'_, [u8]>],
) -> AlignedBytes {
    let mut file = AlignedBytes::zeroed(total_len);
    file[HEADER_LEN..HEADER_LEN + encoded.len()].copy_from_slice(encoded);
    for (entry, content) in manifest.tensors.iter().zip(contents) {
        let start = entry.offset as usize;
        file[start..start + content.len()].copy_from_slice(content);
    }
    let mut header = Header {
        manifest_len: encoded.len() as u32, // `place` keeps it under MAX_MANIFEST_LEN.
        total_len: total_len as u64,
        hash: [0; 32],
    };
    file[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    header.hash = content_hash(&file);
    file[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    file
}
