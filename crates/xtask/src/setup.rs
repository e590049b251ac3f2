//! Finds or installs what the GPU tests need: a Vulkan loader and a driver. Mesa's lavapipe runs
//! Vulkan on any CPU.

use crate::program::Program;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const UPDATE: &str = "apt-get update";
const INSTALL: &str = "apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1";

/// Why the GPU tests cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    what: &'static str,
    mend: String,
}

impl Missing {
    /// Says what is missing and how to mend it; exit code 2.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("xtask: the GPU tests need {}; run\n", self.what);
        eprintln!("    {}\n", self.mend);
        eprintln!("or set MIMLET_GPU=skip to go without them.");
        ExitCode::from(2)
    }
}

/// `cargo xtask setup`.
pub(crate) fn run() -> ExitCode {
    match vulkan() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.report(),
    }
}

/// Makes sure of a Vulkan loader and driver on Linux, by apt when that may be used. Other systems
/// bring their own GPU interface.
///
/// # Errors
/// What is missing, with the command that installs it.
pub(crate) fn vulkan() -> Result<(), Missing> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if std::env::var_os("MIMLET_GPU").as_deref() == Some(OsStr::new("skip")) {
        println!("set-up: MIMLET_GPU=skip, so no Vulkan driver is looked for");
        return Ok(());
    }
    let Err(what) = found() else {
        return Ok(());
    };
    let has_apt = Path::new("/usr/bin/apt-get").exists();
    if has_apt && is_root() {
        println!("set-up: the GPU tests need {what}: installing");
        if install() {
            return found().map_err(|what| missing(what, has_apt));
        }
    }
    Err(missing(what, has_apt))
}

/// Says which driver there is, or what is missing.
fn found() -> Result<(), &'static str> {
    let driver = driver().ok_or("a Vulkan driver (lavapipe will do)")?;
    let loader = loader().ok_or("a Vulkan loader (libvulkan.so.1)")?;
    println!(
        "set-up: Vulkan driver {}, loader {}",
        driver.display(),
        loader.display()
    );
    Ok(())
}

fn missing(what: &'static str, has_apt: bool) -> Missing {
    let mend = if has_apt {
        format!("sudo {UPDATE} && sudo {INSTALL}")
    } else {
        "your system's package manager for Mesa's Vulkan drivers (lavapipe) and the Vulkan loader"
            .into()
    };
    Missing { what, mend }
}

fn install() -> bool {
    let quiet = |line| Program::new(line).with("DEBIAN_FRONTEND", "noninteractive");
    quiet(UPDATE).succeeds() && quiet(INSTALL).succeeds()
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

/// The manifest of a Vulkan driver: one named by the loader's own variables, else lavapipe, else
/// any.
fn driver() -> Option<PathBuf> {
    for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        if let Some(list) = std::env::var_os(name) {
            return std::env::split_paths(&list).find(|path| path.is_file());
        }
    }
    let folders = [
        "/usr/share/vulkan/icd.d",
        "/usr/local/share/vulkan/icd.d",
        "/etc/vulkan/icd.d",
    ];
    preferred(folders.iter().flat_map(|folder| entries(Path::new(folder))))
}

/// Lavapipe's manifest when it is among them, else the first.
fn preferred(manifests: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let mut manifests: Vec<_> = manifests
        .filter(|path| path.extension() == Some(OsStr::new("json")))
        .collect();
    manifests.sort_by_key(|path| !file_name(path).starts_with("lvp_icd"));
    manifests.into_iter().next()
}

/// The loader's library: in the system's library folders or one folder below them.
fn loader() -> Option<PathBuf> {
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"].map(PathBuf::from);
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut below: Vec<_> = folders.iter().flat_map(|folder| entries(folder)).collect();
    below.extend(std::env::split_paths(&named));
    folders
        .into_iter()
        .chain(below)
        .map(|folder| folder.join("libvulkan.so.1"))
        .find(|path| path.is_file())
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
    use super::{missing, preferred};
    use std::path::PathBuf;

    #[test]
    fn lavapipe_is_preferred_and_other_files_are_no_driver() {
        let pick = |names: &[&str]| preferred(names.iter().map(PathBuf::from));
        assert_eq!(
            pick(&["a/intel_icd.json", "a/lvp_icd.x86_64.json"]),
            Some("a/lvp_icd.x86_64.json".into())
        );
        assert_eq!(
            pick(&["a/intel_icd.json", "a/readme"]),
            Some("a/intel_icd.json".into())
        );
        assert_eq!(pick(&["a/readme"]), None);
    }

    #[test]
    fn the_line_to_run_names_both_packages() {
        let mend = missing("a driver", true).mend;
        assert_eq!(
            mend,
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends \
             mesa-vulkan-drivers libvulkan1"
        );
    }
}
