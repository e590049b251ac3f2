//! Runs steps in order, names and times each, and stops at the first that fails.

use crate::program::Program;
use crate::tally::Tally;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// One step.
pub(crate) struct Step {
    name: &'static str,
    work: Work,
}

/// What a step does.
enum Work {
    /// Runs a program.
    Run(Program),
    /// Runs a program that prints test results.
    Test(Program),
    /// Calls a function of this program; the command repeats it.
    Call(fn() -> bool, Program),
    /// Says why there is nothing to run.
    Note(String),
}

impl Step {
    /// A step that runs a command line.
    pub(crate) fn run(name: &'static str, program: Program) -> Self {
        let work = Work::Run(program);
        Self { name, work }
    }

    /// A step that runs tests and counts them.
    pub(crate) fn test(name: &'static str, program: Program) -> Self {
        let work = Work::Test(program);
        Self { name, work }
    }

    /// A step of this program itself, which `cargo xtask COMMAND` repeats.
    pub(crate) fn call(name: &'static str, command: &str, function: fn() -> bool) -> Self {
        let again = Program::new("cargo xtask").words([command.to_owned()]);
        let work = Work::Call(function, again);
        Self { name, work }
    }

    /// A step that this machine cannot take, said aloud.
    pub(crate) fn note(name: &'static str, why: impl Into<String>) -> Self {
        let work = Work::Note(why.into());
        Self { name, work }
    }

    fn program(&self) -> Option<&Program> {
        match &self.work {
            Work::Run(program) | Work::Test(program) | Work::Call(_, program) => Some(program),
            Work::Note(_) => None,
        }
    }

    fn succeeds(&self, tally: &mut Tally) -> bool {
        match &self.work {
            Work::Run(program) => program.succeeds(),
            Work::Test(program) => program.tests(tally),
            Work::Call(function, _) => function(),
            Work::Note(why) => {
                println!("{why}");
                true
            }
        }
    }
}

/// Takes the steps. The last line says how many tests passed and failed.
pub(crate) fn take(steps: &[Step]) -> ExitCode {
    let mut tally = Tally::default();
    let mut times = Vec::new();
    let start = Instant::now();
    let mut failed = None;
    for step in steps {
        match step.program() {
            Some(program) => println!("\n==> {}: {program}", step.name),
            None => println!("\n==> {}", step.name),
        }
        let began = Instant::now();
        let succeeded = step.succeeds(&mut tally);
        times.push((step.name, began.elapsed()));
        if !succeeded {
            failed = Some(step);
            break;
        }
    }
    report(&times, start.elapsed());
    if let Some(program) = failed.and_then(Step::program) {
        println!("\nFAILED; to repeat: {program}");
    }
    println!("\n{tally}");
    match failed {
        Some(_) => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    }
}

fn report(times: &[(&str, Duration)], total: Duration) {
    println!();
    for (name, time) in times {
        println!("{:>8.1} s  {name}", time.as_secs_f64());
    }
    println!("{:>8.1} s  in all", total.as_secs_f64());
}
