//! Writes decisions into the ledger: the recorder, summaries for floods of denials and of reads, and the tickets by which
//! outcomes are recognised.

mod decision_id;
mod floods;
mod reads;
mod tickets;

use std::sync::Arc;

use ledger::entry::Entry;
use ledger::flood::RecordAs;
use ledger::{DraftedDecision, Ledger, Receipt, RecordError};
use tokio::sync::oneshot;
use tracing::warn;
use warrant::Denial;

pub use decision_id::DecisionId;
use floods::Floods;
use reads::ReadCounts;
pub use tickets::Tickets;

use crate::clock::Clock;
use crate::keys::DigestKey;

/// A caller's claim to the receipt of its entry, while it waits.
struct Claim<F: Fn(Receipt)> {
    result: oneshot::Receiver<Result<Receipt, RecordError>>,
    unclaimed: F,
}

impl<F: Fn(Receipt)> Drop for Claim<F> {
    /// After `close` nothing more can be sent. What was sent before and not received is unclaimed.
    fn drop(&mut self) {
        self.result.close();
        if let Ok(Ok(receipt)) = self.result.try_recv() {
            (self.unclaimed)(receipt);
        }
    }
}

/// Writes entries into the ledger.
#[derive(Clone, Debug)]
pub struct Recorder {
    ledger: Ledger,
    digests: Arc<DigestKey>,
    tickets: Arc<Tickets>,
    floods: Arc<Floods>,
    reads: Arc<ReadCounts>,
    clock: Clock,
}

impl Recorder {
    /// `denials`: how many denials per second are recorded one by one, in addition to each source's own share.
    pub fn new(ledger: Ledger, digests: DigestKey, denials: u32, clock: Clock) -> Recorder {
        let tickets = Arc::new(Tickets::of(&digests, ledger.origin()));
        Recorder {
            ledger,
            digests: Arc::new(digests),
            tickets,
            floods: Arc::new(Floods::new(denials, clock.clone())),
            reads: Arc::default(),
            clock,
        }
    }

    /// Counts a denial that gets no entry of its own. `name` is the id of its decision; for a denial that is known
    /// only from an access log it is the proxy's request id.
    pub fn count_denial(&self, reason: &str, source: &str, name: &str) {
        self.floods.count(reason, source, name);
    }

    /// Records a denial, or only counts it if its source sends too many denials, or too many bytes of them. `length`
    /// is the length of the entry. Returns true if it was only counted.
    pub fn record_denial(
        &self,
        denial: Denial,
        decision: &DecisionId,
        source: &str,
        entry: Entry,
        length: usize,
    ) -> bool {
        let is_summarised = self.floods.admit(denial, source, &entry, length) == RecordAs::Summary;
        if !is_summarised {
            self.submit_denial(decision, entry);
        }
        is_summarised
    }

    /// Records a denial by itself, however many its source sends.
    pub fn submit_denial(&self, decision: &DecisionId, entry: Entry) {
        self.submit_unawaited(format!("the denial {}", decision.as_str()), entry);
    }

    /// Records the summaries of counted denials that are due; with `all`, every summary now.
    pub fn record_floods(&self, all: bool) {
        if !all && self.refuses() {
            return;
        }
        for denials in self.floods.due(all) {
            let (floods, copy) = (Arc::clone(&self.floods), denials.clone());
            self.submit(denials.into(), move |recorded| match recorded {
                Ok(_) => {}
                Err(RecordError::QueueFull) => floods.postpone(copy),
                // At the end there is no next time.
                Err(refused) if refused.is_from_disk() && !all => floods.postpone(copy),
                Err(refused) => {
                    let (count, reason) = (copy.count, copy.reason);
                    warn!(%refused, count, reason, "a summary of denials was not recorded");
                }
            });
        }
    }

    /// Counts a read of the record. `what` is the action that was permitted.
    pub fn count_read(&self, by: &str, what: &str) {
        self.reads.count(self.clock.milliseconds(), by, what);
    }

    /// Records the counted reads that are due; with `all`, every one now.
    pub fn record_reads(&self, all: bool) {
        if !all && self.refuses() {
            return;
        }
        for reads in self.reads.due(self.clock.milliseconds(), all) {
            let (counts, copy) = (Arc::clone(&self.reads), reads.clone());
            self.submit_report(reads.into(), move |recorded| match recorded {
                Ok(_) => {}
                Err(RecordError::QueueFull) => counts.put_back(copy),
                Err(refused) if refused.is_from_disk() => counts.put_back(copy),
                Err(refused) => warn!(%refused, "a summary of reads was not recorded"),
            });
        }
    }

    /// Whether the ledger records nothing now. What is counted is kept until it does: each try would be counted as an entry that
    /// was lost.
    fn refuses(&self) -> bool {
        self.ledger.health().refusing.is_some()
    }

    /// Records an entry; `done` is called on another thread with the result, and must not block.
    pub fn submit(&self, entry: Entry, done: impl FnOnce(Result<Receipt, RecordError>) + Send + 'static) {
        self.ledger.submit(entry, Box::new(done));
    }

    /// The same for a report: an entry that may wait, and that never delays a decision.
    pub fn submit_report(
        &self,
        entry: Entry,
        done: impl FnOnce(Result<Receipt, RecordError>) + Send + 'static,
    ) {
        self.ledger.submit_report(entry, Box::new(done));
    }

    /// The ticket by which the outcome of an allow is recognised later.
    pub fn issue_ticket(&self, decision: &DecisionId, index: u64, proxy: &str) -> String {
        self.tickets.issue(decision.as_str(), index, proxy)
    }

    /// Whether this server allowed the decision of this id, with an entry at this index, for this proxy.
    pub fn issued_ticket(&self, decision: &str, index: u64, proxy: &str, ticket: &str) -> bool {
        self.tickets.is_valid(decision, index, proxy, ticket)
    }

    /// Waits until the entry of a decision is durable. If the caller stops waiting and the entry is recorded nevertheless, `unclaimed`
    /// is called with its receipt: exactly once, and never after this returned.
    pub async fn append(
        &self,
        decision: DraftedDecision,
        unclaimed: impl Fn(Receipt) + Clone + Send + 'static,
    ) -> Result<Receipt, RecordError> {
        let (done, result) = oneshot::channel();
        let mut claim = Claim { result, unclaimed: unclaimed.clone() };
        let answer = move |recorded| {
            // The receiver is gone: the caller stopped waiting before the entry was durable.
            if let Err(Ok(receipt)) = done.send(recorded) {
                unclaimed(receipt);
            }
        };
        self.ledger.submit_drafted(decision, Box::new(answer));
        (&mut claim.result).await.unwrap_or(Err(RecordError::Closed))
    }

    /// The key for values that are recorded as digests.
    pub fn digest_key(&self) -> &DigestKey {
        &self.digests
    }

    /// Records an entry without waiting, because nothing depends on it. `what` names it in the warning if it fails.
    pub fn submit_unawaited(&self, what: String, entry: Entry) {
        self.submit(entry, move |recorded| match recorded {
            // The ledger says once that the disk refuses, and counts what it refuses.
            Err(refused) if !refused.is_from_disk() => warn!(%refused, "{what} was not recorded"),
            Ok(_) | Err(_) => {}
        });
    }
}
