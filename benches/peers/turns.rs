//! A worker's side of the turns: it waits on standard input, without spinning, for its commands.
//!
//! `run K` takes one run that is not counted, which brings threads back to their cores and data back
//! to their caches, and K that are; the answer is their milliseconds as a JSON list. `features PATH`
//! takes one run and writes its features as raw little-endian f32; the answer is `written`. The first
//! line, once everything is loaded, is `ready` and a description.

use super::Fault;
use std::io::BufRead;
use std::time::Instant;

/// Something that encodes its batch again and again.
pub(crate) trait Runs {
    /// What runs, for people.
    fn describe(&self) -> String;

    /// Encodes the batch.
    fn run(&mut self) -> Result<(), Fault>;

    /// What the last run gave: `[batch, tokens, dim]`.
    fn features(&self) -> Result<Vec<f32>, Fault>;
}

/// Serves turns until standard input ends.
pub(crate) fn serve(contestant: &mut dyn Runs) -> Result<(), Fault> {
    println!("ready {}", contestant.describe());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("run", count)) => {
                let times = timed(contestant, count.parse()?)?;
                println!("[{}]", times.join(", "));
            }
            Some(("features", path)) => {
                contestant.run()?;
                let features = contestant.features()?;
                let bytes: Vec<u8> = features.iter().flat_map(|v| v.to_le_bytes()).collect();
                std::fs::write(path, bytes)?;
                println!("written");
            }
            _ => return Err(format!("`{line}` is neither `run K` nor `features PATH`").into()),
        }
    }
    Ok(())
}

fn timed(contestant: &mut dyn Runs, count: usize) -> Result<Vec<String>, Fault> {
    contestant.run()?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        contestant.run()?;
        times.push(start.elapsed());
    }
    let milliseconds = |time: &std::time::Duration| format!("{:.4}", time.as_secs_f64() * 1e3);
    Ok(times.iter().map(milliseconds).collect())
}
