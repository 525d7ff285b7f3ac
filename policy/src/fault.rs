//! What is wrong with a document, said so that its author can mend it: file, line, column, what, and what to write instead.
//!
//! Faults are gathered, not returned: whoever mends a bundle wants the whole list at once. A reader that meets one notes it here,
//! gives up on that value alone, and goes on with its neighbours.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where in a file: both count from one. JSON has no places: [`Place::NONE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    pub const NONE: Self = Self { line: 0, column: 0 };
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub at: Place,
    pub value: T,
}

impl<T> Placed<T> {
    pub fn new(at: Place, value: T) -> Self {
        Self { at, value }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Fault {
    pub file: PathBuf,
    /// Zero where the file has no places (JSON, a missing file).
    pub line: u32,
    pub column: u32,
    pub what: String,
    pub instead: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if self.line > 0 {
            write!(out, ":{}:{}", self.line, self.column)?;
        }
        write!(out, ": {}; {}", self.what, self.instead)
    }
}

impl std::error::Error for Fault {}

/// The list being gathered.
#[derive(Debug, Default)]
pub struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same list, for one file.
    pub fn page<'a>(&'a self, file: &'a Path) -> Page<'a> {
        Page { file, faults: self }
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Sorted by file and place, each told once: the order in which rules ran is nobody's concern.
    pub fn into_sorted(self) -> Vec<Fault> {
        let mut list = self.0.into_inner();
        list.sort();
        list.dedup();
        list
    }
}

/// One file, and where its faults go.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub file: &'a Path,
    faults: &'a Faults,
}

impl Page<'_> {
    pub fn fault(&self, at: Place, what: impl Into<String>, instead: impl Into<String>) {
        self.faults.0.borrow_mut().push(Fault {
            file: self.file.to_path_buf(),
            line: at.line,
            column: at.column,
            what: what.into(),
            instead: instead.into(),
        });
    }
}
