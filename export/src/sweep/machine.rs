//! The machine that latencies are of.

use mimlet_kernels::Level;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a latency depends on besides the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor, as the system names it; `None` where it does not.
    pub processor: Option<String>,
    /// Instructions that the kernels use.
    pub level: String,
    /// Threads there are.
    pub threads: usize,
    /// Operating system and instruction set.
    pub system: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").ok();
        Self {
            processor: cpuinfo.as_deref().and_then(processor),
            level: Level::detect().name().to_owned(),
            threads: crate::pack::threads(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// The first processor's name in Linux's list of them.
fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    let words: Vec<&str> = name.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processor = self.processor.as_deref().unwrap_or("processor unknown");
        let plural = if self.threads == 1 { "" } else { "s" };
        write!(
            f,
            "{processor}, {}, {} thread{plural}, {}",
            self.level, self.threads, self.system
        )
    }
}

#[cfg(test)]
mod tests {
    use super::processor;

    #[test]
    fn a_processor_s_name_is_one_line_of_words() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\nmodel name\t: Other\n";
        assert_eq!(processor(cpuinfo).unwrap(), "Some CPU @ 2 GHz");
        assert_eq!(processor("model name\t: \n"), None);
        assert_eq!(processor("Hardware : BCM2835"), None);
    }
}
