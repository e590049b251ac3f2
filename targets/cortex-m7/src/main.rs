//! A firmware that judges a model on the device: the file's own acceptance test, then the tokens of
//! every check image, TCAS, and what it all took.
//!
//! `cargo xtask firmware` runs it in QEMU and holds what it prints to what the host computes.
#![no_std]
#![no_main]

extern crate alloc;

mod clock;
mod console;
mod embedded;
mod memory;

use alloc::format;
use alloc::string::{String, ToString};
use clock::Clock;
use console::say;
use core::fmt::{self, Display};
use cortex_m_rt::entry;
use memory::Seal;
use mimlet_format::Model;
use mimlet_runtime::{Encoder, Encoding, acceptance};
use mimlet_tcas::TokenClassCounts;

#[entry]
fn main() -> ! {
    memory::paint_stack();
    match run() {
        Ok(()) => console::exit(true),
        Err(problem) => {
            say!("error: {problem}");
            console::exit(false)
        }
    }
}

fn run() -> Result<(), String> {
    let model = Model::parse(embedded::MODEL).map_err(|error| error.to_string())?;
    let manifest = model.manifest();
    say!("model {} {}", manifest.provenance.name, Hex(&model.hash()));
    let mut encoder = Encoder::on_cpu(&model, 1).map_err(|error| error.to_string())?;
    let tokens = manifest
        .codebook
        .as_ref()
        .map_or(0, |codebook| codebook.size as usize);
    let classes = embedded::IMAGES
        .iter()
        .map(|(_, label)| label + 1)
        .max()
        .unwrap_or(1);
    let mut counts =
        TokenClassCounts::new(tokens, classes as usize).map_err(|error| error.to_string())?;
    accept(&model, &mut encoder)?;
    encode_all(&mut encoder, &mut counts)?;
    if let Some(tcas) = counts.tcas() {
        say!("TCAS {tcas} on {} images", embedded::IMAGES.len());
    }
    report_memory();
    Ok(())
}

/// Runs the acceptance test that travels in the file.
fn accept(model: &Model<'_>, encoder: &mut Encoder<'_>) -> Result<(), String> {
    let verdict = acceptance::run(model, encoder).map_err(|error| error.to_string())?;
    if !verdict.passed() {
        return Err(format!(
            "acceptance test failed: {}",
            verdict.failures.join("; ")
        ));
    }
    let agreement = 100.0 * verdict.token_agreement.unwrap_or(f64::NAN);
    say!(
        "acceptance passed on {} images: lowest cosine {:.6}, {agreement:.2} % of tokens, {}",
        verdict.images,
        verdict.min_cosine,
        verdict.backend
    );
    Ok(())
}

/// Encodes every image, prints a line for each, and counts its tokens; all without an allocation.
fn encode_all(encoder: &mut Encoder<'_>, counts: &mut TokenClassCounts) -> Result<(), String> {
    let _sealed = Seal::new();
    let mut clock = Clock::start();
    let (mut least, mut most, mut sum) = (u64::MAX, 0, 0);
    for (index, &(path, label)) in embedded::IMAGES.iter().enumerate() {
        clock.reset();
        let encoding = encoder
            .encode_pixels(embedded::pixels(index))
            .map_err(|error| error.to_string())?;
        let ticks = clock.ticks();
        (least, most, sum) = (ticks.min(least), ticks.max(most), sum + ticks);
        let features = Checksum::of(encoding);
        say!(
            "image {path} features {features} tokens{}",
            Numbers(&encoding.tokens)
        );
        counts
            .add_tokens(&encoding.tokens, label)
            .map_err(|error| error.to_string())?;
    }
    let mean = sum / embedded::IMAGES.len() as u64;
    say!(
        "instructions an image: {} ({} to {}), in QEMU with -icount shift=0",
        mean * clock::INSTRUCTIONS_PER_TICK,
        least * clock::INSTRUCTIONS_PER_TICK,
        most * clock::INSTRUCTIONS_PER_TICK
    );
    Ok(())
}

fn report_memory() {
    let (flash, model, images) = (
        memory::flash_bytes(),
        embedded::MODEL.len(),
        embedded::PIXELS.len(),
    );
    say!(
        "flash {flash} bytes: model {model}, images {images}, program {}",
        flash - model - images
    );
    say!(
        "RAM {} bytes, all static: stack {} of {}, arena {} of {} planned, {} of them buffers",
        memory::ram_bytes(),
        memory::stack_high_water(),
        memory::stack_bytes(),
        memory::arena_high_water(),
        embedded::ARENA_BYTES,
        embedded::WORKING_BYTES
    );
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Numbers, each after a blank.
struct Numbers<'a>(&'a [u32]);

impl Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|number| write!(f, " {number}"))
    }
}

/// FNV-1a over the bits of the patch features: whether they are the host's to the last bit.
struct Checksum(u64);

impl Checksum {
    fn of(encoding: &Encoding) -> Self {
        let bytes = encoding
            .patches
            .iter()
            .flat_map(|value| value.to_le_bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        }))
    }
}

impl Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
