//! The `mimlet-train` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    mimlet_train::cli::main()
}
