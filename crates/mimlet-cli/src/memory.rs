//! How much memory this process has held at most.

/// Highest resident set since the start, bytes; `None` where the system does not tell.
pub(crate) fn peak_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// The `VmHWM` line of Linux's `/proc/self/status` (man 5 proc_pid_status), in kibibytes.
fn parse(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_is_read_in_bytes() {
        let status = "Name:\tmimlet\nVmPeak:\t  999 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse(status), Some(2048 * 1024));
        assert_eq!(parse("Name:\tmimlet\n"), None);
    }
}
