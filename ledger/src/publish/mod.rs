//! Publishing: a separate thread turns durable entries into tiles, bundles and checkpoints.
//!
//! # The steps of one checkpoint, and what a crash between them leaves
//!
//! 1. The tiles and bundles of this size are written, synced and renamed; partial ones are separate files. A crash before
//!    the end of this step: the old checkpoint is still valid, and the next start writes the same bytes again.
//! 2. Their directories are synced. A crash after it: the new files exist, and nothing refers to them yet.
//! 3. `handed-out` is raised to this size. A crash after it: the next start requires at least this size, and the
//!    write-ahead log has it.
//! 4. `checkpoint` is replaced by a rename. Readers see the old one or the new one.
//! 5. Segments whose entries are all in full bundles are removed. After a crash in this step the rest is removed later.

mod backlog;
mod checkpointer;
mod tile_builder;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use backlog::Backlog;
pub(crate) use checkpointer::Checkpointer;
pub(crate) use tile_builder::TileBuilder;

use crate::fault::RecordError;
use crate::wal::segment::EndedSegment;

/// How long to wait before the next try on a full disk.
const RETRY: Duration = Duration::from_millis(200);

/// The segments that are finished and still exist.
pub(crate) type Segments = Arc<Mutex<VecDeque<EndedSegment>>>;

/// The handle of the publishing thread.
#[derive(Debug)]
pub(crate) struct Publisher {
    backlog: Arc<Backlog>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Publisher {
    pub(crate) fn start(
        mut checkpointer: Checkpointer,
        backlog: Arc<Backlog>,
        interval: Duration,
    ) -> std::io::Result<Self> {
        let shared = Arc::clone(&backlog);
        let thread = std::thread::Builder::new().name("ledger-publish".to_owned()).spawn(move || {
            while let Some(work) = shared.take(interval) {
                for batch in &work.batches {
                    checkpointer.add(batch);
                }
                if work.publish {
                    publish(&mut checkpointer, &shared);
                }
            }
            publish(&mut checkpointer, &shared);
        })?;
        Ok(Self { backlog, thread: Mutex::new(Some(thread)) })
    }

    /// Publishes the last checkpoint and ends the thread.
    pub(crate) fn close(&self) {
        self.backlog.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!("the publishing thread panicked");
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.close();
    }
}

/// Publishes one checkpoint. On a full disk it tries again until there is free space or the ledger is closed.
fn publish(checkpointer: &mut Checkpointer, backlog: &Backlog) {
    let mut reported: Option<RecordError> = None;
    loop {
        match checkpointer.publish() {
            Ok(size) => return backlog.published(size),
            Err(refused) => {
                if reported.as_ref() != Some(&refused) {
                    tracing::error!("no checkpoint can be published: {refused}");
                }
                reported = Some(refused.clone());
                if !backlog.wait_while_stuck(refused, RETRY) {
                    return;
                }
            }
        }
    }
}
