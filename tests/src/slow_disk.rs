//! A slow disk: a small library that is loaded into the server under test and delays each of its `fdatasync` calls. A
//! fault that needs no privileges and no other file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::programs::repository;

/// A disk that can become slower and faster while a server uses it.
#[derive(Debug)]
pub struct SlowDisk {
    library: PathBuf,
    delay: PathBuf,
}

impl SlowDisk {
    /// A disk that is not slow yet. Its files are in this directory.
    ///
    /// # Panics
    /// When the library cannot be compiled. This takes the C compiler that Rust links with.
    #[must_use]
    pub fn new(directory: &Path) -> SlowDisk {
        let library = directory.join("slow_fdatasync.so");
        let output = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(repository().join("tests/src/slow_fdatasync.c"))
            .arg("-ldl")
            .output()
            .expect("the C compiler can be run");
        assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        let disk = SlowDisk { library, delay: directory.join("slow_fdatasync.delay") };
        disk.delay_syncs_by(Duration::ZERO);
        disk
    }

    /// From now on each `fdatasync` takes this much longer.
    ///
    /// # Panics
    /// When the file that says so cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub fn delay_syncs_by(&self, delay: Duration) {
        fs::write(&self.delay, delay.as_millis().to_string()).expect("the directory can be written");
    }

    /// Loads the library into a program.
    pub(crate) fn use_in(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("SLOW_FDATASYNC", &self.delay);
    }
}
