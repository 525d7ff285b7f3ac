//! Answers callers whose entries are durable, in a separate thread: waking many callers takes as long as a sync, and the
//! writer has the next frame to write. A few callers are answered at once, because handing them over would take longer.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::waiting_callers::WaitingCallers;

/// Up to this many callers are answered by the writer itself.
const FEW: usize = 4;

#[derive(Debug)]
pub(crate) struct Notifier {
    batches: Option<mpsc::Sender<WaitingCallers>>,
    thread: Option<JoinHandle<()>>,
}

impl Notifier {
    pub(crate) fn start() -> io::Result<Self> {
        let (batches, arrived) = mpsc::channel::<WaitingCallers>();
        let thread = std::thread::Builder::new().name("ledger-notify".to_owned()).spawn(move || {
            for callers in arrived {
                callers.answer();
            }
        })?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Answers these callers. Their entries must be durable.
    pub(crate) fn notify(&self, callers: WaitingCallers) {
        if callers.len() <= FEW {
            return callers.answer();
        }
        if let Some(Err(mpsc::SendError(callers))) =
            self.batches.as_ref().map(|batches| batches.send(callers))
        {
            callers.answer();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that answers callers panicked");
        }
    }
}
