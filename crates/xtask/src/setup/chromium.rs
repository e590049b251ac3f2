//! Chromium, which runs the browser tests.

use super::search::program;

/// Which Chromium there is, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    let named = std::env::var_os("MIMLET_CHROMIUM").map(Into::into);
    let chromium = named
        .or_else(|| program("chromium"))
        .ok_or("Chromium (or MIMLET_CHROMIUM, the path of one)")?;
    Ok(format!("Chromium {}", chromium.display()))
}
