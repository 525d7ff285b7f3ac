//! Faults of the machine, for one program alone: a small library that is loaded into it changes what the C library answers. The
//! faults begin and end while the program runs, and need no privileges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::programs::repository;

/// What is wrong with the machine of a server or an Envoy.
#[derive(Debug)]
pub struct PreloadedFaults {
    library: PathBuf,
    directory: PathBuf,
}

impl PreloadedFaults {
    /// Compiles the library. No fault is active yet. Files in this directory begin and end the faults.
    ///
    /// # Panics
    /// When the library cannot be compiled. This takes the C compiler that Rust links with.
    #[must_use]
    pub fn new(directory: &Path) -> PreloadedFaults {
        let library = directory.join("preloaded_faults.so");
        let output = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(repository().join("tests/src/preloaded_faults.c"))
            .arg("-ldl")
            .output()
            .expect("the C compiler can be run");
        assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        PreloadedFaults { library, directory: directory.to_owned() }
    }

    /// From now on each `fdatasync` takes this much longer.
    pub fn delay_syncs_by(&self, delay: Duration) {
        self.set("sync-delay", &delay.as_millis().to_string());
    }

    /// From now on no file can be created in the ledger, as on a full disk; what is preallocated can still be written.
    pub fn fill_disk(&self) {
        self.set("full-disk", "1");
    }

    /// There is space again.
    pub fn free_disk(&self) {
        self.set("full-disk", "0");
    }

    /// From now on the wall clock is this many seconds ahead.
    pub fn shift_clock_by(&self, seconds: u64) {
        self.set("clock-shift", &seconds.to_string());
    }

    /// From now on the wall clock is this many seconds behind.
    pub fn set_clock_back_by(&self, seconds: u64) {
        self.set("clock-shift", &format!("-{seconds}"));
    }

    /// From now on each thread that asks for the first time how much stack it has is told: next to nothing.
    pub fn use_up_stacks(&self) {
        self.set("used-stack", "1");
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    fn set(&self, fault: &str, value: &str) {
        fs::write(self.directory.join(fault), value).expect("the directory can be written");
    }

    /// Loads the library into a program.
    pub(crate) fn use_in(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("PRELOADED_FAULTS", &self.directory);
    }
}
