//! What a command says: results on standard output, faults on standard error, and the exit status.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// How a command ended, where it did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// 0.
    Well,
    /// 1: the answer to the question is no.
    Denied,
    /// 2: what was to be read has faults, and they have been told.
    Faulty,
}

impl From<Done> for ExitCode {
    fn from(done: Done) -> ExitCode {
        match done {
            Done::Well => ExitCode::SUCCESS,
            Done::Denied => ExitCode::from(1),
            Done::Faulty => ExitCode::from(2),
        }
    }
}

/// Why a command did not do what it was asked: every line that its user needs, and the status.
#[derive(Debug)]
pub(super) struct Failure {
    lines: Vec<String>,
}

impl Failure {
    pub(super) fn new(line: impl Display) -> Failure {
        Failure { lines: vec![line.to_string()] }
    }

    pub(super) fn all<T: Display>(faults: &[T]) -> Failure {
        Failure { lines: faults.iter().map(ToString::to_string).collect() }
    }

    pub(super) fn tell(&self) -> ExitCode {
        let mut err = io::stderr().lock();
        for line in &self.lines {
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(err, "portcullis: {line}");
        }
        ExitCode::from(2)
    }
}

/// One line about what was read: faults, warnings. Nobody is left to tell when standard error is gone.
pub(super) fn remark(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// One line of result. A reader that went away (`| head`) has seen enough; that is no failure.
pub(super) fn line(text: impl Display) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the result: {e}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
