//! `mimlet-train devices`: what this build can train on here, each held to the CPU.

use burn::tensor::Device;
use clap::Args;
use serde::Serialize;

use super::print;
use crate::device;
use crate::error::TrainError;
use crate::selftest;

/// Flags of `devices`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only this one; an error unless it can be had and passes.
    #[arg(long, help = device::HELP)]
    device: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    device: String,
    name: String,
    bf16: bool,
    self_test: String,
}

/// Opens, tests and lists.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let lines = match &arguments.device {
        Some(name) => vec![tested(name, device::by_name(name)?)?],
        None => device::list()
            .into_iter()
            .map(|(name, device)| {
                let broken = |error: TrainError| Line {
                    device: name.clone(),
                    name: String::new(),
                    bf16: false,
                    self_test: error.to_string(),
                };
                device::by_name(&name)
                    .and_then(|_| tested(&name, device))
                    .unwrap_or_else(broken)
            })
            .collect(),
    };
    print(&lines, arguments.json, || {
        let text = |line: &Line| {
            let bf16 = if line.bf16 { "bf16" } else { "no bf16" };
            format!(
                "{}: {} ({bf16}); {}",
                line.device, line.name, line.self_test
            )
        };
        lines.iter().map(text).collect::<Vec<_>>().join("\n")
    })
}

fn tested(name: &str, device: Device) -> Result<Line, TrainError> {
    let self_test = match selftest::check(&device)? {
        Some(agreement) => agreement.to_string(),
        None => "the measure of the self-test".into(),
    };
    Ok(Line {
        device: name.to_owned(),
        name: device::describe(&device),
        bf16: device::supports_bf16(&device),
        self_test,
    })
}
