//! Hashes the code that results depend on, so that a verdict given by other code is not believed.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates between a file and its answers, beside this one.
const CRATES: [&str; 5] = [
    "mimlet-format",
    "mimlet-kernels",
    "mimlet-runtime",
    "mimlet-session",
    "mimlet-wgpu",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut hasher = blake3::Hasher::new();
    for name in CRATES {
        let source = Path::new("..").join(name).join("src");
        println!("cargo::rerun-if-changed={}", source.display());
        for file in files_below(&source)? {
            hasher.update(file.to_string_lossy().as_bytes());
            hasher.update(&fs::read(&file)?);
        }
    }
    // Another compiler, or the same one optimising otherwise, is other code.
    for name in ["RUSTC", "OPT_LEVEL", "TARGET", "CARGO_CFG_TARGET_FEATURE"] {
        hasher.update(std::env::var(name).unwrap_or_default().as_bytes());
    }
    hasher.update(compiler().as_bytes());
    println!(
        "cargo::rustc-env=MIMLET_CODE_HASH={}",
        hasher.finalize().to_hex()
    );
    Ok(())
}

/// Which compiler this is; nothing where it does not say.
fn compiler() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_default();
    let version = std::process::Command::new(rustc).arg("-vV").output();
    version.map_or(String::new(), |version| {
        String::from_utf8_lossy(&version.stdout).into_owned()
    })
}

/// All files below a folder, in the order of their names.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
