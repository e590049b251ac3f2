//! Any bytes, as they are and with lengths and hash made good, are read or refused without a panic,
//! and every tensor of what is read can be looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimlet_format::{AlignedBytes, Model};
use mimlet_format_fuzz::sealed;

fuzz_target!(|bytes: &[u8]| {
    look(&AlignedBytes::from(bytes));
    look(&sealed(bytes));
});

fn look(file: &[u8]) {
    let Ok(model) = Model::parse(file) else {
        return;
    };
    for view in model.tensors() {
        assert!(model.tensor(view.entry.role).is_some());
        let views = [
            view.f32().is_some(),
            view.f16_bits().is_some(),
            view.i8().is_some(),
            view.u8().is_some(),
            view.u32().is_some(),
        ];
        assert_eq!(views.iter().filter(|is_some| **is_some).count(), 1);
    }
}
