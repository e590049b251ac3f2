//! The targets this build knows.

use mimlet_export::Target;

/// The bundled targets; none in a build without `export`, for a device, which needs no list of others.
pub(crate) fn known() -> Vec<Target> {
    if cfg!(feature = "export") {
        Target::bundled().collect()
    } else {
        Vec::new()
    }
}
