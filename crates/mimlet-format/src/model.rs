//! A checked file in memory: its manifest, and its tensors used in place.

use crate::check::{check, find};
use crate::header::{ALIGNMENT, HEADER_LEN, Header, content_hash};
use crate::{DType, FormatError, Manifest, SignatureBlock, TensorEntry, TensorRole};
use alloc::borrow::Cow;
use core::fmt;

/// A `.mim` file whose every claim has been checked; its tensors lie in `'a`.
///
/// ```
/// # fn show(bytes: &[u8]) -> Result<(), mimlet_format::FormatError> {
/// use mimlet_format::{Model, TensorRole};
/// let model = Model::parse(bytes)?;
/// println!("{}, {} blocks", model.manifest().provenance.name, model.manifest().encoder.depth);
/// if let Some(table) = model.tensor(TensorRole::TokenTable).and_then(|tensor| tensor.f32()) {
///     println!("{} values in the token table", table.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Model<'a> {
    bytes: &'a [u8],
    manifest: Cow<'a, Manifest>,
    hash: [u8; 32],
    signature: Option<SignatureBlock>,
}

/// A checked file but for its bytes.
#[cfg(feature = "std")]
#[derive(Debug)]
pub(crate) struct Checked {
    content_len: usize,
    manifest: Manifest,
    hash: [u8; 32],
    signature: Option<SignatureBlock>,
}

impl<'a> Model<'a> {
    /// Checks everything that can be wrong with a file, in the order of FORMAT.md.
    ///
    /// `bytes` is the whole file, with its signature if it has one, and starts at a multiple of [`ALIGNMENT`]: a memory map does, as
    /// does [`AlignedBytes`](crate::AlignedBytes). Allocates the manifest, never a tensor.
    ///
    /// # Errors
    /// The first rule of FORMAT.md that the bytes break.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let (header, signature) = Header::parse(bytes)?;
        let past = bytes.as_ptr().addr() % ALIGNMENT;
        if past != 0 {
            return Err(FormatError::Misaligned { past: past as u64 });
        }
        // The header's check keeps the content's end inside the file.
        let bytes = &bytes[..header.total_len as usize];
        if content_hash(bytes) != header.hash {
            return Err(FormatError::HashMismatch);
        }
        // The header's check keeps the manifest's end inside the file.
        let manifest = decode(&bytes[HEADER_LEN..header.manifest_end() as usize])?;
        check(&manifest, bytes, header.manifest_end())?;
        Ok(Self {
            bytes,
            manifest: Cow::Owned(manifest),
            hash: header.hash,
            signature,
        })
    }

    /// What the file says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// BLAKE3 of the content: the file's identity.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The signature after the content, not verified; `None` when there is none.
    pub fn signature(&self) -> Option<&SignatureBlock> {
        self.signature.as_ref()
    }

    /// The content: the whole file but for a signature.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A tensor; `None` when the file has none of this role (see
    /// [`required_roles`](crate::required_roles) for those it cannot lack).
    pub fn tensor(&self, role: TensorRole) -> Option<TensorView<'_, 'a>> {
        find(&self.manifest.tensors, role).map(|entry| TensorView::new(entry, self.bytes))
    }

    /// Every tensor, in file order.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = TensorView<'_, 'a>> {
        let bytes = self.bytes;
        self.manifest
            .tensors
            .iter()
            .map(move |entry| TensorView::new(entry, bytes))
    }

    /// Puts a checked file together again: the bytes it was in, and what else was found.
    #[cfg(feature = "std")]
    pub(crate) fn from_checked(bytes: &'a [u8], checked: &'a Checked) -> Self {
        Self {
            bytes: &bytes[..checked.content_len],
            manifest: Cow::Borrowed(&checked.manifest),
            hash: checked.hash,
            signature: checked.signature,
        }
    }

    /// Takes out all but the bytes, for [`Model::from_checked`].
    #[cfg(feature = "std")]
    pub(crate) fn into_checked(self) -> Checked {
        Checked {
            content_len: self.bytes.len(),
            manifest: self.manifest.into_owned(),
            hash: self.hash,
            signature: self.signature,
        }
    }
}

impl fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("len", &self.bytes.len())
            .field("manifest", &self.manifest)
            .finish_non_exhaustive()
    }
}

/// Decodes a manifest that fills `bytes` and is the one encoding of its content.
fn decode(bytes: &[u8]) -> Result<Manifest, FormatError> {
    let (manifest, rest): (Manifest, _) =
        postcard::take_from_bytes(bytes).map_err(FormatError::ManifestDecode)?;
    if !rest.is_empty() {
        return Err(FormatError::ManifestTrailingBytes {
            unused: rest.len() as u64,
        });
    }
    // Postcard accepts overlong integers; one content must have one hash.
    let canonical = postcard::to_allocvec(&manifest).map_err(FormatError::ManifestEncode)?;
    if canonical != bytes {
        return Err(FormatError::ManifestNotCanonical);
    }
    Ok(manifest)
}

/// One tensor of a checked file: its entry, in `'m`, and its bytes, in `'a`.
#[derive(Clone, Copy)]
pub struct TensorView<'m, 'a> {
    /// Role, element type, layout and shape.
    pub entry: &'m TensorEntry,
    /// The stored elements, layout padding included, at a multiple of [`ALIGNMENT`].
    pub bytes: &'a [u8],
}

impl<'m, 'a> TensorView<'m, 'a> {
    /// The entry's bytes, which a check has found inside the file.
    pub(crate) fn new(entry: &'m TensorEntry, file: &'a [u8]) -> Self {
        let start = entry.offset as usize;
        Self {
            entry,
            bytes: &file[start..start + entry.length as usize],
        }
    }

    /// The elements, when they are 32-bit floats.
    pub fn f32(&self) -> Option<&'a [f32]> {
        self.cast(DType::F32)
    }

    /// The elements' bits, when they are 16-bit floats (IEEE 754 binary16).
    pub fn f16_bits(&self) -> Option<&'a [u16]> {
        self.cast(DType::F16)
    }

    /// The elements, when they are signed bytes.
    pub fn i8(&self) -> Option<&'a [i8]> {
        self.cast(DType::I8)
    }

    /// The elements two a byte, the first in the low half, when they are signed 4-bit integers.
    pub fn i4(&self) -> Option<&'a [u8]> {
        self.cast(DType::I4)
    }

    /// The elements, when they are unsigned bytes.
    pub fn u8(&self) -> Option<&'a [u8]> {
        self.cast(DType::U8)
    }

    /// The elements, when they are unsigned 32-bit integers.
    pub fn u32(&self) -> Option<&'a [u32]> {
        self.cast(DType::U32)
    }

    /// The check of offset and length leaves the element type as the only reason for `None`.
    fn cast<T: bytemuck::AnyBitPattern>(&self, dtype: DType) -> Option<&'a [T]> {
        if self.entry.dtype != dtype {
            return None;
        }
        bytemuck::try_cast_slice(self.bytes).ok()
    }
}

impl fmt::Debug for TensorView<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorView")
            .field("entry", self.entry)
            .finish_non_exhaustive()
    }
}
