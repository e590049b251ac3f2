//! The firmware of `targets/cortex-m7`, run in QEMU: its tokens, features and TCAS must be what this
//! machine computes from the same file and images, to the last bit.

mod answers;

use crate::program::Program;
use crate::root;
use crate::setup;
use crate::steps::Step;
use answers::{Answers, read_npy};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const MANIFEST: &str = "targets/cortex-m7/Cargo.toml";
const CONFIG: &str = "targets/cortex-m7/.cargo/config.toml";
/// The model when the environment variable `MIMLET_MODEL`, which the firmware's build script reads too,
/// names no other.
const MODEL: &str = "models/digits-tiny/digits-tiny.int8.mim";
/// Where this machine's answers are written.
const FOLDER: &str = "target/firmware";

/// `cargo xtask firmware`.
pub(crate) fn run() -> ExitCode {
    if passes() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Its sources are formatted.
pub(crate) fn format() -> Step {
    let line = format!("cargo fmt --check --manifest-path {MANIFEST}");
    Step::run("format of the firmware", Program::new(&line))
}

/// Its lints.
pub(crate) fn lints() -> Step {
    let program = cargo("clippy").words(["--", "-D", "warnings"].map(str::to_owned));
    step("lints of the firmware", |name| Step::run(name, program))
}

/// Its run, and the comparison.
pub(crate) fn runs() -> Step {
    step("firmware on a Cortex-M7", |name| {
        Step::call(name, "firmware", passes)
    })
}

fn step(name: &'static str, step: impl FnOnce(&'static str) -> Step) -> Step {
    match setup::FIRMWARE.left_out() {
        Some(why) => Step::note(name, format!("left out: {why}")),
        None => step(name),
    }
}

/// A command of cargo about the firmware.
fn cargo(command: &str) -> Program {
    let line =
        format!("cargo {command} --release --locked --manifest-path {MANIFEST} --config {CONFIG}");
    Program::new(&line)
}

fn passes() -> bool {
    let compared = device().and_then(|device| Ok((host(&device)?, device)));
    let differences = compared.map(|(host, device)| device.differences(&host));
    match differences {
        Ok(differences) if differences.is_empty() => {
            println!("firmware: every token, feature and TCAS is this machine's, to the last bit");
            true
        }
        Ok(differences) => {
            for difference in differences {
                println!("firmware: {difference}");
            }
            false
        }
        Err(problem) => {
            eprintln!("xtask: {problem}");
            false
        }
    }
}

/// What the firmware prints. Lines that are not about one image are passed on.
fn device() -> Result<Answers, String> {
    let program = cargo("run");
    let mut answers = Answers::default();
    let ran = program.each_line(|line| {
        let line = String::from_utf8_lossy(line);
        if !answers.line(&line).map_err(io::Error::other)? {
            println!("{line}");
        }
        Ok(())
    });
    match ran {
        Ok(true) => Ok(answers),
        Ok(false) => Err(format!("`{program}` failed")),
        Err(error) => Err(format!("`{program}`: {error}")),
    }
}

/// What this machine answers about the same images.
fn host(device: &Answers) -> Result<Answers, String> {
    let mimlet = mimlet()?;
    let model = std::env::var("MIMLET_MODEL").unwrap_or_else(|_| MODEL.to_owned());
    let images = Path::new(&model).with_file_name("check");
    let folder = root().join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{FOLDER}: {error}"))?;
    let paths: Vec<String> = device
        .images
        .iter()
        .map(|image| image.path.clone())
        .collect();
    let encode = |what: &str| {
        let file = folder.join(format!("{what}.npy"));
        let line = format!(
            "{mimlet} encode --backend cpu --what {what} -o {} {model}",
            file.display()
        );
        let program = Program::new(&line).words(paths.clone());
        program
            .output()
            .ok_or_else(|| format!("`{line} ...` failed"))?;
        read_npy(&file)
    };
    let line = format!(
        "{mimlet} --json tcas {model} --data {} --backend cpu",
        images.display()
    );
    let tcas = Program::new(&line)
        .output()
        .ok_or_else(|| format!("`{line}` failed"))?;
    Ok(Answers::of_host(
        &paths,
        &encode("tokens")?,
        &encode("patches")?,
        &tcas,
    ))
}

/// The `mimlet` of this build. It is built along with the packages that tests build, whose features it
/// then shares: after the tests there is nothing to do.
pub(crate) fn mimlet() -> Result<String, String> {
    let line =
        "cargo build --workspace --exclude mimlet-train --exclude mimlet-sql-tests --bin mimlet";
    if !Program::new(line).succeeds() {
        return Err(format!("`{line}` failed"));
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mimlet: PathBuf = own.with_file_name(format!("mimlet{}", std::env::consts::EXE_SUFFIX));
    Ok(mimlet.display().to_string())
}
