//! A program that runs beside the test: what it says is kept, signals go by name, and it never outlives its owner.

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{PipeReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::condition::until;

/// A started program.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    /// Ends when the last writer of the pipe has.
    listener: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts `command` and listens to both its outputs.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &'static str, mut command: Command) -> Running {
        // A pipe and not a file: whatever is done to the program's files must not silence it.
        let (ear, mouth) = std::io::pipe().expect("the system has pipes");
        let second = mouth.try_clone().expect("a pipe's end can be cloned");
        let child = command
            .stdin(Stdio::null())
            .stdout(mouth)
            .stderr(second)
            .spawn()
            .unwrap_or_else(|why| panic!("{name} cannot be started ({command:?}): {why}"));
        let log: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = log.clone();
        let listener = Some(std::thread::spawn(move || listen(ear, &kept)));
        Running { name, child, log, listener }
    }

    /// What the program is called here.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Everything that it has said so far.
    ///
    /// # Panics
    /// When the listening thread panicked.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
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
        self.child.kill().expect("a running child can be killed");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.end().await
    }

    /// Stops it in its tracks, until it gets SIGCONT. A signal is only sent when `kill` returns: a thread on another
    /// processor may still be answering, so this waits until the kernel says that all of it stands still.
    pub async fn freeze(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.child.id());
        let stands_still = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
        };
        until(&format!("{} to stand still", self.name), async || {
            let all = fs::read_dir(&tasks).ok()?.flatten().all(stands_still);
            all.then_some(())
        })
        .await;
    }

    /// Waits until it ends by itself, and all that it said has been heard.
    ///
    /// # Panics
    /// When the listening thread panicked.
    pub async fn end(&mut self) -> ExitStatus {
        let name = self.name;
        let status = until(&format!("{name} to end"), async || self.ended()).await;
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        status
    }

    /// Its exit status, if it has ended.
    ///
    /// # Panics
    /// When the system does not know the child.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for")
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Processor time that it has used so far, in user and kernel together.
    ///
    /// # Panics
    /// When the program is no more.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // The second field, the name in parentheses, may hold blanks; utime and stime are the 12th and 13th after it.
        let (_, fields) = stat.rsplit_once(") ").expect("/proc/PID/stat has a name");
        let ticks: u64 =
            fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
        Duration::from_micros(ticks * 1_000_000 / clock_ticks_per_second())
    }

    /// Memory that is resident now, in bytes, as the kernel counts it.
    ///
    /// # Panics
    /// When the program is no more.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line =
            status.lines().find(|line| line.starts_with("VmRSS:")).expect("a running program has VmRSS");
        let kilobytes: u64 =
            line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("VmRSS: N kB");
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

fn listen(mut ear: PipeReader, kept: &Mutex<Vec<u8>>) {
    let mut heard = [0; 4096];
    while let Ok(length @ 1..) = ear.read(&mut heard) {
        kept.lock().unwrap().extend_from_slice(&heard[..length]);
    }
}
