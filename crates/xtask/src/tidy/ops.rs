//! An op is its folder: formula, oracle, CPU version, WGSL version, examples.

use super::source::code;
use super::{Fault, Tree};

const SOURCES: &str = "crates/mimlet-kernels/src";

/// Every registered op has its five files, and every folder with examples is registered.
pub(super) fn are_whole_folders(tree: &Tree) -> Vec<Fault> {
    let registry = format!("{SOURCES}/lib.rs");
    let Some(ops) = tree.text(&registry).and_then(registered) else {
        return vec![Fault::new(
            registry,
            "has no `ops![...]` list",
            "list every op in it",
        )];
    };
    let mut faults = Vec::new();
    for op in &ops {
        for file in [
            "mod.rs",
            "reference.rs",
            "cpu.rs",
            "cases.rs",
            &format!("{op}.wgsl"),
        ] {
            let path = format!("{SOURCES}/{op}/{file}");
            if tree.text(&path).is_none() {
                faults.push(Fault::new(
                    path,
                    format!("op `{op}` lacks this file"),
                    "write it: an op has an oracle, a CPU version, a WGSL version and cases",
                ));
            }
        }
    }
    for (path, _) in tree.sources() {
        let folder = path
            .strip_prefix(SOURCES)
            .and_then(|path| path.strip_suffix("/cases.rs"));
        if let Some(op) = folder.map(|folder| folder.trim_start_matches('/'))
            && !ops.iter().any(|known| known == op)
        {
            faults.push(Fault::new(
                path,
                format!("op `{op}` is not registered, so nothing tests it"),
                format!("add `{op}` to the `ops!` list in {SOURCES}/lib.rs"),
            ));
        }
    }
    faults
}

/// The names in `ops![...]`.
fn registered(registry: &str) -> Option<Vec<String>> {
    let code = code(registry);
    let (_, list) = code.split_once("= ops![")?;
    let (list, _) = list.split_once(']')?;
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Some(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{Tree, are_whole_folders};

    fn whole() -> Vec<(&'static str, &'static str)> {
        vec![
            (
                "crates/mimlet-kernels/src/lib.rs",
                "static OPS: &[Op] = ops![\n  gelu,\n];",
            ),
            ("crates/mimlet-kernels/src/gelu/mod.rs", ""),
            ("crates/mimlet-kernels/src/gelu/reference.rs", ""),
            ("crates/mimlet-kernels/src/gelu/cpu.rs", ""),
            ("crates/mimlet-kernels/src/gelu/cases.rs", ""),
            ("crates/mimlet-kernels/src/gelu/gelu.wgsl", ""),
        ]
    }

    fn faults(mut change: impl FnMut(&mut Vec<(&'static str, &'static str)>)) -> Vec<String> {
        let mut files = whole();
        change(&mut files);
        are_whole_folders(&Tree::of(files))
            .into_iter()
            .map(|fault| fault.file)
            .collect()
    }

    #[test]
    fn a_whole_op_passes() {
        assert!(faults(|_| {}).is_empty());
    }

    #[test]
    fn a_missing_shader_is_found() {
        let found = faults(|files| {
            files.pop();
        });
        assert_eq!(found, ["crates/mimlet-kernels/src/gelu/gelu.wgsl"]);
    }

    #[test]
    fn an_op_that_is_not_registered_is_found() {
        let cases = "crates/mimlet-kernels/src/silu/cases.rs";
        assert_eq!(faults(|files| files.push((cases, ""))), [cases]);
    }

    #[test]
    fn a_missing_registry_is_found() {
        let found = faults(|files| {
            files.remove(0);
        });
        assert_eq!(found, ["crates/mimlet-kernels/src/lib.rs"]);
    }
}
