//! Tells callers that their entries are durable: waking many of them takes as long as a sync, and the writer has the
//! next frame to write. A few are told at once, since handing them over would take longer.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::answers::Answers;

/// So many callers are told by the writer itself.
const FEW: usize = 4;

#[derive(Debug)]
pub(crate) struct Teller {
    batches: Option<mpsc::Sender<Answers>>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    pub(crate) fn start() -> io::Result<Self> {
        let (batches, arrived) = mpsc::channel::<Answers>();
        let thread = std::thread::Builder::new().name("ledger-tell".to_owned()).spawn(move || {
            for answers in arrived {
                answers.give(Ok);
            }
        })?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Everything here is durable.
    pub(crate) fn tell(&self, answers: Answers) {
        if answers.len() <= FEW {
            return answers.give(Ok);
        }
        if let Some(Err(mpsc::SendError(answers))) =
            self.batches.as_ref().map(|batches| batches.send(answers))
        {
            answers.give(Ok);
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that answers callers ended in disorder");
        }
    }
}
