//! Node, which runs WebAssembly programs made for WASI.

use super::search::program;
use crate::program::Program;

/// The oldest that has both 128-bit vectors and `node:wasi` without being asked.
const OLDEST: [u32; 2] = [18, 17];

/// Which Node there is, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    const MISSING: &str = "Node 18.17 or newer";
    let node = program("node").ok_or(MISSING)?;
    let answer = Program::new("node --version").output().unwrap_or_default();
    match version(&answer) {
        Some(version) if version >= OLDEST => {
            Ok(format!("Node {} {}", node.display(), answer.trim()))
        }
        _ => Err(MISSING),
    }
}

/// The first two numbers of `v18.20.4`.
fn version(answer: &str) -> Option<[u32; 2]> {
    let mut numbers = answer.trim().strip_prefix('v')?.split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some([number()?, number()?])
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, version};

    #[test]
    fn versions_are_compared_as_numbers() {
        let is_enough = |answer| version(answer).is_some_and(|version| version >= OLDEST);
        for answer in ["v18.17.0\n", "v18.20.4", "v20.0.0", "v100.1.2"] {
            assert!(is_enough(answer), "{answer}");
        }
        for answer in ["v18.9.1", "v16.20.2", "v9.99.0", "", "node 20"] {
            assert!(!is_enough(answer), "{answer}");
        }
    }
}
