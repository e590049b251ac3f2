//! The rules of the house that no compiler checks. Each check is a function from the repository's
//! text to faults, so that a test can plant a fault in a few lines of text.

mod crate_map;
mod layers;
mod names;
mod ops;
mod paths;
mod presence;
mod rust_version;
mod size;
mod source;
mod tree;
mod unsafety;

use std::fmt;
use std::process::ExitCode;
use tree::Tree;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The file, with `:line` where one is to blame.
    file: String,
    /// What it breaks.
    rule: String,
    /// What to do.
    mend: String,
    /// Whether it is only worth knowing.
    warning: bool,
}

impl Fault {
    fn new(file: impl Into<String>, rule: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            rule: rule.into(),
            mend: mend.into(),
            warning: false,
        }
    }

    fn warning(self) -> Self {
        let warning = true;
        Self { warning, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { "warning" } else { "error" };
        write!(f, "{kind}: {}: {}; {}", self.file, self.rule, self.mend)
    }
}

/// Every check.
const CHECKS: [fn(&Tree) -> Vec<Fault>; 10] = [
    source::opens_with_documentation,
    size::is_small,
    names::say_what_is_inside,
    unsafety::stays_in_its_places,
    ops::are_whole_folders,
    crate_map::names_every_package,
    layers::point_down,
    paths::belong_to_no_machine,
    rust_version::is_the_same_everywhere,
    presence::of_readmes,
];

/// `cargo xtask tidy`.
pub(crate) fn run() -> ExitCode {
    if passes() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints every fault; whether none is an error.
pub(crate) fn passes() -> bool {
    let tree = match Tree::of_repository() {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("xtask: {error}");
            return false;
        }
    };
    let faults: Vec<_> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    for fault in &faults {
        println!("{fault}");
    }
    let errors = faults.iter().filter(|fault| !fault.warning).count();
    println!(
        "tidy: {} files, {errors} errors, {} warnings",
        tree.len(),
        faults.len() - errors
    );
    errors == 0
}
