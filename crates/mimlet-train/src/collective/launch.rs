//! What launchers tell the processes they start.

/// Where Open MPI, MPICH and Intel MPI, MVAPICH, and Slurm's `srun` write how many processes they
/// started together.
const COUNTS: [&str; 4] = [
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "SLURM_STEP_NUM_TASKS",
];

/// How many processes were started together with this one, itself included; 0 without a launcher.
/// `mpirun` within an interactive `srun` sees both: the larger counts.
pub(super) fn processes(variable: impl Fn(&str) -> Option<String>) -> usize {
    let count = |name: &&str| variable(name)?.trim().parse().ok();
    COUNTS.iter().filter_map(count).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::processes;

    #[test]
    fn a_process_knows_how_many_it_is_one_of() {
        let set = |pairs: &[(&str, &str)]| {
            processes(|name| {
                let pair = pairs.iter().find(|(key, _)| *key == name);
                pair.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(set(&[]), 0);
        assert_eq!(set(&[("OMPI_COMM_WORLD_SIZE", "2")]), 2);
        assert_eq!(set(&[("PMI_SIZE", "16")]), 16);
        assert_eq!(set(&[("PMI_SIZE", "many")]), 0);
        let nested = [("SLURM_STEP_NUM_TASKS", "1"), ("OMPI_COMM_WORLD_SIZE", "4")];
        assert_eq!(set(&nested), 4);
    }
}
