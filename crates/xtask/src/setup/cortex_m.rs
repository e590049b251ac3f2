//! An emulator of a whole machine with a Cortex-M.

use super::search::program;

/// Which emulator there is, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    let emulator = program("qemu-system-arm");
    let emulator = emulator.ok_or("an emulator of Cortex-M machines (qemu-system-arm)")?;
    Ok(format!("Cortex-M emulator {}", emulator.display()))
}
