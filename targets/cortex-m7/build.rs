//! Embeds a model and its check images, and plans the RAM they take: what does not fit is no firmware.

use mimlet_format::ModelFile;
use mimlet_image::{Folder, Preprocessor};
use mimlet_runtime::{Encoding, Plan, Step, working_bytes};
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// The model when the environment variable `MIMLET_MODEL` names no other.
const MODEL: &str = "models/digits-tiny/digits-tiny.int8.mim";

/// RAM of `memory.x` but for the stack, less what statics other than the arena may take.
const RAM_BYTES: usize = (4 << 20) - (64 << 10) - (4 << 10);

/// RAM for a tensor's entry in the manifest and a step's in the plan and the backend, each with room
/// to grow in, and for what there is one of.
const BYTES_PER_TENSOR: usize = 400;
const BYTES_PER_STEP: usize = 700;
const BYTES_AT_ALL: usize = 2 << 10;

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Writes what `src/embedded.rs` includes, and tells cargo what it depends on.
fn embed() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let model = root.join(env::var("MIMLET_MODEL").unwrap_or_else(|_| MODEL.to_owned()));
    let check = model.with_file_name("check");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let file = ModelFile::open(&model)?;
    let folder = Folder::open(&check)?;
    fs::write(out.join("pixels.bin"), pixels(&file, &folder)?)?;
    let source = images(&root, &folder)? + &plan(&file, folder.classes.len())?;
    fs::write(out.join("embedded.rs"), source)?;

    for path in [&model, &check, Path::new("memory.x"), Path::new("build.rs")] {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    println!("cargo:rerun-if-env-changed=MIMLET_MODEL");
    println!("cargo:rustc-env=MIMLET_MODEL_FILE={}", model.display());
    println!("cargo:rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rustc-link-arg=-Tlink.x");
    Ok(())
}

/// Every check image at the model's size, u8 `[height, width, 3]`, one after another.
fn pixels(file: &ModelFile, folder: &Folder) -> Result<Vec<u8>, Box<dyn Error>> {
    let model = file.model();
    let manifest = model.manifest();
    let preprocessor = Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size)?;
    let mut pixels = Vec::new();
    for (path, _) in &folder.images {
        let prepared = preprocessor.prepare(path)?;
        let image = prepared
            .pixels
            .ok_or_else(|| format!("{}: holds no pixels", path.display()))?;
        pixels.extend_from_slice(image.pixels());
    }
    Ok(pixels)
}

/// The images' paths, from the repository's root where they are below it, and their labels, as Rust.
fn images(root: &Path, folder: &Folder) -> Result<String, Box<dyn Error>> {
    let mut source =
        String::from("/// Path and label of each image.\npub const IMAGES: &[(&str, u32)] = &[\n");
    for (path, label) in &folder.images {
        let path = path.strip_prefix(root).unwrap_or(path);
        writeln!(source, "    ({:?}, {label}),", path)?;
    }
    source += "];\n";
    Ok(source)
}

/// What the encoder and the counts will allocate, as Rust.
fn plan(file: &ModelFile, classes: usize) -> Result<String, Box<dyn Error>> {
    let model = file.model();
    let plan = Plan::new(model.manifest())?;
    let working = working_bytes(&plan, 1) as usize;
    let outputs = output_bytes(&plan) + sum_bytes(&plan);
    let tokens = model
        .manifest()
        .codebook
        .as_ref()
        .ok_or("the model has no codebook, so no tokens")?;
    // The acceptance test counts too.
    let counts = 2 * 8 * tokens.size as usize * classes;
    let bookkeeping = BYTES_AT_ALL
        + BYTES_PER_TENSOR * model.manifest().tensors.len()
        + BYTES_PER_STEP * plan.steps().len();
    let arena = (working + outputs + counts + bookkeeping).next_multiple_of(64);
    if arena > RAM_BYTES {
        let mend = "take a smaller model, or give memory.x and RAM_BYTES what the board has";
        return Err(format!("the model takes {arena} bytes of RAM, of {RAM_BYTES}: {mend}").into());
    }
    Ok(format!(
        "/// Bytes of RAM that the encoder's buffers and scratch take.\n\
         pub const WORKING_BYTES: usize = {working};\n\
         /// Bytes of all that is allocated.\n\
         pub const ARENA_BYTES: usize = {arena};\n"
    ))
}

/// Bytes of the features, tokens, margins and distances of an image.
fn output_bytes(plan: &Plan) -> usize {
    let Encoding {
        class,
        patches,
        tokens,
        margins,
        distances,
    } = Encoding::zeros(plan);
    4 * (class.len() + patches.len() + tokens.len() + margins.len() + distances.len())
}

/// Bytes of the sums of each output channel's weights.
fn sum_bytes(plan: &Plan) -> usize {
    let outputs = plan.steps().iter().map(|step| match step {
        Step::LinearQ8 { params, .. } => params.outputs,
        Step::LinearQ4 { params, .. } => params.outputs,
        _ => 0,
    });
    4 * outputs.sum::<usize>()
}
