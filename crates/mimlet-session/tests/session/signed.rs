//! Sessions that ask for a signature.

use crate::rungs::bundled;
use mimlet_format::{SecretKey, SignatureError};
use mimlet_session::{Session, SessionError};
use std::fs;

#[test]
fn only_a_file_that_this_key_signed_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed.mim");
    let key = SecretKey::from_seed([7; 32]);
    fs::write(&path, bundled().to_signed(&key)).unwrap();
    assert!(Session::open_signed(&path, &key.public()).is_ok());
    assert!(Session::open(&path).is_ok(), "nobody asked");

    let other = SecretKey::from_seed([8; 32]).public();
    let error = Session::open_signed(&path, &other).unwrap_err();
    assert!(matches!(error, SessionError::Signature(_)), "{error}");
    fs::write(&path, bundled().bytes()).unwrap();
    let error = Session::open_signed(&path, &key.public()).unwrap_err();
    let unsigned = matches!(error, SessionError::Signature(SignatureError::Missing));
    assert!(unsigned, "{error}");
}
