//! Repository chores: set-up, tests, tidiness, fixtures.
//!
//! `cargo xtask test` is what a developer runs before a commit, `cargo xtask ci` what the CI runs.
//! Neither needs anything outside the repository but cargo, MPI, Node and npm, Chromium, an emulator of
//! Cortex-M and, on Linux, a Vulkan driver and an emulator of aarch64, which [`setup`] finds or installs.
#![warn(clippy::unwrap_used)]

mod firmware;
mod fixtures;
mod foreign;
mod program;
mod setup;
mod steps;
mod suite;
mod tally;
mod tidy;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test      set up what tests need, then check and test everything
  ci        test, and what only CI does: lints of mimlet-train, benches run once, cargo-deny
  firmware  run the firmware of targets/cortex-m7 in QEMU and compare it with this machine
  tidy      the rules of the house that no compiler checks
  setup     find or install what tests need: a Vulkan driver, MPI and libclang, an emulator of
            aarch64, Node, an emulator of Cortex-M, Chromium and npm
  web       build the browser package and the demo page into target/web; with --serve, serve them
  web-test  run both in a headless Chromium and compare tokens with this machine's
  fixtures  write the fixtures that the project makes itself, where they are missing
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = arguments.into_iter();
    let command = arguments.next();
    let serve = command.as_deref() == Some("web") && arguments.as_slice() == ["--serve"];
    if serve {
        arguments.next();
    }
    if let Some(extra) = arguments.next() {
        eprintln!("xtask: unexpected argument `{extra}`\n\n{USAGE}");
        return ExitCode::from(2);
    }
    match command.as_deref() {
        Some("test") => suite::test(),
        Some("ci") => suite::ci(),
        Some("firmware") => firmware::run(),
        Some("web") => web::run(serve),
        Some("web-test") => web::test(),
        Some("tidy") => tidy::run(),
        Some("setup") => setup::run(),
        Some("fixtures") => fixtures::run(),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The repository's folder: the one above `crates/xtask`.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .map_or_else(PathBuf::new, PathBuf::from)
}
