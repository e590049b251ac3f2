//! A file that is read can be written again from what was read, and is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimlet_format::{Model, ModelWriter};
use mimlet_format_fuzz::sealed;

fuzz_target!(|bytes: &[u8]| {
    let file = sealed(bytes);
    let Ok(model) = Model::parse(&file) else {
        return;
    };
    let manifest = model.manifest().clone();
    let mut writer = ModelWriter::new(
        manifest.encoder,
        manifest.preprocess,
        manifest.codebook,
        manifest.acceptance,
        manifest.provenance,
    );
    writer.ranges(manifest.ranges);
    for view in model.tensors() {
        let e = view.entry;
        writer.tensor(e.role, e.dtype, e.layout, &e.shape, view.bytes);
    }
    let again = writer.finish().expect("what was read can be written");
    assert_eq!(again[..], file[..]);
});
