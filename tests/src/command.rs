//! One run of the command line tool `portcullis`: the real binary, its output and its exit status.

use std::path::Path;
use std::process::{Command, Output};

use crate::programs;

/// The result of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    pub status: i32,
    /// Standard output, without the end of its last line.
    pub out: String,
    /// Standard error, without the end of its last line.
    pub err: String,
}

/// Runs `portcullis` with these arguments.
///
/// # Panics
/// When it cannot be run, was ended by a signal, or printed something that is not UTF-8.
#[must_use]
pub fn portcullis<A: AsRef<str>>(arguments: &[A]) -> CommandOutput {
    run(&programs::portcullis(), arguments)
}

/// Runs the program of another build.
///
/// # Panics
/// The same.
#[must_use]
pub fn run<A: AsRef<str>>(program: &Path, arguments: &[A]) -> CommandOutput {
    let arguments = arguments.iter().map(AsRef::as_ref);
    let output = Command::new(program).args(arguments).output().expect("portcullis can be run");
    CommandOutput::of(&output)
}

impl CommandOutput {
    /// What a program printed that ended by itself.
    ///
    /// # Panics
    /// When it was ended by a signal, or printed something that is not UTF-8.
    #[must_use]
    pub fn of(output: &Output) -> CommandOutput {
        let text = |bytes: &[u8]| str::from_utf8(bytes).expect("UTF-8").trim_end().to_owned();
        CommandOutput {
            status: output.status.code().expect("not ended by a signal"),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Standard output of a run that must succeed.
    ///
    /// # Panics
    /// When the status is not 0, or something is on standard error.
    #[must_use]
    pub fn success(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }
}
