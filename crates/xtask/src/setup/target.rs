//! Rust's standard library for a target other than the host.

use crate::program::Program;
use std::path::Path;

/// Makes sure of it, through rustup.
///
/// # Errors
/// The command that would have added it.
pub(super) fn ensure(target: &str) -> Result<(), String> {
    if is_installed(target) {
        return Ok(());
    }
    println!("set-up: adding Rust's library for {target}");
    let add = Program::new("rustup target add").words([target.to_owned()]);
    if add.succeeds() && is_installed(target) {
        Ok(())
    } else {
        Err(add.to_string())
    }
}

/// Whether the compiler has it, whoever installed that.
fn is_installed(target: &str) -> bool {
    let ask = Program::new("rustc --print target-libdir --target").words([target.to_owned()]);
    let folder = ask.output().unwrap_or_default();
    Path::new(folder.trim()).is_dir() && !folder.trim().is_empty()
}
