//! Tests and lints of the CPU engine on instruction sets that this machine does not have: aarch64 in
//! an emulator, WebAssembly in Node.
//!
//! Both run every test of the engine's crates. WebAssembly has neither threads nor unwinding there: a
//! backend falls back to the caller's thread, and the first test that fails ends its program.

use crate::program::Program;
use crate::setup::{self, Need};
use crate::steps::Step;

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const WASM: &str = "wasm32-wasip1";
/// WebAssembly's 128-bit vectors, which every current browser has.
const VECTORS: &str = "-C target-feature=+simd128";

/// On aarch64, with every extension that the emulator knows.
pub(crate) fn on_aarch64() -> Step {
    let program = engine(AARCH64)
        .with(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
            "aarch64-linux-gnu-gcc",
        )
        .with(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER",
            "qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu",
        );
    step("tests on aarch64", &setup::AARCH64, Step::test, program)
}

/// On WebAssembly with 128-bit vectors.
pub(crate) fn on_wasm() -> Step {
    let program = engine(WASM)
        .with("RUSTFLAGS", VECTORS)
        // Cargo runs a test program in its package's folder, beside this package's.
        .with(
            "CARGO_TARGET_WASM32_WASIP1_RUNNER",
            "node --no-warnings ../xtask/wasi.mjs",
        );
    step("tests on WebAssembly", &setup::WASM, Step::test, program)
}

/// Lints of what is compiled for aarch64 only.
pub(crate) fn lints_on_aarch64() -> Step {
    step(
        "lints on aarch64",
        &setup::AARCH64,
        Step::run,
        lints(AARCH64),
    )
}

/// Lints of what is compiled for WebAssembly only.
pub(crate) fn lints_on_wasm() -> Step {
    let program = lints(WASM).with("RUSTFLAGS", VECTORS);
    step("lints on WebAssembly", &setup::WASM, Step::run, program)
}

fn lints(target: &str) -> Program {
    let line = "cargo clippy -p mimlet-kernels -p mimlet-runtime --all-targets --target";
    Program::new(line).words([target, "--", "-D", "warnings"].map(str::to_owned))
}

/// All tests of the crates that run an encoder on the CPU.
fn engine(target: &str) -> Program {
    let line = "cargo test -p mimlet-kernels -p mimlet-runtime --no-fail-fast --target";
    Program::new(line).words([target.to_owned()])
}

/// A step of a kind, or why it is left out.
fn step(
    name: &'static str,
    need: &Need,
    kind: fn(&'static str, Program) -> Step,
    program: Program,
) -> Step {
    match need.left_out() {
        Some(why) => Step::note(name, format!("left out: {why}")),
        None => kind(name, program),
    }
}
