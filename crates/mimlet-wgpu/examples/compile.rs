//! Compiles every kernel that a model may run on a GPU. What the driver prints of a program, if its
//! environment tells it to, follows the line that names the kernel.
//!
//! ```sh
//! cargo run --release -p mimlet-wgpu --example compile -- model.mim [part of a GPU's name]
//! ```

use mimlet_format::{AlignedBytes, Model};
use mimlet_runtime::Plan;
use mimlet_wgpu::{Choice, Gpu, Requirements, compile_each};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which model?")?;
    let choice = arguments.next().map_or(Choice::Best, Choice::Name);
    let bytes = AlignedBytes::from(std::fs::read(&file)?);
    let model = Model::parse(&bytes)?;
    let plan = Plan::new(model.manifest())?;
    let gpu = Gpu::open(&choice, &Requirements::Plan(&plan))?;
    eprintln!("device {}", gpu.description());
    compile_each(&gpu, &plan, |kernel, shape| {
        eprintln!("kernel {kernel}: {shape}");
    })?;
    eprintln!("compiled all");
    Ok(())
}
