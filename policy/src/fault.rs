//! Faults of documents: the file, the line, the column, what is wrong, and what to write instead.
//!
//! Faults are collected, not returned: an author wants the whole list at once. A reader that finds a fault adds it here, gives up
//! on that value only, and goes on with the rest.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// A position in a file; line and column count from one. Values read from JSON have [`Place::NONE`].
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

/// One fault of one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Fault {
    pub file: PathBuf,
    /// Zero where there is no position (JSON, a missing file).
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

/// The list of faults found so far.
#[derive(Debug, Default)]
pub struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same list, for faults of one file.
    pub fn in_file<'a>(&'a self, file: &'a Path) -> FileFaults<'a> {
        FileFaults { file, faults: self }
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Sorted by file and place, without duplicates: the order in which the rules ran does not matter.
    pub fn into_sorted(self) -> Vec<Fault> {
        let mut list = self.0.into_inner();
        list.sort();
        list.dedup();
        list
    }
}

/// Adds the faults of one file to the list.
#[derive(Clone, Copy, Debug)]
pub struct FileFaults<'a> {
    pub file: &'a Path,
    faults: &'a Faults,
}

impl FileFaults<'_> {
    /// How many faults the whole list has. If reading a part does not change this number, the part has no fault.
    pub fn count(&self) -> usize {
        self.faults.count()
    }

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
