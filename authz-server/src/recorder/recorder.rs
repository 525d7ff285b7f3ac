//! The way into the ledger: entries that are waited for and entries that are not, denials one by one or in summaries.

use std::sync::Arc;

use ledger::entry::Entry;
use ledger::{Ledger, Receipt, RecordError};
use tokio::sync::oneshot;
use tracing::warn;
use warrant::{Denial, Digest};

use super::floods::Floods;
use super::{DecisionId, Tickets};
use crate::clock::Clock;
use crate::keys::DigestKey;

/// The way into the ledger.
#[derive(Clone, Debug)]
pub struct Recorder {
    ledger: Ledger,
    digests: Arc<DigestKey>,
    tickets: Arc<Tickets>,
    floods: Arc<Floods>,
}

impl Recorder {
    /// `denials`: so many a second are recorded one by one, beside each source's own share.
    pub fn new(ledger: Ledger, digests: DigestKey, denials: u32, clock: Clock) -> Recorder {
        let tickets = Arc::new(Tickets::of(&digests, ledger.origin()));
        Recorder {
            ledger,
            digests: Arc::new(digests),
            tickets,
            floods: Arc::new(Floods::new(denials, clock)),
        }
    }

    /// Counts a denial that gets no entry of its own. `name` is the id of its decision; for a denial that is known only from
    /// an access log it is the proxy's request id.
    pub fn count_denial(&self, reason: &str, source: &str, name: &str) {
        self.floods.count(reason, source, name);
    }

    /// Records a denial, or only counts it if its source sends too many. Returns true if it was only counted.
    pub fn record_denial(&self, denial: Denial, decision: &DecisionId, source: &str, entry: Entry) -> bool {
        let is_summarised = self.floods.swallows(denial, source, &entry);
        if !is_summarised {
            self.submit_unawaited(&format!("the denial {}", decision.as_str()), entry);
        }
        is_summarised
    }

    /// Records what was only counted, where it is time to; with `all`, now.
    pub fn record_floods(&self, all: bool) {
        for denials in self.floods.due(all) {
            let (floods, kept) = (Arc::clone(&self.floods), denials.clone());
            self.submit(denials.into(), move |recorded| match recorded {
                Ok(_) => {}
                Err(RecordError::QueueFull) => floods.postpone(kept),
                Err(refused) => warn!(%refused, "a summary of denials was not recorded"),
            });
        }
    }

    /// Records what is no decision; `done` is told from another thread, and must not block.
    pub fn submit(&self, entry: Entry, done: impl FnOnce(Result<Receipt, RecordError>) + Send + 'static) {
        self.ledger.submit(entry, Box::new(done));
    }

    /// The ticket by which the outcome of an allow is recognised later.
    pub fn issue_ticket(&self, decision: &DecisionId, index: u64, proxy: &str) -> String {
        self.tickets.issue(decision.as_str(), index, proxy)
    }

    /// Whether this server allowed the decision of this id, with an entry at this index, for this proxy.
    pub fn issued_ticket(&self, decision: &str, index: u64, proxy: &str, ticket: &str) -> bool {
        self.tickets.holds(decision, index, proxy, ticket)
    }

    /// Waits until an entry is durable.
    pub async fn append(&self, entry: Entry) -> Result<Receipt, RecordError> {
        let (tell, told) = oneshot::channel();
        // A receiver that is gone has missed its deadline; the gateway then records what became of the request.
        self.submit(entry, move |recorded| drop(tell.send(recorded)));
        told.await.unwrap_or(Err(RecordError::Closed))
    }

    /// The key by which values are recorded as digests.
    pub fn digest_key(&self) -> &DigestKey {
        &self.digests
    }

    /// A keyed digest, recorded in place of a value that must not be.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        Digest::from_bytes(self.digests.digest(bytes))
    }

    /// Records something that nobody waits for, because nothing that follows depends on it.
    pub fn submit_unawaited(&self, what: &str, entry: Entry) {
        let what = what.to_owned();
        self.submit(entry, move |recorded| {
            if let Err(refused) = recorded {
                warn!(%refused, "{what} was not recorded");
            }
        });
    }
}
