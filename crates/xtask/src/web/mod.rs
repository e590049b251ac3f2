//! The browser package and its demo page: built into `target/web`, served, and run in a headless
//! Chromium, where tokens must be this machine's.

mod catalogue;
mod folder;

use crate::firmware;
use crate::program::Program;
use crate::root;
use crate::setup;
use crate::steps::Step;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const TARGET: &str = "wasm32-unknown-unknown";
/// WebAssembly's 128-bit vectors, which every current browser has.
const VECTORS: &str = "-C target-feature=+simd128";
/// Where all of it lies.
const FOLDER: &str = "target/web";
/// What drives the browser in tests, of one version.
const DRIVER: [&str; 2] = ["playwright-core", "1.65.1"];

/// `cargo xtask web`: builds the package and the page; `--serve` serves them.
pub(crate) fn run(serve: bool) -> ExitCode {
    if !built() {
        return ExitCode::FAILURE;
    }
    println!("web: {FOLDER}/package is the npm package, {FOLDER}/demo the page");
    if !serve {
        return ExitCode::SUCCESS;
    }
    let line = format!("node crates/mimlet-web/tests/serve.mjs {FOLDER}");
    if Program::new(&line).succeeds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// `cargo xtask web-test`.
pub(crate) fn test() -> ExitCode {
    if passes() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Lints of the browser's crate.
pub(crate) fn lints() -> Step {
    let line =
        format!("cargo clippy -p mimlet-web -p mimlet-wgpu --target {TARGET} -- -D warnings");
    let program = Program::new(&line).with("RUSTFLAGS", VECTORS);
    step("lints for browsers", |name| Step::run(name, program))
}

/// The package and the page in a browser.
pub(crate) fn runs() -> Step {
    step("tests in a browser", |name| {
        Step::call(name, "web-test", passes)
    })
}

fn step(name: &'static str, step: impl FnOnce(&'static str) -> Step) -> Step {
    match setup::WEB.left_out() {
        Some(why) => Step::note(name, format!("left out: {why}")),
        None => step(name),
    }
}

fn built() -> bool {
    build().unwrap_or_else(|problem| {
        eprintln!("xtask: {problem}");
        false
    })
}

/// Builds wasm and JavaScript, and lays out the package and the page.
fn build() -> Result<bool, String> {
    let line = format!("cargo build --profile web -p mimlet-web --target {TARGET}");
    let wasm = artefacts()?.join(TARGET).join("web/mimlet_web.wasm");
    let package = root().join(FOLDER).join("package");
    let bindgen = Program::new("cargo run --quiet --profile tool -p web-bindgen --")
        .words([wasm.display().to_string(), package.display().to_string()]);
    folder::empty(&package)?;
    if !Program::new(&line).with("RUSTFLAGS", VECTORS).succeeds() || !bindgen.succeeds() {
        return Ok(false);
    }
    let sources = root().join("crates/mimlet-web");
    folder::copy(&sources.join("package"), &package)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        folder::copy_file(&root().join(licence), &package.join(licence))?;
    }
    let demo = root().join(FOLDER).join("demo");
    folder::empty(&demo)?;
    folder::copy(&sources.join("demo"), &demo)?;
    folder::copy(&package, &demo.join("mimlet"))?;
    catalogue::add_models(&demo)?;
    catalogue::keep_offline(&demo)?;
    Ok(true)
}

/// Cargo's target folder, of this very program.
fn artefacts() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.ancestors().nth(2).map(Path::to_path_buf);
    target.ok_or_else(|| format!("{} lies in no target folder", own.display()))
}

fn passes() -> bool {
    tested().unwrap_or_else(|problem| {
        eprintln!("xtask: {problem}");
        false
    })
}

fn tested() -> Result<bool, String> {
    if !built() {
        return Ok(false);
    }
    fetch_driver()?;
    let mimlet = firmware::mimlet()?;
    let test = Program::new("node --test-reporter=spec crates/mimlet-web/tests/browser.test.mjs");
    Ok(test.words([mimlet, FOLDER.to_owned()]).succeeds())
}

/// Makes sure of what drives the browser, in a folder of its own.
fn fetch_driver() -> Result<(), String> {
    let [name, version] = DRIVER;
    let tools = root().join(FOLDER).join("tools");
    let manifest = tools.join("node_modules").join(name).join("package.json");
    let found = folder::read(&manifest).unwrap_or_default();
    if String::from_utf8_lossy(&found).contains(&format!("\"version\": \"{version}\"")) {
        return Ok(());
    }
    folder::empty(&tools)?;
    let line = "npm install --no-save --ignore-scripts --no-audit --no-fund --prefix";
    let words = [tools.display().to_string(), format!("{name}@{version}")];
    let install = Program::new(line).words(words);
    if install.succeeds() {
        Ok(())
    } else {
        Err(format!("`{install}` failed: it needs npm's registry"))
    }
}
