//! Signed files: what may follow the content, whose signature is believed, and what a key's text is.

use crate::forge::{self, assert_refused};
use ed25519_dalek::{Signature, VerifyingKey};
use mimlet_format::{
    AlignedBytes, FormatError, KeyError, Model, ModelFile, PublicKey, SIGNATURE_LEN, SecretKey,
    SignatureError, write_atomically,
};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// The sample, signed.
fn signed() -> AlignedBytes {
    let sample = forge::sample();
    Model::parse(&sample).unwrap().to_signed(&key(1)).into()
}

fn verify(file: &[u8], key: &PublicKey) -> Result<(), SignatureError> {
    Model::parse(file).unwrap().verify_signature(key)
}

/// The signed sample with bytes of its signature block overwritten.
fn with_block(at: usize, bytes: &[u8]) -> AlignedBytes {
    let mut file = signed();
    let start = file.len() - SIGNATURE_LEN + at;
    file[start..start + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn signing_changes_neither_content_nor_hash() {
    let (sample, signed) = (forge::sample(), signed());
    assert_eq!(signed.len(), sample.len() + SIGNATURE_LEN);
    let (plain, model) = (
        Model::parse(&sample).unwrap(),
        Model::parse(&signed).unwrap(),
    );
    assert_eq!(model.bytes(), plain.bytes());
    assert_eq!(model.hash(), plain.hash());
    assert_eq!(plain.signature(), None);
    assert_eq!(model.signature().unwrap().key, key(1).public().to_bytes());
    assert_eq!(model.verify_signature(&key(1).public()), Ok(()));
}

#[test]
fn a_signed_file_on_disk_opens_with_its_signature() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed.mim");
    write_atomically(&path, &signed()).unwrap();
    let file = ModelFile::open(&path).unwrap();
    assert_eq!(file.model().verify_signature(&key(1).public()), Ok(()));
    assert_eq!(file.model().bytes(), &forge::sample()[..]);
}

#[test]
fn what_is_signed_is_what_the_document_says() {
    let file = signed();
    let model = Model::parse(&file).unwrap();
    let message = [&b"mimlet model signature v1\0"[..], &model.hash()].concat();
    let block = model.signature().unwrap();
    let key = VerifyingKey::from_bytes(&block.key).unwrap();
    let signature = Signature::from_bytes(&block.signature);
    key.verify_strict(&message, &signature).unwrap();
    assert!(key.verify_strict(&model.hash(), &signature).is_err());
}

#[test]
fn signing_again_replaces_the_signature() {
    let again: AlignedBytes = Model::parse(&signed()).unwrap().to_signed(&key(2)).into();
    assert_eq!(again.len(), signed().len());
    assert_eq!(verify(&again, &key(2).public()), Ok(()));
    assert!(verify(&again, &key(1).public()).is_err());
    // Ed25519 takes no random numbers: the same content and key give the same file.
    let twice = Model::parse(&again).unwrap().to_signed(&key(1));
    assert_eq!(twice, signed().to_vec());
}

#[test]
fn a_signature_cut_anywhere_is_truncated() {
    let file = signed();
    let content = file.len() - SIGNATURE_LEN;
    for len in 1..SIGNATURE_LEN {
        let found = len as u64;
        assert_refused(
            &file[..content + len],
            &FormatError::SignatureTruncated { found },
        );
    }
}

#[test]
fn an_unknown_algorithm_is_named() {
    for found in [0, 2, u16::MAX] {
        let file = with_block(8, &found.to_le_bytes());
        assert_refused(&file, &FormatError::UnknownSignature { found });
    }
}

#[test]
fn reserved_bytes_of_a_signature_are_zero() {
    let content = forge::sample().len() as u64;
    for at in 10..16 {
        let expected = FormatError::ReservedNonZero { at: content + at };
        assert_refused(&with_block(at as usize, &[1]), &expected);
    }
}

#[test]
fn nothing_follows_a_signature() {
    let file = signed();
    let expected = file.len() as u64;
    for extra in [1, SIGNATURE_LEN] {
        let longer = [&file[..], &vec![0; extra]].concat();
        let found = longer.len() as u64;
        assert_refused(&longer, &FormatError::TrailingBytes { expected, found });
    }
    let other = with_block(3, b"?");
    let expected = forge::sample().len() as u64;
    let found = other.len() as u64;
    assert_refused(&other, &FormatError::TrailingBytes { expected, found });
}

#[test]
fn no_bit_of_a_signature_can_change() {
    let mut file = signed();
    let public = key(1).public();
    // Those of the content are the hash's to find: `header::no_byte_can_change_unnoticed`.
    for at in file.len() - SIGNATURE_LEN..file.len() {
        for bit in 0..8 {
            file[at] ^= 1 << bit;
            let model = Model::parse(&file);
            let believed = model.is_ok_and(|model| model.verify_signature(&public).is_ok());
            assert!(!believed, "bit {bit} of byte {at}");
            file[at] ^= 1 << bit;
        }
    }
    assert_eq!(verify(&file, &public), Ok(()));
}

#[test]
fn only_the_right_key_is_believed() {
    assert_eq!(
        verify(&forge::sample(), &key(1).public()),
        Err(SignatureError::Missing)
    );
    let other = SignatureError::OtherKey(key(1).public());
    assert_eq!(verify(&signed(), &key(2).public()), Err(other));
    // Who puts another's key beside his own signature is found out.
    let forged: AlignedBytes = Model::parse(&signed()).unwrap().to_signed(&key(2)).into();
    let mut forged = forged;
    let start = forged.len() - SIGNATURE_LEN + 16;
    forged[start..start + 32].copy_from_slice(&key(1).public().to_bytes());
    assert_eq!(
        verify(&forged, &key(1).public()),
        Err(SignatureError::Invalid)
    );
    // A key that is no point has signed nothing.
    assert_eq!(
        verify(&with_block(16, &[1]), &key(2).public()),
        Err(SignatureError::Invalid)
    );
}

#[test]
fn a_signature_does_not_pass_to_another_content() {
    let block = signed()[forge::sample().len()..].to_vec();
    let mut manifest = forge::manifest();
    manifest.provenance.name = "another".into();
    let other = forge::write(&manifest).unwrap();
    let moved: AlignedBytes = [&other[..], &block].concat().into();
    assert_eq!(
        verify(&moved, &key(1).public()),
        Err(SignatureError::Invalid)
    );
}

#[test]
fn keys_are_read_as_they_are_written() {
    let (secret, public) = (key(5).to_text(), key(5).public().to_text());
    assert_eq!(
        SecretKey::from_text(&secret).unwrap().public(),
        key(5).public()
    );
    assert_eq!(PublicKey::from_text(&public), Ok(key(5).public()));
    let dos = public.replace('\n', "\r\n");
    assert_eq!(PublicKey::from_text(&dos), Ok(key(5).public()));
    assert!(
        !format!("{:?}", key(5)).contains(&"05".repeat(32)),
        "a secret in Debug"
    );
}

#[test]
fn texts_that_are_no_key_are_told_apart() {
    let (secret, public) = (key(5).to_text(), key(5).public().to_text());
    let of_secret = |text: &str| SecretKey::from_text(text).unwrap_err();
    let of_public = |text: &str| PublicKey::from_text(text).unwrap_err();
    assert_eq!(of_secret(&public), KeyError::Public);
    assert_eq!(of_public(&secret), KeyError::Secret);
    for none in ["", "ssh-ed25519 AAAA", "\n"] {
        assert_eq!(of_secret(none), KeyError::NotAKey);
        assert_eq!(of_public(none), KeyError::NotAKey);
    }
    let damaged = [
        secret[..secret.len() - 2].to_owned(),
        secret.trim_end().to_owned() + "00",
        secret.replace("05", "0g"),
        secret.clone() + "more",
        secret.replace("05", "é"),
        secret.lines().next().unwrap().to_owned(),
    ];
    for text in damaged {
        assert_eq!(of_secret(&text), KeyError::Damaged, "{text}");
    }
    // The neutral element, with which anybody's signature could be made to hold, and no point at all.
    let weak = [vec![1], vec![0; 31]].concat();
    for bytes in [weak, vec![2; 32]] {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let header = public.lines().next().unwrap();
        assert_eq!(
            of_public(&format!("{header}\n{digits}\n")),
            KeyError::NotAPoint
        );
    }
}
