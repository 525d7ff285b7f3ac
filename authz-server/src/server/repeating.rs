//! A thread that does one thing again and again while the server runs, and that is joined at the end: what it has begun is finished.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::error;

use crate::bundles::ThreadError;

/// The thread. It ends when this is dropped, and not in the middle of a look.
#[derive(Debug)]
pub(super) struct RepeatingThread {
    name: &'static str,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts it. `look` returns when to look again.
pub(super) fn start(
    name: &'static str,
    mut look: impl FnMut() -> Duration + Send + 'static,
) -> Result<RepeatingThread, ThreadError> {
    let (stop, stopped) = mpsc::channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let mut wait = Duration::ZERO;
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
            wait = look();
        }
    });
    let thread = thread.map_err(|error| ThreadError { name: name.to_owned(), error })?;
    Ok(RepeatingThread { name, stop: Some(stop), thread: Some(thread) })
}

impl Drop for RepeatingThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            error!("the thread `{}` panicked", self.name);
        }
    }
}
