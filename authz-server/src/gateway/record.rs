//! Record: no allow without a receipt.
//!
//! `Allow` has private fields and one constructor, at the end of `Recording::forward`. What leads there cannot be
//! forged: a `Permit` or a `Pass` (only the judge makes one), for a permit what was `Burned` (only `Uses::spend` makes
//! one), and a `ledger::Receipt` (only the ledger's writer does, after the sync) for the entry that says so. A denial
//! needs none of them.

mod chain;
mod entry;

use std::sync::Arc;

use ledger::entry::{Answer as Outcome, Decision, Entry};
use ledger::{Ledger, Receipt, Refused};
use tokio::sync::oneshot;
use tracing::warn;
use warrant::problem::{Problem, Realm};
use warrant::{Denial, Seconds};

use super::{Answer, DecisionId, Refusal};
use crate::decision::{Case, Denied, Pass, Permit};
use crate::facts::Burned;
use crate::keys::DigestKey;
use crate::policy::Bundle;

/// The way into the ledger.
#[derive(Clone, Debug)]
pub struct Recorder {
    ledger: Ledger,
    digests: Arc<DigestKey>,
}

/// A request that may be forwarded: judged, paid for, and durably on record.
#[derive(Debug)]
pub struct Allow {
    decision: DecisionId,
    stamp: Stamp,
    receipt: Receipt,
}

/// Which request line a decision is about, and until when: what the seal behind us will compare.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub method: String,
    pub authority: String,
    pub path: String,
    /// Of every link's signing input, the root's first; none where no warrant was asked for.
    pub digests: Vec<String>,
    pub expires: Option<Seconds>,
}

/// One decision on its way into the ledger.
#[derive(Debug)]
pub struct Recording {
    ledger: Ledger,
    decision: DecisionId,
    entry: Decision,
    stamp: Option<Stamp>,
    bundle: Arc<Bundle>,
}

impl Recorder {
    pub fn new(ledger: Ledger, digests: DigestKey) -> Recorder {
        Recorder { ledger, digests: Arc::new(digests) }
    }

    /// Writes down the judge's whole input.
    pub fn about(&self, decision: &DecisionId, case: &Case<'_>, bundle: &Arc<Bundle>) -> Recording {
        Recording {
            ledger: self.ledger.clone(),
            decision: decision.clone(),
            entry: entry::of_case(decision, case, bundle, &self.digests),
            stamp: entry::stamp(case),
            bundle: Arc::clone(bundle),
        }
    }
}

impl Recording {
    /// The judge denied. The record is not waited for: nothing will happen that it would have to come before.
    pub fn deny(mut self, denied: Denied) -> Answer {
        self.entry.verdict = entry::denied(&denied);
        self.submit_denial(denied)
    }

    /// The judge permitted it, and what it costs could not be paid.
    pub fn refuse(mut self, permit: &Permit, denied: Denied) -> Answer {
        self.entry.verdict = entry::permitted(permit);
        self.submit_denial(denied)
    }

    /// Permitted and paid for.
    pub async fn allow(mut self, permit: Permit, burned: Burned) -> Answer {
        self.entry.verdict = entry::permitted(&permit);
        self.entry.burned = entry::burned(&burned, permit.burns());
        self.forward(Outcome::Allowed, permit.route()).await
    }

    /// Not governed, or only watched.
    pub async fn pass(mut self, pass: Pass) -> Answer {
        let (verdict, outcome) = entry::passed(&pass);
        self.entry.verdict = verdict;
        self.forward(outcome, pass.route()).await
    }

    /// Waits until the entry is durable, and only then is there an allow.
    async fn forward(mut self, outcome: Outcome, route: &str) -> Answer {
        let Some(stamp) = self.stamp.take() else {
            return self.submit_denial(Denied::on_route(Denial::Internal, route));
        };
        self.entry.outcome = outcome;
        match append(&self.ledger, self.entry.into()).await {
            Ok(receipt) => Answer::Allow(Box::new(Allow { decision: self.decision, stamp, receipt })),
            Err(refused) => {
                warn!(decision = self.decision.as_str(), %refused, "not recorded, so not forwarded");
                Answer::denied(self.decision, Denied::on_route(denial_for(&refused), route))
            }
        }
    }

    fn submit_denial(mut self, denied: Denied) -> Answer {
        self.entry.outcome = Outcome::Denied(denied.denial.code().to_owned());
        let decision = self.decision.as_str().to_owned();
        let done = move |recorded: Result<Receipt, Refused>| {
            if let Err(refused) = recorded {
                warn!(decision, %refused, "a denial was not recorded");
            }
        };
        self.ledger.submit(Entry::from(self.entry), Box::new(done));
        let issuers = self.bundle.trust().issuers().iter().map(|issuer| issuer.iss.as_str());
        let challenge =
            Problem::of(denied.denial).challenge(Realm { audience: self.bundle.audience(), issuers });
        Answer::Deny(Refusal { decision: self.decision, denied, challenge })
    }
}

async fn append(ledger: &Ledger, entry: Entry) -> Result<Receipt, Refused> {
    let (tell, told) = oneshot::channel();
    // A receiver that is gone has missed its deadline; its entry stays, as an allow that nobody acted upon.
    ledger.submit(entry, Box::new(move |recorded| drop(tell.send(recorded))));
    told.await.unwrap_or(Err(Refused::Closed))
}

fn denial_for(refused: &Refused) -> Denial {
    match refused {
        Refused::TooLarge(_) => Denial::ArgumentsInvalid,
        Refused::Stale => Denial::GovernanceStale,
        Refused::ClockAhead => Denial::GovernanceInconsistent,
        Refused::NotCanonical(_) => Denial::Internal,
        Refused::QueueFull | Refused::DiskFull | Refused::ReadOnly | Refused::OverQuota | Refused::Closed => {
            Denial::LedgerUnavailable
        }
    }
}

impl Allow {
    pub fn decision(&self) -> &DecisionId {
        &self.decision
    }

    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}
