//! A slow disk: a small library that is loaded into the server under test and delays each of its `fdatasync` calls. A
//! fault that needs no privileges and no other file system.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::repository;

/// The variable that tells the library how many microseconds each call takes longer.
pub const DELAY: &str = "SLOW_FDATASYNC";

/// Compiles the library into this directory, with the C compiler that Rust links with.
///
/// # Panics
/// When it cannot be compiled.
#[must_use]
pub fn shim(directory: &Path) -> PathBuf {
    let library = directory.join("slow_fdatasync.so");
    let source = repository().join("tests/src/slow_fdatasync.c");
    let output = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .output()
        .expect("the C compiler can be run: Rust needs it too");
    assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    library
}
