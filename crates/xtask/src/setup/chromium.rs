//! Chromium, which runs the browser tests, and npm, which fetches what drives it.

use super::node;
use super::search::program;

/// Which Chromium there is, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    let named = std::env::var_os("MIMLET_CHROMIUM").map(Into::into);
    let chromium = named
        .or_else(|| program("chromium"))
        .ok_or("Chromium (or MIMLET_CHROMIUM, the path of one)")?;
    let node = node::find()?;
    let npm = program("npm").ok_or("npm")?;
    Ok(format!(
        "Chromium {}, {node}, npm {}",
        chromium.display(),
        npm.display()
    ))
}
