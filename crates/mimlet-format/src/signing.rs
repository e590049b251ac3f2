//! Ed25519 over a file's content hash: keys, signing, and whether a signature holds.

use crate::{Model, SignatureBlock};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

/// What every signed message begins with, so that a signature made here means nothing elsewhere, nor
/// one made elsewhere here.
const DOMAIN: &[u8; 26] = b"mimlet model signature v1\0";

/// First line of a file that holds a secret key.
const SECRET_HEADER: &str = "mimlet secret key, ed25519: whoever reads this can sign in your name";
/// First line of a file that holds a public key.
const PUBLIC_HEADER: &str = "mimlet public key, ed25519";

/// Why text or bytes are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text does not start with a key's header.
    #[error("is no key file of mimlet: make a pair with `mimlet keygen`")]
    NotAKey,
    /// A public key is asked for and this is a secret one.
    #[error("is a secret key, and the public one is asked for: name the file that ends in .pub")]
    Secret,
    /// A secret key is asked for and this is a public one.
    #[error("is a public key, and the secret one is asked for: name the file without .pub")]
    Public,
    /// The second line is not 64 hexadecimal digits, or something follows it.
    #[error("does not hold 64 hexadecimal digits below its first line: copy it again")]
    Damaged,
    /// The bytes are no point of the curve, or one that would let anybody sign.
    #[error("holds no public key of ed25519: copy it again")]
    NotAPoint,
}

/// Why a file is not believed to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The file has no signature.
    #[error("is not signed, and a signature is required: sign it with `mimlet sign`")]
    Missing,
    /// The file claims to be signed by another key.
    #[error("is signed with another key, {0}: name its public key, or get the right file")]
    OtherKey(PublicKey),
    /// The signature is not of this content by this key.
    #[error("its signature does not hold: the file or the signature was changed, get it again")]
    Invalid,
}

/// A public key: what is given to everybody who is to check signatures. Its 32 bytes have been found to
/// be a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// A secret key: whoever has it can sign. It is wiped from memory when dropped, and no `Debug` shows
/// it.
pub struct SecretKey(SigningKey);

impl PublicKey {
    /// A key from its 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::NotAPoint`].
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(bytes)),
            _ => Err(KeyError::NotAPoint),
        }
    }

    /// The key's 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Reads the text of a public key's file.
    ///
    /// # Errors
    /// [`KeyError`]: it is none, or a secret one.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(key_bytes(text, PUBLIC_HEADER, KeyError::Secret)?)
    }

    /// The text of a public key's file: a line that says what it is, and 64 hexadecimal digits.
    #[must_use]
    pub fn to_text(&self) -> String {
        key_text(PUBLIC_HEADER, &self.to_bytes())
    }
}

impl fmt::Display for PublicKey {
    /// As 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl SecretKey {
    /// A key from 32 random bytes, which must come from the system's source of randomness.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads the text of a secret key's file.
    ///
    /// # Errors
    /// [`KeyError`]: it is none, or a public one.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        key_bytes(text, SECRET_HEADER, KeyError::Public).map(Self::from_seed)
    }

    /// The text of a secret key's file: a line that says what it is, and 64 hexadecimal digits.
    #[must_use]
    pub fn to_text(&self) -> String {
        key_text(SECRET_HEADER, self.0.as_bytes())
    }

    /// The public key of the pair.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}

impl Model<'_> {
    /// The whole file with a signature of its content by `key`, in place of any that it had. The
    /// content and its hash stay as they are.
    ///
    /// ```
    /// # fn show(bytes: &[u8], seed: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
    /// use mimlet_format::{AlignedBytes, Model, SecretKey};
    /// let key = SecretKey::from_seed(seed);
    /// let signed = AlignedBytes::from(Model::parse(bytes)?.to_signed(&key));
    /// Model::parse(&signed)?.verify_signature(&key.public())?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn to_signed(&self, key: &SecretKey) -> Vec<u8> {
        let block = SignatureBlock {
            key: key.public().to_bytes(),
            signature: key.0.sign(&message(&self.hash())).to_bytes(),
        };
        [self.bytes(), &block.to_bytes()].concat()
    }

    /// Whether the holder of `key` has signed this content.
    ///
    /// # Errors
    /// [`SignatureError`]: there is no signature, it is another key's, or it does not hold.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), SignatureError> {
        let block = self.signature().ok_or(SignatureError::Missing)?;
        if block.key != key.to_bytes() {
            // A key that is none cannot have signed.
            let other = PublicKey::from_bytes(block.key);
            return Err(other.map_or(SignatureError::Invalid, SignatureError::OtherKey));
        }
        let signature = ed25519_dalek::Signature::from_bytes(&block.signature);
        // Strict: one signature has one encoding, and no weak key passes.
        let holds = VerifyingKey::from_bytes(&key.0)
            .and_then(|key| key.verify_strict(&message(&self.hash()), &signature));
        holds.map_err(|_| SignatureError::Invalid)
    }
}

/// What is signed: the domain, and the content hash.
fn message(hash: &[u8; 32]) -> [u8; 58] {
    let mut message = [0; 58];
    message[..DOMAIN.len()].copy_from_slice(DOMAIN);
    message[DOMAIN.len()..].copy_from_slice(hash);
    message
}

fn key_text(header: &str, bytes: &[u8; 32]) -> String {
    let mut text = String::from(header);
    text.push('\n');
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    text
}

/// The key below `header`; `other` is the error when the text is of the other kind.
fn key_bytes(text: &str, header: &str, other: KeyError) -> Result<[u8; 32], KeyError> {
    let mut lines = text.lines().map(str::trim_end);
    match lines.next() {
        Some(first) if first == header => {}
        Some(SECRET_HEADER | PUBLIC_HEADER) => return Err(other),
        _ => return Err(KeyError::NotAKey),
    }
    let (digits, rest) = (lines.next().unwrap_or_default(), lines.next());
    let pairs = digits.as_bytes().as_chunks::<2>().0;
    let bytes: [[u8; 2]; 32] = pairs.try_into().map_err(|_| KeyError::Damaged)?;
    if rest.is_some() || digits.len() != 64 {
        return Err(KeyError::Damaged);
    }
    let mut key = [0; 32];
    for (byte, [high, low]) in key.iter_mut().zip(bytes) {
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(KeyError::Damaged);
        *byte = (digit(high)? * 16 + digit(low)?) as u8;
    }
    Ok(key)
}
