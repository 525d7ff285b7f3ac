//! Publishing: durable entries become tiles, bundles and checkpoints, on a thread of its own.
//!
//! # The order of one checkpoint, and what a crash between its steps leaves
//!
//! 1. tiles and bundles of that size, partial ones as files of their own, are written, synced and renamed: before the
//!    end of this the old checkpoint stands and the next start writes the same bytes again;
//! 2. their directories are synced: the new files are there, nobody refers to them yet;
//! 3. the promise covers the size: the next start demands at least this size, which the write-ahead log holds;
//! 4. `checkpoint` is replaced by rename: readers see the old one or the new one;
//! 5. segments whose entries are all in full bundles are removed: after a crash half-way they are removed again.

mod backlog;
mod growth;
mod press;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use backlog::Backlog;
pub(crate) use growth::Growth;
pub(crate) use press::Press;

use crate::fault::Refused;

/// How long to wait before trying again on a full disk.
const RETRY: Duration = Duration::from_millis(200);

/// The segments that are in use, and the size at which each ended.
pub(crate) type Segments = Arc<Mutex<VecDeque<(u64, u64)>>>;

/// The handle on the publishing thread.
#[derive(Debug)]
pub(crate) struct Publisher {
    backlog: Arc<Backlog>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Publisher {
    pub(crate) fn start(
        mut press: Press,
        backlog: Arc<Backlog>,
        interval: Duration,
    ) -> std::io::Result<Self> {
        let theirs = Arc::clone(&backlog);
        let thread = std::thread::Builder::new().name("ledger-publish".to_owned()).spawn(move || {
            while let Some(work) = theirs.take(interval) {
                for batch in &work.batches {
                    press.add(batch);
                }
                if work.publish {
                    publish(&mut press, &theirs);
                }
            }
            publish(&mut press, &theirs);
        })?;
        Ok(Self { backlog, thread: Mutex::new(Some(thread)) })
    }

    /// Publishes the last checkpoint and ends.
    pub(crate) fn close(&self) {
        self.backlog.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!("the publishing thread ended in disorder");
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.close();
    }
}

/// One checkpoint; on a disk without room it is tried again until there is some, or the ledger is closed.
fn publish(press: &mut Press, backlog: &Backlog) {
    let mut said: Option<Refused> = None;
    loop {
        match press.publish() {
            Ok(size) => return backlog.published(size),
            Err(refused) => {
                if said.as_ref() != Some(&refused) {
                    tracing::error!("no checkpoint can be published: {refused}");
                }
                said = Some(refused.clone());
                if !backlog.stuck(refused, RETRY) {
                    return;
                }
            }
        }
    }
}
