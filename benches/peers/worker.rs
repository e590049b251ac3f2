//! The Rust side of `peers/table.py`: writes one model in every form that the contestants read, and
//! runs mimlet, rten and tract as workers that wait for their turns.
//!
//! ```text
//! peers_worker write MODEL FOLDER BATCH...
//! peers_worker mimlet FILE.mim INPUT BATCH THREADS
//! peers_worker rten|tract FILE.onnx INPUT BATCH THREADS
//! ```

mod model_files;
mod onnx_graph;
mod onnx_messages;
mod run_mimlet;
mod run_rten;
mod run_tract;
mod turns;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: peers_worker write MODEL FOLDER BATCH...
       peers_worker mimlet|rten|tract FILE INPUT BATCH THREADS";

/// What went wrong, to be printed.
type Fault = Box<dyn Error>;

/// Images that a contestant encodes in one run.
struct Batch {
    /// f32 `[size, 3, side, side]`.
    values: Vec<f32>,
    size: usize,
    /// Of an image, pixels.
    side: usize,
}

impl Batch {
    /// The first `size` images of a file of raw little-endian f32.
    fn read(path: &Path, size: usize) -> Result<Self, Fault> {
        let side = model_files::IMAGE_SIZE as usize;
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let length = size * 3 * side * side;
        let mut values: Vec<f32> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|&value| f32::from_le_bytes(value))
            .collect();
        if values.len() < length {
            return Err(format!("{} has fewer than {size} images", path.display()).into());
        }
        values.truncate(length);
        Ok(Self { values, size, side })
    }

    fn shape(&self) -> [usize; 4] {
        [self.size, 3, self.side, self.side]
    }

    fn images(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.values.len() / self.size)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Fault> {
    match *arguments {
        ["write", model, folder, ref batches @ ..] if !batches.is_empty() => {
            let batches: Result<Vec<u32>, _> = batches.iter().map(|size| size.parse()).collect();
            model_files::write(model, Path::new(folder), &batches?)
        }
        [runtime, file, input, size, threads] => {
            let batch = Batch::read(Path::new(input), size.parse()?)?;
            let (file, threads) = (Path::new(file), threads.parse()?);
            match runtime {
                "mimlet" => run_mimlet::serve(file, &batch, threads),
                "rten" => turns::serve(&mut run_rten::Contestant::new(file, batch, threads)?),
                "tract" => turns::serve(&mut run_tract::Contestant::new(file, &batch, threads)?),
                _ => Err(USAGE.into()),
            }
        }
        _ => Err(USAGE.into()),
    }
}
