//! The signature block: what may follow the content of a file. Reading it takes no cryptography;
//! whether it holds is asked of [`Model::verify_signature`](crate::Model::verify_signature) (feature
//! `signature`).

use crate::FormatError;

/// First bytes of the block, in the manner of [`MAGIC`](crate::MAGIC).
pub(crate) const SIGNATURE_MAGIC: [u8; 8] = *b"\x89SIG\r\n\x1a\n";
/// Bytes of the block.
pub const SIGNATURE_LEN: usize = 112;
/// The only algorithm there is: Ed25519 (RFC 8032) over the content hash.
const ED25519: u16 = 1;

const KEY: usize = 16;
const SIGNATURE: usize = 48;

/// The signature block of a signed file, as found: it says who claims to have signed, and proves
/// nothing until it is verified with a key that is known from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureBlock {
    /// The public key of whoever claims to have signed.
    pub key: [u8; 32],
    /// The Ed25519 signature.
    pub signature: [u8; 64],
}

impl SignatureBlock {
    /// The block's bytes, as they follow a file's content.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SIGNATURE_LEN] {
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[..8].copy_from_slice(&SIGNATURE_MAGIC);
        bytes[8..10].copy_from_slice(&ED25519.to_le_bytes());
        bytes[KEY..SIGNATURE].copy_from_slice(&self.key);
        bytes[SIGNATURE..].copy_from_slice(&self.signature);
        bytes
    }

    /// Reads what follows the first `content` bytes of a file of `found`: nothing, or a block.
    pub(crate) fn parse(rest: &[u8], content: u64) -> Result<Option<Self>, FormatError> {
        let found = content + rest.len() as u64;
        let magic = &rest[..rest.len().min(SIGNATURE_MAGIC.len())];
        if rest.is_empty() {
            return Ok(None);
        }
        if magic != &SIGNATURE_MAGIC[..magic.len()] {
            let expected = content;
            return Err(FormatError::TrailingBytes { expected, found });
        }
        let Some(block) = rest.first_chunk::<SIGNATURE_LEN>() else {
            let found = rest.len() as u64;
            return Err(FormatError::SignatureTruncated { found });
        };
        if rest.len() > SIGNATURE_LEN {
            let expected = content + SIGNATURE_LEN as u64;
            return Err(FormatError::TrailingBytes { expected, found });
        }
        match u16::from_le_bytes([block[8], block[9]]) {
            ED25519 => {}
            found => return Err(FormatError::UnknownSignature { found }),
        }
        if let Some(at) = (10..KEY).find(|&at| block[at] != 0) {
            let at = content + at as u64;
            return Err(FormatError::ReservedNonZero { at });
        }
        Ok(Some(Self {
            key: core::array::from_fn(|i| block[KEY + i]),
            signature: core::array::from_fn(|i| block[SIGNATURE + i]),
        }))
    }
}
