//! The harness tested: a file with one fault in its weights is valid, runs, and must fail its
//! acceptance test.

use mimlet_format::{DType, GoldenTensor, Model, ModelFile, Scheme, TensorEntry, TensorRole};
use mimlet_runtime::acceptance::{self, Verdict};
use mimlet_tests::{encoder_on_cpu, model_file, rebuilt, timm, tiny};

/// A fault in one tensor's bytes, by element type.
type Fault = fn(DType, &mut [u8]);

const FAULTS: [(&str, Fault); 3] = [("drop", drop_half), ("double", double), ("flip", flip)];

/// Zeros the second half.
fn drop_half(_: DType, bytes: &mut [u8]) {
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
}

/// Doubles every value.
fn double(dtype: DType, bytes: &mut [u8]) {
    match dtype {
        DType::F16 => each_half(bytes, |bits| match bits >> 10 & 31 {
            0 | 30 | 31 => bits,
            _ => bits + (1 << 10),
        }),
        _ => each_number(dtype, bytes, |value| 2.0 * value),
    }
}

/// Changes every sign.
fn flip(dtype: DType, bytes: &mut [u8]) {
    match dtype {
        DType::F16 => each_half(bytes, |bits| bits ^ 0x8000),
        _ => each_number(dtype, bytes, |value| -value),
    }
}

/// Changes the bits of 16-bit floats.
fn each_half(bytes: &mut [u8], change: fn(u16) -> u16) {
    for half in bytes.as_chunks_mut().0 {
        *half = change(u16::from_le_bytes(*half)).to_le_bytes();
    }
}

/// Changes 32-bit floats, or signed integers as the numbers they are.
fn each_number(dtype: DType, bytes: &mut [u8], change: fn(f32) -> f32) {
    match dtype {
        DType::F32 => {
            for word in bytes.as_chunks_mut().0 {
                *word = change(f32::from_le_bytes(*word)).to_le_bytes();
            }
        }
        DType::I8 => {
            for byte in bytes {
                let value = change(f32::from(byte.cast_signed()));
                *byte = (value as i8).cast_unsigned();
            }
        }
        DType::I4 => {
            let changed = |half: u8| {
                let value = change(f32::from((half << 4).cast_signed() >> 4));
                (value.clamp(-8.0, 7.0) as i8).cast_unsigned() & 0xf
            };
            for byte in bytes {
                *byte = changed(*byte) | changed(*byte >> 4) << 4;
            }
        }
        other => panic!("no fault for {other}"),
    }
}

fn verdict(file: &ModelFile) -> Verdict {
    let model = file.model();
    acceptance::run(&model, &mut encoder_on_cpu(&model, 1)).expect("the CPU does not fail")
}

/// The verdict on the same file with a fault in the tensor of one role; `None` when the reader
/// refuses it already.
fn verdict_with(model: &Model<'_>, role: TensorRole, fault: Fault) -> Option<Verdict> {
    let dtype = model.tensor(role)?.entry.dtype;
    let faulty = rebuilt(model, |found, bytes| {
        if found == role {
            fault(dtype, bytes);
        }
    });
    Some(verdict(&model_file(faulty.ok()?)))
}

/// Whether an encoder reads the tensor.
fn is_weight(role: TensorRole) -> bool {
    !matches!(role, TensorRole::Golden(_))
}

#[test]
fn rebuilding_without_a_fault_changes_nothing() {
    for scheme in [Scheme::F32, Scheme::Int8, Scheme::Int4] {
        let file = model_file(tiny::packed(scheme));
        let same = model_file(rebuilt(&file.model(), |_, _| {}).unwrap());
        assert_eq!(same.model().hash(), file.model().hash());
        assert!(verdict(&same).passed());
    }
}

