//! Finds or installs what tests need from outside the repository: Vulkan for GPU tests, MPI for
//! tests of training over several processes, emulators and Node for tests on other instruction sets,
//! Chromium for those in a browser.

mod aarch64;
mod chromium;
mod cortex_m;
mod mpi;
mod node;
mod npm;
mod search;
mod target;
mod vulkan;

use crate::program::Program;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

const UPDATE: &str = "apt-get update";
const INSTALL: &str = "apt-get install -y --no-install-recommends";

/// Something that tests need.
#[derive(Debug)]
pub(crate) struct Need {
    /// Whose need it is.
    tests: &'static str,
    /// The environment variable that leaves those tests out when it says `skip`.
    switch: &'static str,
    /// Whether those tests are for systems like this one.
    at_home: bool,
    /// The targets whose Rust libraries they are compiled with, when not the host.
    targets: &'static [&'static str],
    /// Debian's packages.
    packages: &'static str,
    /// The same for somebody without apt.
    words: &'static str,
    /// What there is, in words, or what is missing.
    find: fn() -> Result<String, &'static str>,
}

/// A Vulkan loader and driver.
pub(crate) const VULKAN: Need = Need {
    tests: "the GPU tests",
    switch: "MIMLET_GPU",
    at_home: cfg!(target_os = "linux"),
    targets: &[],
    packages: "mesa-vulkan-drivers libvulkan1",
    words: "Mesa's Vulkan drivers (lavapipe) and the Vulkan loader",
    find: vulkan::find,
};

/// An MPI library and what its bindings are made with.
pub(crate) const MPI: Need = Need {
    tests: "the tests of several processes",
    switch: "MIMLET_MPI",
    at_home: true,
    targets: &[],
    packages: "libopenmpi-dev openmpi-bin libclang-dev",
    words: "an MPI library with mpicc and mpirun, and libclang",
    find: mpi::find,
};

/// What compiles for aarch64 and runs that.
pub(crate) const AARCH64: Need = Need {
    tests: "the tests on aarch64",
    switch: "MIMLET_AARCH64",
    // An aarch64 machine has run them already.
    at_home: cfg!(target_os = "linux") && !cfg!(target_arch = "aarch64"),
    targets: &["aarch64-unknown-linux-gnu"],
    packages: "qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    words: "qemu's user-mode emulator, and a C compiler and library for aarch64",
    find: aarch64::find,
};

/// What compiles for WebAssembly and runs that.
pub(crate) const WASM: Need = Need {
    tests: "the tests on WebAssembly",
    switch: "MIMLET_WASM",
    at_home: true,
    targets: &["wasm32-wasip1"],
    packages: "nodejs",
    words: "Node 18.17 or newer",
    find: node::find,
};

/// What compiles for machines without an operating system, and runs a Cortex-M's.
pub(crate) const FIRMWARE: Need = Need {
    tests: "the firmware and the builds without an operating system",
    switch: "MIMLET_FIRMWARE",
    at_home: true,
    targets: &BARE_TARGETS,
    packages: "qemu-system-arm",
    words: "qemu's system emulator for Arm",
    find: cortex_m::find,
};

/// What compiles for browsers, and a browser.
pub(crate) const WEB: Need = Need {
    tests: "the tests in a browser",
    switch: "MIMLET_WEB",
    at_home: true,
    targets: &["wasm32-unknown-unknown"],
    packages: "chromium",
    words: "Chromium",
    find: chromium::find,
};

/// What fetches the driver of a browser. Apart from the browser: Node from elsewhere than Debian brings
/// an npm of its own, and Debian's cannot be installed beside it.
const NPM: Need = Need {
    targets: &[],
    packages: "nodejs npm",
    words: "Node 18.17 or newer and npm",
    find: npm::find,
    ..WEB
};

/// The targets without an operating system that the device crates are built for.
pub(crate) const BARE_TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "x86_64-unknown-none"];

