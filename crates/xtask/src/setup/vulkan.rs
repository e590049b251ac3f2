//! A Vulkan loader and a driver. Mesa's lavapipe runs Vulkan on any CPU.

use super::search::{entries, file_name, library_folders};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Which driver there is, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    let driver = driver().ok_or("a Vulkan driver (lavapipe will do)")?;
    let loader = loader().ok_or("a Vulkan loader (libvulkan.so.1)")?;
    Ok(format!(
        "Vulkan driver {}, loader {}",
        driver.display(),
        loader.display()
    ))
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

fn loader() -> Option<PathBuf> {
    let mut paths = library_folders()
        .into_iter()
        .map(|folder| folder.join("libvulkan.so.1"));
    paths.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::preferred;
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
}
