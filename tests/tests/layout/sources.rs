//! The source files of a crate, and their headers.

use std::fs;
use std::path::{Path, PathBuf};

use portcullis_tests::programs;

/// One source file: where it stands below the repository, and its text.
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl SourceFile {
    /// The text of the `//!` lines at its beginning, up to the first empty one.
    pub(crate) fn header(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//!"));
        let first = lines.map(str::trim).take_while(|line| !line.is_empty());
        first.collect::<Vec<_>>().join(" ")
    }

    /// Whether only tests use it.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.path.iter().any(|part| part == "tests" || part == "tests.rs")
    }
}

/// Every Rust file below this folder, sorted by path.
pub(crate) fn below(folder: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    read(&programs::repository(), Path::new(folder), &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!files.is_empty(), "there is no Rust file below {folder}");
    files
}

fn read(repository: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(repository.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            read(repository, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(SourceFile { text: fs::read_to_string(entry.path()).unwrap(), path });
        }
    }
}
