//! Files of every released format version load and pass, for ever.

use mimlet_format::{ModelFile, VERSION};
use mimlet_runtime::acceptance;
use mimlet_tests::{encoder_on_cpu, path};
use std::path::PathBuf;

/// The first version that is promised to load; readers refuse the one before it by name.
const FIRST: u16 = 2;

/// The files of a format version.
fn files(version: u16) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(path(&format!("compat/v{version}")));
    let entries = folder.into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn every_released_file_loads_and_passes_its_acceptance_test() {
    for version in FIRST..=VERSION {
        let files = files(version);
        assert!(
            files.len() >= 3,
            "version {version} has no files: run `cargo xtask fixtures`"
        );
        for path in files {
            let file = ModelFile::open(&path).unwrap();
            let model = file.model();
            let verdict = acceptance::run(&model, &mut encoder_on_cpu(&model, 1)).unwrap();
            assert!(
                verdict.passed(),
                "{}: {:?}",
                path.display(),
                verdict.failures
            );
            assert!(
                verdict.token_agreement.is_some(),
                "{} has no tokens",
                path.display()
            );
        }
    }
}
