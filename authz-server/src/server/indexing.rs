//! Keeps the history up to date while the server runs, on a thread of its own. It reads what is published, so neither a decision
//! nor the ledger's writer waits for it; and nothing waits for the history but who asks it.

use std::time::{Duration, Instant};

use tracing::{error, info};

use super::repeating::{self, RepeatingThread};
use crate::bundles::ThreadError;
use crate::complaint::Complaint;
use crate::history::History;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many entries are read before the thread looks whether it must stop: some milliseconds of work.
const READ_AT_ONCE: usize = 2_000;

/// How long to wait after the log could not be read.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(10);

pub(super) fn start(history: History) -> Result<RepeatingThread, ThreadError> {
    let mut indexing = Indexing { history, complaint: Complaint::default(), has_read_all: false };
    repeating::start("history", move || indexing.look())
}

struct Indexing {
    history: History,
    complaint: Complaint,
    has_read_all: bool,
}

impl Indexing {
    /// Reads what is published. Returns when to look again.
    fn look(&mut self) -> Duration {
        let began = Instant::now();
        match self.history.read_on(READ_AT_ONCE) {
            Ok(has_more) => {
                if self.complaint.clear() {
                    info!("the history is read again");
                }
                // It rests as long as it works: after a start it takes half a processor from decisions, not a whole one.
                if has_more {
                    return began.elapsed();
                }
                if !self.has_read_all {
                    self.has_read_all = true;
                    let span = self.history.span();
                    info!(
                        from = span.from,
                        as_of = span.as_of,
                        bytes = self.history.bytes(),
                        "the history is read"
                    );
                }
                LOOK_EVERY
            }
            Err(error) => {
                let reason = error.to_string();
                if self.complaint.raise(&reason) {
                    error!(
                        "the history cannot be read on, so newer decisions cannot be asked about: {reason}"
                    );
                }
                PAUSE_AFTER_ERROR
            }
        }
    }
}
