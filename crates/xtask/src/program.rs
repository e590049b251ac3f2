//! A command line that can be run and shown.

use crate::root;
use crate::tally::Tally;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// A command line, run in the repository's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    environment: Vec<(&'static str, &'static str)>,
    words: Vec<String>,
}

impl Program {
    /// A command line without quoting: its words are what blanks separate.
    pub(crate) fn new(line: &str) -> Self {
        Self {
            environment: Vec::new(),
            words: line.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The same with an environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// The same with more words.
    pub(crate) fn words(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.words.extend(words);
        self
    }

    /// Runs it; whether it succeeded.
    pub(crate) fn succeeds(&self) -> bool {
        match self.command().status() {
            Ok(status) => status.success(),
            Err(error) => {
                eprintln!("xtask: cannot run `{self}`: {error}");
                false
            }
        }
    }

    /// Runs a test command and passes its output on while counting its tests; whether it succeeded.
    pub(crate) fn tests(&self, tally: &mut Tally) -> bool {
        self.stream(tally).unwrap_or_else(|error| {
            eprintln!("xtask: cannot run `{self}`: {error}");
            false
        })
    }

    fn stream(&self, tally: &mut Tally) -> io::Result<bool> {
        self.each_line(|line| {
            let mut here = io::stdout().lock();
            here.write_all(line)?;
            here.write_all(b"\n")?;
            tally.line(&String::from_utf8_lossy(line));
            Ok(())
        })
    }

    /// Runs it and shows `see` each line it prints; whether it succeeded.
    ///
    /// # Errors
    /// When it cannot be run, or of `see`.
    pub(crate) fn each_line(
        &self,
        mut see: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut child = self.command().stdout(Stdio::piped()).spawn()?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                see(&line?)?;
            }
        }
        Ok(child.wait()?.success())
    }

    /// What it prints, when it succeeds.
    pub(crate) fn output(&self) -> Option<String> {
        let output = self.command().stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    fn command(&self) -> Command {
        // The cargo that runs this program is the one to go on with.
        let cargo = std::env::var("CARGO").ok();
        let program = match self.words.first().map(String::as_str) {
            Some("cargo") => cargo.as_deref().unwrap_or("cargo"),
            program => program.unwrap_or_default(),
        };
        let mut command = Command::new(program);
        command
            .args(self.words.iter().skip(1))
            .envs(self.environment.iter().copied())
            .current_dir(root());
        command
    }
}

impl fmt::Display for Program {
    /// As it can be pasted into a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}='{value}' ")?;
        }
        f.write_str(&self.words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn a_program_is_shown_as_it_can_be_pasted() {
        let program = Program::new("cargo doc  --no-deps")
            .with("RUSTDOCFLAGS", "-D warnings")
            .words(["-p".into(), "xtask".into()]);
        assert_eq!(
            program.to_string(),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps -p xtask"
        );
    }
}
