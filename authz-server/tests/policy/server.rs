//! A server in the background. Tests read its log to learn what it has done.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::PORTCULLIS;

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Receiver<Value>,
}

impl Server {
    /// Runs this command of a page with a JSON log, and waits until the server listens.
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
        // Ends when the pipe or the channel is closed.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if send.send(serde_json::from_str(&line).unwrap_or(Value::String(line))).is_err() {
                    return;
                }
            }
        });
        let server = Server { child, log };
        server.wait_for_log(Duration::from_secs(60), |fields| fields["message"] == "listening");
        server
    }

    /// Waits until a matching line is logged. Panics with the logged lines if none comes in time.
    pub(crate) fn wait_for_log(&self, within: Duration, what: impl Fn(&Value) -> bool) {
        let end = Instant::now() + within;
        let mut logged = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) if what(&line["fields"]) => return,
                Ok(line) => logged.push(line),
                Err(_) => panic!("not logged within {within:?}; logged: {logged:#?}"),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended by itself; it is reaped in both cases.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
