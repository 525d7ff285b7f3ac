//! The command line as people use it: the real binary, one run, and all that it said.

use std::process::Command;

use crate::programs;

/// How one run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub status: i32,
    /// Standard output, without the end of its last line.
    pub out: String,
    /// The same of standard error.
    pub err: String,
}

/// Runs `portcullis` with these words.
///
/// # Panics
/// When it cannot be run, was ended by a signal, or said something that is no UTF-8.
#[must_use]
pub fn portcullis<W: AsRef<str>>(words: &[W]) -> Said {
    let words = words.iter().map(AsRef::as_ref);
    let output = Command::new(programs::portcullis()).args(words).output().expect("portcullis can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").trim_end().to_owned();
    Said {
        status: output.status.code().expect("not ended by a signal"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Said {
    /// What it answered, where it did what it was asked.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn well(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }
}
