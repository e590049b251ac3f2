//! `unsafe` stays where it is looked for.

use super::source::code;
use super::{Fault, Tree};

/// Folders and files that may hold it.
const PLACES: [&str; 5] = [
    "crates/mimlet-kernels/src/simd/",
    "crates/mimlet-format/src/file.rs",
    "crates/mimlet-wgpu/src/experimental.rs",
    "crates/mimlet-wgpu/src/pipeline_cache.rs",
    "targets/cortex-m7/src/memory.rs",
];

/// No code outside [`PLACES`] is `unsafe`.
pub(super) fn stays_in_its_places(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.sources() {
        if PLACES.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for (index, line) in code(text).lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.any(|word| word == "unsafe") {
                faults.push(Fault::new(
                    format!("{path}:{}", index + 1),
                    "`unsafe` outside the SIMD folder, the memory map, the pipeline cache, wgpu's experimental features and the firmware's memory",
                    "use a checked way, such as bytemuck",
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Tree, stays_in_its_places};

    #[test]
    fn unsafe_code_is_found_and_talk_of_it_is_not() {
        let code = "// unsafe\nlet a = \"unsafe {\";\nunsafe { call() };\n#![deny(unsafe_code)]\n";
        let tree = Tree::of([
            ("a.rs", code),
            ("crates/mimlet-kernels/src/simd/x.rs", code),
            ("crates/mimlet-format/src/file.rs", code),
            ("targets/cortex-m7/src/memory.rs", code),
        ]);
        let faults = stays_in_its_places(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].file, "a.rs:3");
    }
}
