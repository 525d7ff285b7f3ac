//! A program that runs beside the test: its log in a file, signals by name, and never outliving its owner.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::condition::until;

/// A started program.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command`; both its outputs are appended to `<directory>/<name>.log`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &'static str, command: &mut Command, directory: &Path) -> Running {
        let log = directory.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log).expect("the log's directory is ours");
        let errors = file.try_clone().expect("a file handle can be cloned");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|why| panic!("{name} cannot be started ({command:?}): {why}"));
        Running { name, child, log }
    }

    /// Everything that it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How many bytes it has said so far: a mark from which to read later.
    #[must_use]
    pub fn log_length(&self) -> usize {
        self.log().len()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the program is no more.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap_or_else(|why| panic!("{} takes no signal: {why}", self.name));
    }

    /// `kill -9`, and gone when this returns.
    ///
    /// # Panics
    /// When it had ended by itself before: whoever kills wants to have killed something.
    pub fn kill(&mut self) {
        assert!(self.ended().is_none(), "{} had already ended:\n{}", self.name, self.log());
        self.signal(Signal::KILL);
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.end().await
    }

    /// Waits until it ends by itself.
    pub async fn end(&mut self) -> ExitStatus {
        let name = self.name;
        until(&format!("{name} to end"), async || self.ended()).await
    }

    /// Its exit status, if it has ended.
    ///
    /// # Panics
    /// When the system does not know the child.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for")
    }

    /// The process id.
    ///
    /// # Panics
    /// Never: the system's process ids are positive.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Memory that is resident now, in bytes, as the kernel counts it.
    ///
    /// # Panics
    /// When the program is no more.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a running program has VmRSS");
        let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("VmRSS: N kB");
        kilobytes * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has already ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
