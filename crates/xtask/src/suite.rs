//! What `test` and `ci` consist of.

use crate::program::Program;
use crate::setup;
use crate::steps::{Step, take};
use crate::tidy;
use crate::{firmware, foreign, web};
use std::process::ExitCode;

/// The crates that must build without the standard library.
const NO_STD: [&str; 5] = [
    "mimlet-format",
    "mimlet-kernels",
    "mimlet-tcas",
    "mimlet-runtime",
    "mimlet-display",
];

/// `cargo xtask test`.
pub(crate) fn test() -> ExitCode {
    match setup::everything() {
        Ok(()) => take(&everything()),
        Err(problem) => problem.report(),
    }
}

/// `cargo xtask ci`: the steps of `test`, and those that take tools or minutes a developer need
/// not spend on each commit.
pub(crate) fn ci() -> ExitCode {
    match setup::everything() {
        Ok(()) => take(
            &[everything(), only_ci()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>(),
        ),
        Err(problem) => problem.report(),
    }
}

fn everything() -> Vec<Step> {
    let run = |name, line: &str| Step::run(name, Program::new(line));
    let test = |name, line: &str| Step::test(name, Program::new(line));
    vec![
        Step::call("tidy", "tidy", tidy::passes),
        run("format", "cargo fmt --all --check"),
        run(
            "lints",
            "cargo clippy --workspace --exclude mimlet-train --exclude mimlet-sql-tests --all-targets \
             -- -D warnings",
        ),
        foreign::lints_on_aarch64(),
        foreign::lints_on_wasm(),
        web::lints(),
        test(
            "tests",
            // web-bindgen has no tests, and the browser tests build it their own way.
            "cargo test --workspace --exclude mimlet-train --exclude mimlet-sql-tests \
             --exclude web-bindgen --no-fail-fast",
        ),
        foreign::on_aarch64(),
        foreign::on_wasm(),
        no_std(),
        firmware::format(),
        firmware::lints(),
        firmware::runs(),
        web::runs(),
        Step::run(
            "documentation",
            Program::new(
                "cargo doc --workspace --exclude mimlet-train --exclude mimlet-sql-tests --no-deps",
            )
            .with("RUSTDOCFLAGS", "-D warnings"),
        ),
        Step::test(
            "tests of mimlet-train",
            training("cargo test -p mimlet-train --no-fail-fast", &["vulkan"]),
        ),
        test(
            "the TCAS query on a SQL engine",
            "cargo test --profile sql -p mimlet-sql-tests --no-fail-fast",
        ),
    ]
}

fn only_ci() -> Vec<Step> {
    let run = |name, line: &str| Step::run(name, Program::new(line));
    vec![
        Step::run(
            "lints of mimlet-train",
            // Without Vulkan, for whose sake half of burn would be checked, for one file of ours.
            training("cargo clippy -p mimlet-train --all-targets", &[])
                .words(["--", "-D", "warnings"].map(str::to_owned)),
        ),
        run(
            "benches, once each",
            "cargo test -p mimlet-benches --benches",
        ),
        licences(),
    ]
}

/// A command about mimlet-train with features, and with MPI where this machine is to test it.
fn training(line: &str, features: &[&str]) -> Program {
    let mpi = setup::MPI.wanted().then_some("mpi");
    let features: Vec<&str> = mpi.iter().chain(features).copied().collect();
    let features = features.join(",");
    Program::new(line).words(["--features".to_owned(), features])
}

/// The device crates, built for machines without an operating system; where those are left out, the
/// host shows at least that our own code asks for no `std`.
fn no_std() -> Step {
    let crates = NO_STD.iter().flat_map(|name| ["-p".into(), (*name).into()]);
    let mut program = Program::new("cargo build --lib --no-default-features").words(crates);
    if setup::FIRMWARE.wanted() {
        let targets = setup::BARE_TARGETS.iter();
        program = program
            .words(["--features".into(), "mimlet-format/signature".into()])
            .words(targets.flat_map(|target| ["--target".into(), (*target).into()]))
            // Where floats are computed in software, what these use vectors for cannot be compiled.
            .with("RUSTFLAGS", "--cfg curve25519_dalek_backend=\"serial\" --cfg sha2_backend=\"soft\"");
    }
    Step::run("without the standard library", program)
}

fn licences() -> Step {
    const NAME: &str = "licences and sources";
    if Program::new("cargo deny --version").output().is_some() {
        let line = "cargo deny --workspace --config .deny.toml check bans licenses sources";
        Step::run(NAME, Program::new(line))
    } else {
        Step::note(
            NAME,
            "not checked: `cargo install cargo-deny` would make it so",
        )
    }
}
