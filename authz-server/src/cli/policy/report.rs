//! What came of reading the documents: faults, warnings and failing tests, for a person or for a machine.
//!
//! As JSON every command that reads documents prints one object, whose `faults`, `failures` and `warnings` are always there.

use serde_json::{Map, Value, json};

use crate::cli::out::{Done, Failure, line, remark};
use policy::authoring::Tested;
use policy::{Fault, Warning};

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) faults: Vec<Fault>,
    /// Tests that fail.
    pub(super) failures: Vec<Fault>,
    pub(super) warnings: Vec<Warning>,
    /// The documents, where they are sound.
    pub(super) tested: Option<Tested>,
}

impl Report {
    pub(super) fn done(&self) -> Done {
        if !self.faults.is_empty() {
            Done::Faulty
        } else if !self.failures.is_empty() {
            Done::Denied
        } else {
            Done::Well
        }
    }

    /// Tells all of it; `more` is what the command itself has to say to a machine.
    pub(super) fn tell(&self, is_json: bool, mut more: Map<String, Value>) -> Result<Done, Failure> {
        if is_json {
            more.insert("faults".to_owned(), json!(self.faults));
            more.insert("failures".to_owned(), json!(self.failures));
            more.insert("warnings".to_owned(), json!(self.warnings));
            line(Value::Object(more))?;
            return Ok(self.done());
        }
        self.warnings.iter().for_each(|warning| remark(format!("warning: {warning}")));
        self.faults.iter().for_each(remark);
        self.failures.iter().for_each(remark);
        Ok(self.done())
    }
}

/// `1 route`, `2 routes`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
