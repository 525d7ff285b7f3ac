//! What a command prints and returns: results on standard output, faults on standard error, and the exit
//! status.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit status of a command that ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitStatus {
    /// 0.
    Success,
    /// 1: the answer is no.
    Denied,
    /// 2: the input has faults, and they have been printed.
    Faulty,
}

impl From<ExitStatus> for ExitCode {
    fn from(done: ExitStatus) -> ExitCode {
        match done {
            ExitStatus::Success => ExitCode::SUCCESS,
            ExitStatus::Denied => ExitCode::from(1),
            ExitStatus::Faulty => ExitCode::from(2),
        }
    }
}

/// Why a command failed: one line or several for its user. The exit status is 2.
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

    /// The same, after a line that says what was done before it.
    pub(super) fn after(mut self, line: impl Display) -> Failure {
        self.lines.insert(0, line.to_string());
        self
    }

    pub(super) fn print(&self) -> ExitCode {
        let mut err = io::stderr().lock();
        for line in &self.lines {
            // Without standard error there is no other place to report to.
            let _ = writeln!(err, "portcullis: {}", for_a_terminal(line));
        }
        ExitCode::from(2)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("; "))
    }
}

/// Prints one line to standard error: a fault or a warning. Without standard error there is no other place to
/// report to.
pub(super) fn line_to_stderr(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", for_a_terminal(&text.to_string()));
}

/// Text that may come from a server or a document, without what would move the cursor, colour the screen or turn the line around.
fn for_a_terminal(text: &str) -> String {
    let turns_around = |letter| matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut safe = String::new();
    for letter in text.chars() {
        if (letter.is_control() && letter != '\n') || turns_around(letter) {
            safe.extend(letter.escape_unicode());
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// Prints one line of the result. A reader that has closed the pipe (`| head`) is not a failure.
pub(super) fn line(text: impl Display) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the result: {e}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_cannot_move_the_cursor_or_turn_a_line_around() {
        let said = "a\u{1b}[2Jb\rc\u{202e}d\u{9b}e\nf ü 名";
        assert_eq!(for_a_terminal(said), "a\\u{1b}[2Jb\\u{d}c\\u{202e}d\\u{9b}e\nf ü 名");
    }
}
