//! Every way a file can be wrong, one variant each.

use crate::header::{ALIGNMENT, HEADER_LEN, VERSION};
use crate::limits::MAX_MANIFEST_LEN;
use crate::{DType, Layout, SIGNATURE_LEN, TensorRole};
use alloc::vec::Vec;

/// Why bytes are not a valid `.mim` file. FORMAT.md lists the variants beside the rules they guard.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    // Header.
    /// Fewer bytes than a header.
    #[error("file of {found} bytes is shorter than the {HEADER_LEN}-byte header: copy it again")]
    TooShort {
        /// Bytes found.
        found: u64,
    },
    /// The magic is something else.
    #[error("not a .mim file: it does not start with the magic \\x89MIM")]
    NotMim,
    /// The magic was changed the way text-mode transfers do.
    #[error("magic is damaged as by a text-mode transfer: copy the file again in binary mode")]
    MangledMagic,
    /// Version 0 was never written.
    #[error("version 0 was never a format: the file is damaged, or of another program")]
    VersionZero,
    /// A version from before the first release.
    #[error(
        "file has format version {found}, which was never released and is not read any more: export \
         the model again"
    )]
    UnreleasedVersion {
        /// Version found.
        found: u16,
    },
    /// Written by a newer program.
    #[error(
        "file has format version {found}, this program reads up to {VERSION}: update the program"
    )]
    FutureVersion {
        /// Version found.
        found: u16,
    },
    /// A reserved byte of the header or the signature is not zero.
    #[error("reserved byte {at} is not zero: the file is damaged")]
    ReservedNonZero {
        /// Offset in the file.
        at: u64,
    },
    /// The file is shorter than its header says.
    #[error("file is truncated: {found} bytes of {expected}: copy it again")]
    Truncated {
        /// Bytes by the header.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// The file is longer than its header says.
    #[error("file has {found} bytes where its header says {expected}: cut off what follows")]
    TrailingBytes {
        /// Bytes by the header.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// The file ends inside the signature after its content.
    #[error("signature has {found} bytes of {SIGNATURE_LEN}: copy the file again")]
    SignatureTruncated {
        /// Bytes found.
        found: u64,
    },
    /// The file is signed in a way that a newer program knows.
    #[error("file is signed with algorithm {found}, this program knows 1: update the program")]
    UnknownSignature {
        /// Algorithm found.
        found: u16,
    },
    /// The bytes lie in memory where tensors cannot be used in place.
    #[error(
        "bytes start {past} past a multiple of {ALIGNMENT} in memory: use AlignedBytes or \
         include_aligned"
    )]
    Misaligned {
        /// Address modulo the alignment.
        past: u64,
    },
    /// The content does not have the hash the header states.
    #[error("content hash does not match: the file is damaged or was edited, copy it again")]
    HashMismatch,

    // Manifest.
    /// The manifest is longer than any real one.
    #[error("manifest of {found} bytes is over the limit of {MAX_MANIFEST_LEN}")]
    ManifestTooLarge {
        /// Bytes found.
        found: u64,
    },
    /// The manifest would end after the file.
    #[error("manifest would end at byte {end} of a file of {total} bytes")]
    ManifestPastEnd {
        /// End of the manifest.
        end: u64,
        /// Bytes of the file.
        total: u64,
    },
    /// The manifest is not postcard of the expected types.
    #[error("manifest cannot be decoded: {0}: export the model again")]
    ManifestDecode(postcard::Error),
    /// The manifest cannot be written.
    #[error("manifest cannot be encoded: {0}")]
    ManifestEncode(postcard::Error),
    /// The manifest ends before the length in the header.
    #[error("manifest ends {unused} bytes before its stated length: export the model again")]
    ManifestTrailingBytes {
        /// Bytes left over.
        unused: u64,
    },
    /// The same manifest has another, canonical encoding.
    #[error("manifest is not in canonical encoding: export the model again")]
    ManifestNotCanonical,

    // Meaning of the manifest.
    /// A count or size outside its bounds.
    #[error("{field} is {found}, must be {min} to {max}: export the model again")]
    OutOfRange {
        /// Path of the field in the manifest.
        field: &'static str,
        /// Value found.
        found: u64,
        /// Lowest allowed.
        min: u64,
        /// Highest allowed.
        max: u64,
    },
    /// One size must divide another.
    #[error("{field} is {found}, must be a multiple of {divisor_field}, {divisor}")]
    NotDivisible {
        /// Path of the field that is divided.
        field: &'static str,
        /// Its value.
        found: u32,
        /// Path of the field that must divide it.
        divisor_field: &'static str,
        /// Its value.
        divisor: u32,
    },
    /// A number that is NaN, infinite or outside its bounds.
    #[error("{field} is {found}, must be {allowed}: export the model again")]
    BadNumber {
        /// Path of the field in the manifest.
        field: &'static str,
        /// Value found.
        found: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A text holds control characters, which could forge a terminal's output.
    #[error("{field} holds a control character: write it as plain text on one line")]
    ControlCharacter {
        /// Path of the field in the manifest.
        field: &'static str,
    },
    /// A codebook's centroids are not as wide as what they are compared with.
    #[error("codebook.dim is {found}, must be {expected}, the width of its space")]
    CodebookDim {
        /// Width found.
        found: u32,
        /// Width of the space.
        expected: u32,
    },
    /// Labels for some images but not others.
    #[error("acceptance.labels has {found} entries for {images} images: label all or none")]
    LabelCount {
        /// Labels found.
        found: u64,
        /// Golden images.
        images: u32,
    },
    /// A label without a class.
    #[error("acceptance.labels[{index}] is {label}, but there are {classes} class names")]
    LabelOutOfRange {
        /// Index of the label.
        index: u64,
        /// Its value.
        label: u32,
        /// Class names in the manifest.
        classes: u64,
    },
    /// A TCAS bound that no run could compute.
    #[error("acceptance.thresholds.max_tcas needs labels and a codebook: add them or leave it out")]
    TcasBoundWithoutTokens,
    /// Figures of tokens for another number of tokens than the codebook has.
    #[error("drift has counts of {found} tokens, but the codebook has {size} centroids")]
    DriftTokens {
        /// Tokens counted.
        found: u64,
        /// Centroids; 0 without a codebook.
        size: u32,
    },
    /// Ranges of some layers but not others.
    #[error("ranges has {found} entries for {expected} layers: record all or none")]
    RangeCount {
        /// Entries found.
        found: u64,
        /// Layers of the encoder.
        expected: u64,
    },
    /// A range of another layer than the one whose turn it is.
    #[error("ranges[{index}] is of {found}, must be of {expected}: layers are in table order")]
    RangeRole {
        /// Index of the entry.
        index: u64,
        /// Layer found.
        found: TensorRole,
        /// Layer at this place.
        expected: TensorRole,
    },

    // Tensor table.
    /// The same tensor twice.
    #[error("tensor {role} is listed twice")]
    DuplicateTensor {
        /// The tensor.
        role: TensorRole,
    },
    /// The table is not in ascending order of role.
    #[error("tensor {role} is out of order: the table is sorted by role")]
    TensorOrder {
        /// The first tensor that is smaller than the one before it.
        role: TensorRole,
    },
    /// The encoder or its acceptance test lacks a tensor.
    #[error("tensor {role} is missing")]
    MissingTensor {
        /// The tensor.
        role: TensorRole,
    },
    /// A tensor this encoder has no place for.
    #[error("tensor {role} has no place in this encoder")]
    UnexpectedTensor {
        /// The tensor.
        role: TensorRole,
    },
    /// An element type the tensor's role does not allow.
    #[error("tensor {role} has element type {found}, which its role does not allow")]
    WrongDType {
        /// The tensor.
        role: TensorRole,
        /// Element type found.
        found: DType,
    },
    /// A layout the tensor's role and element type do not allow.
    #[error("tensor {role} has layout {found}, must be {expected}")]
    WrongLayout {
        /// The tensor.
        role: TensorRole,
        /// Layout found.
        found: Layout,
        /// Layout of this role and element type.
        expected: Layout,
    },
    /// A shape that the configuration does not imply.
    #[error("tensor {role} has shape {found:?}, must be {expected:?}")]
    WrongShape {
        /// The tensor.
        role: TensorRole,
        /// Shape found.
        found: Vec<u32>,
        /// Shape by the configuration.
        expected: Vec<u32>,
    },
    /// A length that shape, element type and layout do not imply.
    #[error("tensor {role} has {found} bytes, must have {expected}")]
    WrongLength {
        /// The tensor.
        role: TensorRole,
        /// Bytes found.
        found: u64,
        /// Bytes by shape, element type and layout.
        expected: u64,
    },
    /// A tensor larger than any address.
    #[error("tensor {role} is larger than any file can be")]
    TensorTooLarge {
        /// The tensor.
        role: TensorRole,
    },
    /// A tensor at an offset that is no multiple of the alignment.
    #[error("tensor {role} starts at byte {offset}, must be a multiple of {ALIGNMENT}")]
    TensorMisaligned {
        /// The tensor.
        role: TensorRole,
        /// Offset found.
        offset: u64,
    },
    /// A tensor begins before the end of what comes before it.
    #[error("tensor {role} starts at byte {offset}, inside what ends at {previous_end}")]
    Overlap {
        /// The tensor.
        role: TensorRole,
        /// Offset found.
        offset: u64,
        /// End of the tensor or manifest before it.
        previous_end: u64,
    },
    /// Bytes that no tensor claims, before a tensor.
    #[error("tensor {role} starts at byte {offset}, must start at {expected}: there is a hole")]
    Hole {
        /// The tensor.
        role: TensorRole,
        /// Offset found.
        offset: u64,
        /// First multiple of the alignment after the tensor or manifest before it.
        expected: u64,
    },
    /// A tensor ends after the file.
    #[error("tensor {role} would end past the file's {total} bytes")]
    TensorPastEnd {
        /// The tensor.
        role: TensorRole,
        /// Bytes of the file.
        total: u64,
    },
    /// Bytes that no tensor claims, after the last one.
    #[error("bytes {end} to {total} belong to no tensor: cut them off")]
    UnclaimedBytes {
        /// End of the last tensor.
        end: u64,
        /// Bytes of the file.
        total: u64,
    },
    /// A byte between two sections is not zero.
    #[error("padding byte {at} before tensor {role} is not zero")]
    NonZeroPadding {
        /// The tensor after the padding.
        role: TensorRole,
        /// Offset in the file.
        at: u64,
    },

    // Values inside tensors.
    /// A missing row or column of a panel is not zero.
    #[error("tensor {role} has a non-zero value in its layout padding")]
    NonZeroLane {
        /// The tensor.
        role: TensorRole,
    },
    /// NaN or infinity.
    #[error("tensor {role} holds {found} at index {index}, must be finite")]
    NotFinite {
        /// The tensor.
        role: TensorRole,
        /// Index of the element.
        index: u64,
        /// Its value.
        found: f32,
    },
    /// A scale or margin below zero.
    #[error("tensor {role} holds {found} at index {index}, must not be negative")]
    Negative {
        /// The tensor.
        role: TensorRole,
        /// Index of the element.
        index: u64,
        /// Its value.
        found: f32,
    },
    /// A golden token that is no index into the codebook.
    #[error("golden token {index} is {token}, but the codebook has {size} centroids")]
    TokenOutOfRange {
        /// Index of the token.
        index: u64,
        /// Its value.
        token: u32,
        /// Centroids in the codebook.
        size: u32,
    },
}
