//! Answers recorded on one machine, which every instruction set must give again: `cargo xtask test`
//! runs these tests on the host, on aarch64 and on WebAssembly.
//!
//! A file of 8-bit or 4-bit weights must give the recorded bits: tokens, and a hash of features and
//! margins. A file with 32-bit or 16-bit floats among its linear layers must give the recorded tokens;
//! so that those hang on no rounding, none may be a near-tie.

use crate::encoder;
use crate::random_model::RandomModel;
use mimlet_format::{CodebookSpace, DType, Model, include_aligned};
use mimlet_kernels::Level;
use mimlet_runtime::{Encoding, acceptance};
use std::fmt::Write;

const RENEW: &str = "MIMLET_UPDATE=1 cargo test -p mimlet-runtime --test encoder";

/// A margin that rounding in another order cannot turn.
const CLEAR_MARGIN: f32 = 1e-3;

/// What is recorded of a file's answers.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    /// Tokens, features and margins.
    Bits,
    /// Tokens, none of them a near-tie.
    Tokens,
}

/// A recorded text, and where it lies.
struct Record {
    text: &'static str,
    path: &'static str,
}

/// The record in a file of this folder.
macro_rules! record {
    ($name:literal) => {
        Record {
            text: include_str!($name),
            path: concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/encoder/recorded/",
                $name
            ),
        }
    };
}

impl Record {
    /// Holds answers given at a level to the record, which `MIMLET_UPDATE` first writes anew.
    fn hold(&self, answers: &str, level: Level) {
        // A WebAssembly runner opens no folder to write to.
        let renew = cfg!(not(target_family = "wasm"));
        if renew && std::env::var_os("MIMLET_UPDATE").is_some() {
            std::fs::write(self.path, answers).unwrap();
            return;
        }
        let here = format!("{} at level {}", std::env::consts::ARCH, level.name());
        let recorded = self.text.replace("\r\n", "\n");
        let lines = recorded.lines().zip(answers.lines());
        for (recorded, answer) in lines {
            assert!(
                recorded == answer,
                "{here} answers otherwise than recorded:\n  recorded  {recorded}\n  here      \
                 {answer}\nif the arithmetic was meant to change, renew the record on the host with \
                 `{RENEW}` and read the difference"
            );
        }
        let (recorded, answered) = (recorded.lines().count(), answers.lines().count());
        assert_eq!(recorded, answered, "{here}; renew with `{RENEW}`");
    }
}

/// Adds a file's answers to its own golden images, and holds the file to its acceptance test.
fn add_answers(text: &mut String, name: &str, bytes: &[u8], level: Level, kept: Kept) {
    let model = Model::parse(bytes).unwrap();
    let mut image = 0;
    let verdict = acceptance::run_seen(&model, &mut encoder(&model, level, 1), |encoding| {
        let tokens: Vec<_> = encoding.tokens.iter().map(u32::to_string).collect();
        writeln!(text, "{name}, image {image}: tokens {}", tokens.join(" ")).unwrap();
        match kept {
            Kept::Bits => {
                writeln!(text, "{name}, image {image}: bits {}", hash(encoding)).unwrap();
            }
            Kept::Tokens => {
                let least = encoding.margins.iter().copied().fold(f32::MAX, f32::min);
                assert!(
                    least >= CLEAR_MARGIN,
                    "{name}, image {image}: a margin of {least} is a near-tie, which rounding \
                     decides; give random_model.rs another seed"
                );
            }
        }
        image += 1;
    });
    let verdict = verdict.unwrap();
    assert!(verdict.passed(), "{name}: {:?}", verdict.failures);
}

/// BLAKE3 of features and margins, shortened.
fn hash(encoding: &Encoding) -> String {
    let mut hasher = blake3::Hasher::new();
    for values in [&encoding.class, &encoding.patches, &encoding.margins] {
        hasher.update(bytemuck::cast_slice(values));
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[test]
fn random_models_give_their_recorded_answers_at_every_level() {
    let space = CodebookSpace::Features;
    let one_type = |dtype| RandomModel::new(dtype, space).pack();
    let files = [
        ("f32", one_type(DType::F32), Kept::Tokens),
        ("f16", one_type(DType::F16), Kept::Tokens),
        ("i8", one_type(DType::I8), Kept::Bits),
        ("i4", one_type(DType::I4), Kept::Bits),
        ("mixed", RandomModel::mixed(space).pack(), Kept::Tokens),
        ("large i8", RandomModel::large(DType::I8).pack(), Kept::Bits),
    ];
    for level in Level::available() {
        let mut answers = String::new();
        for (name, bytes, kept) in &files {
            add_answers(&mut answers, name, bytes, level, *kept);
        }
        record!("random.txt").hold(&answers, level);
    }
}

/// A trained model, at the level that a device would run it at.
#[test]
fn the_bundled_model_gives_its_recorded_answers() {
    let bytes = include_aligned!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/shapes-tiny/shapes-tiny.int8.mim"
    ));
    let (mut answers, level) = (String::new(), Level::detect());
    add_answers(&mut answers, "shapes-tiny", bytes, level, Kept::Bits);
    record!("shapes-tiny.int8.txt").hold(&answers, level);
}
