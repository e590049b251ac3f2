//! What launchers tell the processes they start.

/// How many processes there are, by Open MPI, MVAPICH, MPICH and Intel MPI, and Slurm's `srun`.
/// `mpirun` may run within a step of `srun`, so its own word comes first.
const COUNTS: [&str; 4] = [
    "OMPI_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "SLURM_STEP_NUM_TASKS",
];

/// Which of those on its machine a process is, by the same launchers.
const LOCAL_RANKS: [&str; 4] = [
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MV2_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "SLURM_LOCALID",
];

/// The value of an environment variable.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How many processes were started together with this one, itself included; 0 without a launcher.
pub(super) fn processes(variable: impl Fn(&str) -> Option<String>) -> usize {
    first(&COUNTS, variable).unwrap_or(0)
}

/// This process among those on its machine, from 0.
pub(super) fn local_rank(variable: impl Fn(&str) -> Option<String>) -> usize {
    first(&LOCAL_RANKS, variable).unwrap_or(0)
}

fn first(names: &[&str], variable: impl Fn(&str) -> Option<String>) -> Option<usize> {
    names
        .iter()
        .find_map(|name| variable(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{local_rank, processes};

    fn variable<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| {
            let pair = set.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn a_process_knows_how_many_it_is_one_of() {
        assert_eq!(processes(variable(&[])), 0);
        assert_eq!(processes(variable(&[("OMPI_COMM_WORLD_SIZE", "2")])), 2);
        assert_eq!(processes(variable(&[("PMI_SIZE", "16")])), 16);
        assert_eq!(processes(variable(&[("PMI_SIZE", "many")])), 0);
        // mpirun within the shell of an `srun --pty`.
        let nested = [("SLURM_STEP_NUM_TASKS", "8"), ("OMPI_COMM_WORLD_SIZE", "4")];
        assert_eq!(processes(variable(&nested)), 4);
    }

    #[test]
    fn a_process_knows_its_place_on_its_machine() {
        assert_eq!(local_rank(variable(&[])), 0);
        assert_eq!(local_rank(variable(&[("SLURM_LOCALID", "3")])), 3);
    }
}