/// Why some tests cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    tests: &'static str,
    switch: &'static str,
    what: String,
    mend: String,
}

impl Missing {
    /// Says what is missing and how to mend it; exit code 2.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("xtask: {} need {}; run\n", self.tests, self.what);
        eprintln!("    {}\n", self.mend);
        eprintln!("or set {}=skip to go without them.", self.switch);
        ExitCode::from(2)
    }
}

/// `cargo xtask setup`.
pub(crate) fn run() -> ExitCode {
    match everything() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.report(),
    }
}

/// Makes sure of all that tests need, by apt when that may be used.
///
/// # Errors
/// What is missing, with the command that installs it.
pub(crate) fn everything() -> Result<(), Missing> {
    for need in [&VULKAN, &MPI, &AARCH64, &WASM, &FIRMWARE, &WEB, &NPM] {
        need.ensure()?;
    }
    Ok(())
}

impl Need {
    /// Whether tests that need this are to be run here.
    pub(crate) fn wanted(&self) -> bool {
        self.left_out().is_none()
    }

    /// Why tests that need this are not run here, when they are not.
    pub(crate) fn left_out(&self) -> Option<String> {
        if std::env::var_os(self.switch).as_deref() == Some(OsStr::new("skip")) {
            Some(format!("{}=skip", self.switch))
        } else if !self.at_home {
            Some("they are not for this system".into())
        } else {
            None
        }
    }

    fn ensure(&self) -> Result<(), Missing> {
        if let Some(why) = self.left_out() {
            println!("set-up: {} are left out: {why}", self.tests);
            return Ok(());
        }
        self.ensure_targets()?;
        let Err(what) = self.found() else {
            return Ok(());
        };
        let has_apt = Path::new("/usr/bin/apt-get").exists();
        if has_apt && is_root() {
            println!("set-up: {} need {what}: installing", self.tests);
            if self.install() {
                return self.found().map_err(|what| self.missing(what, has_apt));
            }
        }
        Err(self.missing(what, has_apt))
    }

    fn ensure_targets(&self) -> Result<(), Missing> {
        let missing = |target: &&str, mend| Missing {
            tests: self.tests,
            switch: self.switch,
            what: format!("Rust's library for {target}"),
            mend,
        };
        let mut targets = self.targets.iter();
        targets.try_for_each(|target| target::ensure(target).map_err(|mend| missing(target, mend)))
    }

    /// Says what there is.
    fn found(&self) -> Result<(), &'static str> {
        println!("set-up: {}", (self.find)()?);
        Ok(())
    }

    fn missing(&self, what: &'static str, has_apt: bool) -> Missing {
        let mend = if has_apt {
            format!("sudo {UPDATE} && sudo {INSTALL} {}", self.packages)
        } else {
            format!("your system's package manager for {}", self.words)
        };
        Missing {
            tests: self.tests,
            switch: self.switch,
            what: what.to_owned(),
            mend,
        }
    }

    fn install(&self) -> bool {
        let quiet = |line: &str| Program::new(line).with("DEBIAN_FRONTEND", "noninteractive");
        let packages = self.packages.split_whitespace().map(str::to_owned);
        quiet(UPDATE).succeeds() && quiet(INSTALL).words(packages).succeeds()
    }
}

/// Whether this process may install packages: `/proc/self` belongs to its user.
#[cfg(target_os = "linux")]
fn is_root() -> bool {
    use std::os::linux::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.st_uid() == 0)
}

#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::{MPI, VULKAN};

    #[test]
    fn the_line_to_run_names_all_packages() {
        assert_eq!(
            VULKAN.missing("a driver", true).mend,
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends \
             mesa-vulkan-drivers libvulkan1"
        );
        assert_eq!(
            MPI.missing("mpicc", false).mend,
            "your system's package manager for an MPI library with mpicc and mpirun, and libclang"
        );
    }
}