#[test]
fn a_fault_in_any_tensor_of_a_float_file_fails_the_acceptance_test() {
    for bytes in [timm::packed(Scheme::F32), tiny::packed(Scheme::F32)] {
        let file = model_file(bytes);
        assert_eq!(missed(&file.model(), |_| true), [""; 0]);
    }
}

/// Losing half of a small bias moves features less than integers may; a matrix or a scale does
/// not hide.
#[test]
fn a_fault_in_any_matrix_or_scale_of_an_integer_file_fails_the_acceptance_test() {
    let schemes = [Scheme::Int8, Scheme::Int4];
    for bytes in schemes
        .map(|scheme| [timm::packed(scheme), tiny::packed(scheme)])
        .concat()
    {
        let file = model_file(bytes);
        let looked_at = |entry: &TensorEntry| {
            entry.shape.len() == 2 || entry.role.to_string().ends_with("scale")
        };
        assert_eq!(missed(&file.model(), looked_at), [""; 0]);
    }
}

/// The faults that the reader lets in and the acceptance test passes.
fn missed(model: &Model<'_>, looked_at: impl Fn(&TensorEntry) -> bool) -> Vec<String> {
    let mut missed = Vec::new();
    let entries = model.tensors().map(|tensor| tensor.entry);
    for entry in entries.filter(|entry| is_weight(entry.role) && looked_at(entry)) {
        for (name, fault) in FAULTS {
            let verdict = verdict_with(model, entry.role, fault);
            if let Some(verdict) = verdict.filter(Verdict::passed) {
                missed.push(format!(
                    "{name} {}: cosine {}",
                    entry.role, verdict.min_cosine
                ));
            }
        }
    }
    missed
}

/// Weights that are right, in the wrong place.
#[test]
fn shifted_rows_fail_the_acceptance_test() {
    let file = model_file(tiny::packed(Scheme::F32));
    let model = file.model();
    let row = model.manifest().encoder.embed_dim as usize * 4;
    let shifted = rebuilt(&model, |role, bytes| {
        if role == TensorRole::TokenTable {
            bytes.rotate_left(row);
        }
    });
    assert!(!verdict(&model_file(shifted.unwrap())).passed());
}

/// A codebook's centroids in another order give other tokens from the same features.
#[test]
fn shuffled_centroids_fail_the_acceptance_test() {
    let file = model_file(tiny::packed(Scheme::F32));
    let model = file.model();
    let panel_row = 16 * 4;
    let shuffled = rebuilt(&model, |role, bytes| {
        if role == TensorRole::Centroids {
            // In panels each column holds the sixteen centroids side by side.
            for column in bytes.chunks_exact_mut(panel_row) {
                column[..12 * 4].rotate_left(4);
            }
        }
    });
    let verdict = verdict(&model_file(shuffled.unwrap()));
    assert!(
        verdict.wide_margin_flips > 0 && !verdict.passed(),
        "{verdict:?}"
    );
}

/// One weight of thousands, its top exponent bit set, as a failing flash cell would.
#[test]
fn one_bit_in_one_weight_fails_the_acceptance_test() {
    let file = model_file(timm::packed(Scheme::F32));
    let model = file.model();
    let entries = model.tensors().map(|tensor| tensor.entry);
    for entry in entries.filter(|entry| is_weight(entry.role) && entry.shape.len() == 2) {
        let role = entry.role;
        let broken = rebuilt(&model, |found, bytes| {
            if found == role {
                bytes[64 + 3] ^= 0x40;
            }
        });
        assert!(!verdict(&model_file(broken.unwrap())).passed(), "{role}");
    }
}

/// The golden answers are held as strictly as the weights.
#[test]
fn wrong_golden_features_fail_the_acceptance_test() {
    let file = model_file(timm::packed(Scheme::F32));
    let class = TensorRole::Golden(GoldenTensor::ClassFeatures);
    let verdict = verdict_with(&file.model(), class, flip).unwrap();
    assert!(!verdict.passed() && verdict.min_cosine < 0.0, "{verdict:?}");
}
