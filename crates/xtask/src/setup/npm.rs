//! npm, which fetches what drives a browser, and the Node that it runs on.

use super::node;
use super::search::program;

/// Which npm there is, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    let node = node::find()?;
    let npm = program("npm").ok_or("npm")?;
    Ok(format!("{node}, npm {}", npm.display()))
}
