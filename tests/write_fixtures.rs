//! Writes the fixtures that the project makes itself, where they are missing: `cargo xtask
//! fixtures`.

use mimlet_format::{Scheme, VERSION, write_atomically};
use mimlet_tests::{path, tiny};
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("write_fixtures: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> io::Result<()> {
    let folder = path(&format!("compat/v{VERSION}"));
    std::fs::create_dir_all(&folder)?;
    for (name, scheme) in [
        ("f32", Scheme::F32),
        ("f16", Scheme::F16),
        ("int8", Scheme::Int8),
        ("int4", Scheme::Int4),
    ] {
        let file = folder.join(format!("tiny-{name}.mim"));
        if file.exists() {
            println!("kept     {}", file.display());
            continue;
        }
        let bytes = tiny::packed(scheme);
        write_atomically(&file, &bytes)?;
        println!("written  {}, {} bytes", file.display(), bytes.len());
    }
    Ok(())
}
