//! An emulator of aarch64 Linux, with a linker and a C library for it.

use super::search::program;
use std::path::Path;

/// Where Debian keeps aarch64's libraries; programs find their loader there.
const LOADER: &str = "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1";

/// Which emulator and linker there are, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    let emulator = program("qemu-aarch64").ok_or("an emulator of aarch64 (qemu-aarch64)")?;
    let linker = program("aarch64-linux-gnu-gcc")
        .ok_or("a C compiler for aarch64 (aarch64-linux-gnu-gcc), to link with")?;
    if !Path::new(LOADER).exists() {
        return Err("a C library for aarch64");
    }
    Ok(format!(
        "aarch64 emulator {}, linker {}",
        emulator.display(),
        linker.display()
    ))
}
