//! Fixtures that the project makes itself. Those other people's software made lie in
//! `tests/fixtures` with a note on their making, and are never written again.

use crate::program::Program;
use std::process::ExitCode;

/// `cargo xtask fixtures`: writes what is missing. A file that is there stays: files of a released
/// format version must keep loading as they are.
pub(crate) fn run() -> ExitCode {
    let program = Program::new("cargo run --package mimlet-tests --example write_fixtures");
    if program.succeeds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
