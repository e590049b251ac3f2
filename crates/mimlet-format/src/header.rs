//! The first 64 bytes: magic, version, lengths, content hash.

use crate::limits::MAX_MANIFEST_LEN;
use crate::{FormatError, SignatureBlock};

/// First bytes of every file. The non-ASCII first byte and both line endings show at once when a
/// file went through a 7-bit or text-mode transfer (as PNG's signature does, RFC 2083 section 3.1).
pub const MAGIC: [u8; 8] = *b"\x89MIM\r\n\x1a\n";
/// The version this crate writes and reads.
pub const VERSION: u16 = 2;
/// Bytes of the header; the manifest starts here.
pub const HEADER_LEN: usize = 64;
/// Alignment of a file in memory and of every tensor in a file, bytes: one cache line, and enough
/// for any SIMD load.
pub const ALIGNMENT: usize = 64;

const RESERVED_16: usize = 10;
const HASH: core::ops::Range<usize> = 24..56;
const RESERVED_64: core::ops::Range<usize> = 56..64;

/// The header of a file whose length, magic, version and reserved fields are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of the postcard manifest, which starts at [`HEADER_LEN`].
    pub(crate) manifest_len: u32,
    /// Bytes of the content: the whole file but for a signature.
    pub(crate) total_len: u64,
    /// See [`content_hash`].
    pub(crate) hash: [u8; 32],
}

impl Header {
    /// Reads the header and holds its fields to the bytes that are there: the content, and after it
    /// nothing or a signature.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, Option<SignatureBlock>), FormatError> {
        check_magic(bytes)?;
        let header = bytes
            .first_chunk::<HEADER_LEN>()
            .ok_or(FormatError::TooShort {
                found: bytes.len() as u64,
            })?;
        match u16::from_le_bytes(field(header, 8)) {
            0 => return Err(FormatError::VersionZero),
            1 => return Err(FormatError::UnreleasedVersion { found: 1 }),
            VERSION => {}
            found => return Err(FormatError::FutureVersion { found }),
        }
        for at in (RESERVED_16..RESERVED_16 + 2).chain(RESERVED_64) {
            if header[at] != 0 {
                return Err(FormatError::ReservedNonZero { at: at as u64 });
            }
        }
        let header = Self {
            manifest_len: u32::from_le_bytes(field(header, 12)),
            total_len: u64::from_le_bytes(field(header, 16)),
            hash: field(header, HASH.start),
        };
        let signature = header.check_lengths(bytes)?;
        Ok((header, signature))
    }

    /// Where the manifest ends. Cannot overflow.
    pub(crate) fn manifest_end(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.manifest_len)
    }

    /// The header's 64 bytes, with the hash as it stands.
    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.manifest_len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.total_len.to_le_bytes());
        bytes[HASH].copy_from_slice(&self.hash);
        bytes
    }

    fn check_lengths(&self, bytes: &[u8]) -> Result<Option<SignatureBlock>, FormatError> {
        let (expected, found) = (self.total_len, bytes.len() as u64);
        if found < expected {
            return Err(FormatError::Truncated { expected, found });
        }
        // Fits: it is at most the length of what is in memory.
        let signature = SignatureBlock::parse(&bytes[expected as usize..], expected)?;
        if self.manifest_len > MAX_MANIFEST_LEN {
            return Err(FormatError::ManifestTooLarge {
                found: u64::from(self.manifest_len),
            });
        }
        if self.manifest_end() > expected {
            return Err(FormatError::ManifestPastEnd {
                end: self.manifest_end(),
                total: expected,
            });
        }
        Ok(signature)
    }
}

/// BLAKE3 over all content but the hash itself: bytes 0..24, then 56 to the end.
/// `bytes` is the content, at least a header long.
pub(crate) fn content_hash(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..HASH.start]);
    hasher.update(&bytes[HASH.end..]);
    *hasher.finalize().as_bytes()
}

/// A short file that agrees with the magic as far as it goes is "too short", any other is not ours.
fn check_magic(bytes: &[u8]) -> Result<(), FormatError> {
    let head = &bytes[..bytes.len().min(MAGIC.len())];
    if head == &MAGIC[..head.len()] {
        return Ok(());
    }
    // The name survives a text-mode transfer; the first byte or the line endings around it do not.
    let mangled = bytes.get(1..4) == Some(&MAGIC[1..4]) || bytes.starts_with(&MAGIC[1..4]);
    Err(if mangled {
        FormatError::MangledMagic
    } else {
        FormatError::NotMim
    })
}

/// `N` bytes of the header from `at`, which every caller keeps inside it.
fn field<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    core::array::from_fn(|i| header[at + i])
}
