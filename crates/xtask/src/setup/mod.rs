//! Finds or installs what tests need from outside the repository: Vulkan for GPU tests, MPI for
//! tests of training over several processes.

mod mpi;
mod vulkan;

use crate::program::Program;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
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
    packages: "mesa-vulkan-drivers libvulkan1",
    words: "Mesa's Vulkan drivers (lavapipe) and the Vulkan loader",
    find: vulkan::find,
};

/// An MPI library and what its bindings are made with.
pub(crate) const MPI: Need = Need {
    tests: "the tests of several processes",
    switch: "MIMLET_MPI",
    packages: "libopenmpi-dev openmpi-bin libclang-dev",
    words: "an MPI library with mpicc and mpirun, and libclang",
    find: mpi::find,
};

/// Why some tests cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    tests: &'static str,
    switch: &'static str,
    what: &'static str,
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
    VULKAN.ensure()?;
    MPI.ensure()
}

impl Need {
    /// Whether tests that need this are to be run here: GPU tests only where Vulkan is at
    /// home, and none that the environment leaves out.
    pub(crate) fn wanted(&self) -> bool {
        let skipped = std::env::var_os(self.switch).as_deref() == Some(OsStr::new("skip"));
        let foreign = self.switch == VULKAN.switch && !cfg!(target_os = "linux");
        !skipped && !foreign
    }

    fn ensure(&self) -> Result<(), Missing> {
        if !self.wanted() {
            println!("set-up: {} are left out ({}=skip)", self.tests, self.switch);
            return Ok(());
        }
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
            what,
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
    fs::metadata("/proc/self").is_ok_and(|process| process.st_uid() == 0)
}

#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}

/// The folders that hold libraries: the system's, one folder below them, and the environment's.
fn library_folders() -> Vec<PathBuf> {
    let system = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"].map(PathBuf::from);
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut below: Vec<_> = system.iter().flat_map(|folder| entries(folder)).collect();
    below.extend(std::env::split_paths(&named));
    system.into_iter().chain(below).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
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
