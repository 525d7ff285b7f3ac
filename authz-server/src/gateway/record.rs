//! Record: no allow without a receipt.
//!
//! `Allow` has private fields and one constructor, at the end of `Recording::allow`. What it takes cannot be forged: a
//! `Permit` (only the judge makes one), what was `Burned` (only `Uses::spend` does) and a `ledger::Receipt` (only the
//! ledger's writer does, after the sync) for the entry that says so. A denial needs none of them.

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
use crate::decision::{Case, Denied, Permit};
use crate::facts::{Burned, Replayed};
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
    permit: Permit,
    stamp: Stamp,
    receipt: Receipt,
}

/// Which request line a decision is about, and until when: what the seal behind us will compare.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub method: String,
    pub authority: String,
    pub path: String,
    /// Of every link's signing input, the root's first.
    pub digests: Vec<String>,
    pub expires: Seconds,
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
    /// Records the denial and does not wait for it: nothing will happen that the record would have to come before.
    pub fn deny(mut self, denied: Denied) -> Answer {
        self.entry.verdict = entry::denied(&denied);
        self.entry.outcome = Outcome::Denied(denied.denial.code().to_owned());
        self.submit_and_forget();
        let issuers = self.bundle.trust().issuers().iter().map(|issuer| issuer.iss.as_str());
        let realm = Realm { audience: self.bundle.audience(), issuers };
        let challenge = Problem::of(denied.denial).challenge(realm);
        Answer::Deny(Refusal { decision: self.decision, denied, challenge })
    }

    /// The judge permitted it, but a use is gone already.
    pub fn replayed(mut self, permit: &Permit, replayed: &Replayed) -> Answer {
        let mut denied = Denied::on_route(Denial::Replayed, permit.route());
        denied.detail = Some(format!("used by decision {}", replayed.first));
        self.entry.verdict = entry::permitted(permit);
        self.entry.outcome = Outcome::Denied(Denial::Replayed.code().to_owned());
        self.submit_and_forget();
        Answer::denied(self.decision, denied)
    }

    /// Waits until the permit is durable, and only then is there an allow.
    pub async fn allow(mut self, permit: Permit, burned: Burned) -> Answer {
        let Some(stamp) = self.stamp.take() else {
            return self.deny(Denied::on_route(Denial::Internal, permit.route()));
        };
        self.entry.verdict = entry::permitted(&permit);
        self.entry.outcome = Outcome::Allowed;
        self.entry.burned = entry::burned(&burned, permit.burns());
        match append(&self.ledger, self.entry.into()).await {
            Ok(receipt) => Answer::Allow(Box::new(Allow { decision: self.decision, permit, stamp, receipt })),
            Err(refused) => {
                warn!(decision = self.decision.as_str(), %refused, "permitted, but not recorded: denied");
                Answer::denied(self.decision, Denied::on_route(denial_for(&refused), permit.route()))
            }
        }
    }

    fn submit_and_forget(&mut self) {
        let decision = self.decision.as_str().to_owned();
        let done = move |recorded: Result<Receipt, Refused>| {
            if let Err(refused) = recorded {
                warn!(decision, %refused, "a denial was not recorded");
            }
        };
        self.ledger.submit(Entry::from(self.entry.clone()), Box::new(done));
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

    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}
