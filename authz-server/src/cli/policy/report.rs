//! The result of reading the documents: faults, warnings and failing tests, as text or as JSON.
//!
//! With `--json`, every command that reads documents prints one object, which always has `faults`, `failures`
//! and `warnings`.

use serde_json::{Map, Value, json};

use crate::cli::out::{ExitStatus, Failure, line, line_to_stderr};
use policy::authoring::Tested;
use policy::{Fault, Warning};

#[derive(Debug, Default)]
pub(super) struct DocumentsReport {
    pub(super) faults: Vec<Fault>,
    /// Failing tests.
    pub(super) failures: Vec<Fault>,
    pub(super) warnings: Vec<Warning>,
    /// The documents, if they are sound.
    pub(super) tested: Option<Tested>,
}

impl DocumentsReport {
    pub(super) fn status(&self) -> ExitStatus {
        if !self.faults.is_empty() {
            ExitStatus::Faulty
        } else if !self.failures.is_empty() {
            ExitStatus::Denied
        } else {
            ExitStatus::Success
        }
    }

    /// Prints everything. `more` holds the command's own JSON members.
    pub(super) fn print(&self, is_json: bool, mut more: Map<String, Value>) -> Result<ExitStatus, Failure> {
        if is_json {
            more.insert("faults".to_owned(), json!(self.faults));
            more.insert("failures".to_owned(), json!(self.failures));
            more.insert("warnings".to_owned(), json!(self.warnings));
            line(Value::Object(more))?;
            return Ok(self.status());
        }
        self.warnings.iter().for_each(|warning| line_to_stderr(format!("warning: {warning}")));
        self.faults.iter().for_each(line_to_stderr);
        self.failures.iter().for_each(line_to_stderr);
        Ok(self.status())
    }
}

/// `1 route`, `2 routes`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
