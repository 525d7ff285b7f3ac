//! A server that runs beside a shell: what it logs is how one knows what it has done.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::PORTCULLIS;

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Receiver<Value>,
}

impl Server {
    /// Runs these words of a page, with a log that a program can read, and waits until it listens.
    pub(crate) fn start(words: &str, directory: &Path) -> Server {
        let arguments: Vec<&str> = words.split_whitespace().skip(1).collect();
        let mut child = Command::new(PORTCULLIS)
            .args(arguments)
            .args(["--log-format", "json"])
            .current_dir(directory)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (send, log) = channel();
        // Ends with the pipe, or when nobody listens any more.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if send.send(serde_json::from_str(&line).unwrap_or(Value::String(line))).is_err() {
                    return;
                }
            }
        });
        let server = Server { child, log };
        server.says(Duration::from_secs(60), |fields| fields["message"] == "listening");
        server
    }

    /// Waits until something like it is logged; fails with what was logged instead.
    pub(crate) fn says(&self, within: Duration, what: impl Fn(&Value) -> bool) {
        let end = Instant::now() + within;
        let mut heard = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) if what(&line["fields"]) => return,
                Ok(line) => heard.push(line),
                Err(_) => panic!("not within {within:?}; it said: {heard:#?}"),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; what remains is reaped either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
