//! Devices and processes as a user meets them, whatever features are built.

use std::process::Command;

/// Exit code and what is printed, after `set` in the environment.
fn train(line: &str, set: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mimlet-train"))
        .args(line.split_whitespace())
        .envs(set.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn the_cpu_is_listed_and_opens() {
    let (code, text) = train("devices --device cpu", &[]);
    assert_eq!(
        (code, text.as_str()),
        (
            Some(0),
            "cpu: cpu (no bf16); the measure of the self-test\n"
        )
    );
}

#[test]
fn one_of_several_processes_that_cannot_join_refuses() {
    // As `srun` without --mpi starts them: each would train the whole model alone.
    let (code, text) = train("processes", &[("SLURM_STEP_NUM_TASKS", "2")]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("a launcher started 2 of them"), "{text}");
}

#[cfg(feature = "vulkan")]
#[test]
fn a_machine_without_vulkan_says_so_in_one_line() {
    let nowhere = [
        ("VK_DRIVER_FILES", "/nowhere"),
        ("VK_ICD_FILENAMES", "/nowhere"),
    ];
    let (code, text) = train("devices --device vulkan", &nowhere);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.starts_with("mimlet-train: --device vulkan: this machine has no Vulkan device"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[cfg(feature = "vulkan")]
#[test]
fn a_driver_that_refuses_is_an_error_in_one_line() {
    if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
        eprintln!("skipped: MIMLET_GPU=skip");
        return;
    }
    // cubecl panics over this setting while it opens the device.
    let set = [
        ("CUBECL_WGPU_MAX_TASKS", "none"),
        ("MIMLET_SOFTWARE_GPU", "1"),
    ];
    let (code, text) = train("devices --device vulkan", &set);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("cannot be opened: "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}
