//! A process that runs during a test. Its output is collected, and it ends with its owner.

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{PipeReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::condition::until;

/// A started process.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    /// Ends when the last writer of the pipe has ended.
    collector: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` and collects what it writes to standard output and standard error.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &'static str, command: Command) -> Process {
        Process::start_by(name, command, Command::spawn)
    }

    /// The same, where `spawn` chooses the namespaces. It may make no threads: a thread cannot join a new pid namespace.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub(crate) fn start_by(
        name: &'static str,
        mut command: Command,
        spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>,
    ) -> Process {
        // A pipe and not a file: a fault that a test injects into files must not silence the log.
        let (reader, writer) = std::io::pipe().expect("the system has pipes");
        let second_writer = writer.try_clone().expect("a pipe's end can be cloned");
        command.stdin(Stdio::null()).stdout(writer).stderr(second_writer);
        let child =
            spawn(&mut command).unwrap_or_else(|why| panic!("{name} cannot be started ({command:?}): {why}"));
        // The command holds the pipe's writing end. Without this the collector would never see its end.
        drop(command);
        let log: Arc<Mutex<Vec<u8>>> = Arc::default();
        let collected = log.clone();
        let collector = Some(std::thread::spawn(move || collect(reader, &collected)));
        Process { name, child, log, collector }
    }

    /// The name of this process in messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Everything that it has written so far.
    ///
    /// # Panics
    /// When the collecting thread panicked.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }

    /// Waits until `find` finds something in a line of the log.
    ///
    /// # Panics
    /// When the process ends before that.
    pub async fn find_in_log<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        until(&format!("the log of {} to say {what}", self.name), async || {
            self.assert_runs();
            self.log().lines().find_map(&find)
        })
        .await
    }

    /// Asserts that the process has not ended.
    ///
    /// # Panics
    /// When it has.
    pub fn assert_runs(&mut self) {
        if let Some(status) = self.exit_status() {
            panic!("{} ended ({status}):\n{}", self.name, self.log());
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap_or_else(|why| panic!("{} takes no signal: {why}", self.name));
    }

    /// Kills it (`kill -9`). It has ended when this returns.
    ///
    /// # Panics
    /// When it had ended by itself: then the test killed nothing.
    pub fn kill(&mut self) {
        self.assert_runs();
        self.child.kill().expect("a running child can be killed");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait().await
    }

    /// Suspends it (SIGSTOP) until it gets SIGCONT. `kill` returns when the signal is sent, and a thread on another
    /// processor may still be running then. So this waits until the kernel says that every thread is suspended.
    pub async fn freeze(&self) {
        self.signal(Signal::STOP);
        let tasks = self.file_in_proc("task");
        let is_suspended = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
        };
        until(&format!("{} to be suspended", self.name), async || {
            let all = fs::read_dir(&tasks).ok()?.flatten().all(is_suspended);
            all.then_some(())
        })
        .await;
    }

    /// Waits until it has ended by itself, and all of its output is in the log.
    ///
    /// # Panics
    /// When the collecting thread panicked.
    pub async fn wait(&mut self) -> ExitStatus {
        let name = self.name;
        let status = until(&format!("{name} to end"), async || self.exit_status()).await;
        if let Some(collector) = self.collector.take() {
            collector.join().unwrap();
        }
        status
    }

    /// Waits until it has ended by itself. If it does not within this time it is aborted, so that it can say where it was. Returns its
    /// status if it was in time.
    ///
    /// # Panics
    /// When the system does not know the child.
    pub async fn end_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let from = Instant::now();
        while self.exit_status().is_none() && from.elapsed() < time {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let in_time = self.exit_status();
        if in_time.is_none() {
            self.signal(Signal::ABORT);
        }
        self.wait().await;
        in_time
    }

    /// Its exit status, if it has ended.
    ///
    /// # Panics
    /// When the system does not know the child.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the system knows the child")
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What the kernel says about it under this name.
    #[must_use]
    pub fn file_in_proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    /// How many sockets it has open.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        let files = fs::read_dir(self.file_in_proc("fd")).expect("it runs");
        let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// The most memory that it has used so far, in bytes.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(self.file_in_proc("status")).expect("it runs");
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        kilobytes.and_then(|number| number.trim().parse::<u64>().ok()).expect("the kernel counts it") << 10
    }

    /// The processor time that it has used so far, in user and kernel together.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(self.file_in_proc("stat")).expect("it runs");
        // The second field, the name in parentheses, may hold blanks; utime and stime are the 12th and 13th after it.
        let (_, fields) = stat.rsplit_once(") ").expect("/proc/PID/stat has a name");
        let ticks: u64 =
            fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
        Duration::from_micros(ticks * 1_000_000 / clock_ticks_per_second())
    }

    /// The memory of its own that is resident, in bytes, as the kernel counts it. Pages of the program's file are not
    /// counted: the kernel can drop them, and a debug build has several times as many as a release build.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn own_resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(self.file_in_proc("status")).expect("it runs");
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.strip_suffix("kB"));
        kilobytes.and_then(|number| number.trim().parse::<u64>().ok()).expect("the kernel counts it") << 10
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has already ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a log, for people.
pub(crate) fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn collect(mut reader: PipeReader, log: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        log.lock().unwrap().extend_from_slice(&buffer[..length]);
    }
}
