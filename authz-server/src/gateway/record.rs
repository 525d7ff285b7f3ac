//! Record: no allow without a receipt.
//!
//! `Allow` has private fields and one constructor, at the end of `Recording::forward`. What leads there cannot be
//! forged: a `Permit` or a `Pass` (only the judge makes one), for a permit what was `Burned` (only `Uses::spend` makes
//! one), and a `ledger::Receipt` (only the ledger's writer does, after the sync) for the entry that says so. A denial
//! needs none of them.

mod floods;

use std::sync::Arc;

use floods::Floods;
use ledger::entry::{self, Decision, DecisionOutcome, Digest, ENTRY_BYTES_AT_MOST, Entry, RecordedBurn};
use ledger::{Ledger, Receipt, RecordError};
use tokio::sync::oneshot;
use tracing::warn;
use warrant::problem::{Problem, Realm};
use warrant::{Denial, Seconds};

use super::{Answer, Asked, DecisionId, Paid, Refusal};
use crate::clock::Clock;
use crate::decision::{Case, Denied, Judgement, Pass, Permit};
use crate::facts::Burned;
use crate::keys::{DigestKey, Tickets};
use crate::policy::Bundle;
use crate::record;

/// The way into the ledger.
#[derive(Clone, Debug)]
pub struct Recorder {
    ledger: Ledger,
    digests: Arc<DigestKey>,
    tickets: Arc<Tickets>,
    floods: Arc<Floods>,
}

/// A fact that the judge had not read came before the allow in the record, so there is none. What was spent comes back
/// for a second judging.
#[derive(Debug)]
pub(super) struct Overtaken(pub(super) Option<Paid>);

/// A request that may be forwarded: judged, paid for, and durably on record.
#[derive(Debug)]
pub struct Allow {
    decision: DecisionId,
    stamp: Stamp,
    receipt: Receipt,
    ticket: String,
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
    recorder: Recorder,
    decision: DecisionId,
    entry: Decision,
    stamp: Option<Stamp>,
    bundle: Arc<Bundle>,
    source: String,
}

/// What of an entry is known only once it is spent, at most: a path, an issuer and numbers for each of eight links, and a proof.
const SPENT_AT_MOST: usize = 9 * 1024;

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

    /// Writes down the judge's whole input, and what the judge made of it: whatever else comes of the request, that stays.
    pub fn about(
        &self,
        decision: &DecisionId,
        case: &Case<'_>,
        judgement: &Judgement,
        bundle: &Arc<Bundle>,
        asked: &Asked,
    ) -> Recording {
        let mut entry = record::of_case(decision.as_str(), case, judgement, bundle, &self.digests);
        entry.traceparent = asked.traceparent().map(str::to_owned);
        Recording {
            recorder: self.clone(),
            decision: decision.clone(),
            entry,
            stamp: stamp(case),
            bundle: Arc::clone(bundle),
            source: asked.source().to_owned(),
        }
    }

    /// A denial before anything was gathered, or after its deadline: there is nothing of it to record but that it was.
    pub fn turn_away(&self, decision: DecisionId, denial: Denial, source: &str) -> Answer {
        self.floods.count(denial.code(), source, decision.as_str());
        Answer::denied(decision, denial, true)
    }

    /// Counts what was denied before it came to us, of which somebody else tells; `name` is theirs for the request.
    pub fn count_elsewhere(&self, reason: &str, source: &str, name: &str) {
        self.floods.count(reason, source, name);
    }

    /// Records what was only counted, where it is time to; with `all`, now.
    pub fn record_floods(&self, all: bool) {
        for denials in self.floods.due(all) {
            let (floods, kept) = (Arc::clone(&self.floods), denials.clone());
            self.submit(denials.into(), move |recorded| match recorded {
                Ok(_) => {}
                Err(RecordError::QueueFull) => floods.give_back(kept),
                Err(refused) => warn!(%refused, "a summary of denials was not recorded"),
            });
        }
    }

    /// Records what is no decision; `done` is told from another thread, and must not block.
    pub fn submit(&self, entry: Entry, done: impl FnOnce(Result<Receipt, RecordError>) + Send + 'static) {
        self.ledger.submit(entry, Box::new(done));
    }

    /// Whether we once let a decision of this id through, whose entry has this index, for this proxy.
    pub fn knows(&self, decision: &str, index: u64, proxy: &str, ticket: &str) -> bool {
        self.tickets.holds(decision, index, proxy, ticket)
    }

    /// What is recorded in place of something that must not be: see `DigestKey`.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        Digest::from_bytes(self.digests.digest(bytes))
    }

    /// Nobody waits for it: nothing will happen that it would have to come before.
    fn submit_unawaited(&self, what: &str, entry: Entry) {
        let what = what.to_owned();
        self.submit(entry, move |recorded| {
            if let Err(refused) = recorded {
                warn!(%refused, "{what} was not recorded");
            }
        });
    }
}

impl Recording {
    /// Whether an entry can hold what the judge let pass. Asked before anything is spent: without a record there is no
    /// allow, and what was spent stays so.
    pub(super) fn fits(&self) -> Result<(), Denied> {
        if fits(&self.entry, SPENT_AT_MOST) {
            return Ok(());
        }
        let detail = Some("what is asked for is longer than a record may be".to_owned());
        let route = self.entry.verdict.route.clone();
        Err(Denied { detail, route, ..Denied::from(Denial::ArgumentsInvalid) })
    }

    /// What an earlier judging of this request has spent stays spent, whatever comes of this one.
    pub(super) fn paid(mut self, paid: Option<&Paid>) -> Recording {
        self.entry.burned = paid.map(Paid::spent).unwrap_or_default();
        self
    }

    /// Permitted and paid for.
    pub(super) async fn allow(mut self, permit: Permit, burned: Burned) -> Result<Answer, Overtaken> {
        let (route, paid) = (permit.route().to_owned(), Paid { permit, burned });
        self.entry.burned = paid.spent();
        self.forward(DecisionOutcome::Allowed, &route, Some(paid)).await
    }

    /// Not governed, or only watched.
    pub(super) async fn pass(self, pass: Pass, paid: Option<Paid>) -> Result<Answer, Overtaken> {
        match self.fits() {
            Ok(()) => self.forward(record::outcome_of(&pass), pass.route(), paid).await,
            Err(denied) => Ok(self.deny(denied)),
        }
    }

    /// Waits until the entry is durable, and only then is there an allow.
    async fn forward(
        mut self,
        outcome: DecisionOutcome,
        route: &str,
        paid: Option<Paid>,
    ) -> Result<Answer, Overtaken> {
        let Some(stamp) = self.stamp.take() else {
            return Ok(self.deny(Denied::on_route(Denial::Internal, route)));
        };
        self.entry.outcome = outcome;
        let proxy = self.entry.proxy.clone();
        let mut abandoned =
            Abandoned { recorder: &self.recorder, decision: &self.decision, proxy: &proxy, is_armed: true };
        let recorded = append(&self.recorder.ledger, self.entry.into()).await;
        abandoned.is_armed = false;
        drop(abandoned);
        match recorded {
            Ok(receipt) => {
                let ticket = self.recorder.tickets.issue(self.decision.as_str(), receipt.index(), &proxy);
                Ok(Answer::Allow(Box::new(Allow { decision: self.decision, stamp, receipt, ticket })))
            }
            Err(RecordError::Stale) => Err(Overtaken(paid)),
            Err(refused) => {
                warn!(decision = self.decision.as_str(), %refused, "not recorded, so not forwarded");
                let denial = denial_for(&refused);
                // What a full disk refuses is in the gap that is recorded once there is room.
                if !refused.is_from_disk() {
                    self.recorder.floods.count(denial.code(), &self.source, self.decision.as_str());
                }
                Ok(Answer::denied(self.decision, Denied::on_route(denial, route), true))
            }
        }
    }

    /// The judge denied, or let it pass and something else does not: what it costs could not be paid, say. Nobody waits for
    /// the record of it.
    pub fn deny(mut self, denied: Denied) -> Answer {
        self.entry.outcome = DecisionOutcome::Denied(denied.denial.code().to_owned());
        // What was spent must be found again at the next start: only an entry of its own says it.
        let must_stand_alone = !self.entry.burned.is_empty();
        let is_too_long = !fits(&self.entry, 0);
        if is_too_long && must_stand_alone {
            shorten(&mut self.entry);
        }
        let entry = Entry::from(self.entry);
        let floods = &self.recorder.floods;
        let is_summarised = match (must_stand_alone, is_too_long) {
            (true, _) => false,
            (false, false) => floods.swallows(denied.denial, &self.source, &entry),
            (false, true) => {
                floods.count(denied.denial.code(), &self.source, self.decision.as_str());
                true
            }
        };
        if !is_summarised {
            self.recorder.submit_unawaited(&format!("the denial {}", self.decision.as_str()), entry);
        }
        let issuers = self.bundle.trust().issuers().iter().map(|issuer| issuer.iss.as_str());
        let challenge =
            Problem::of(denied.denial).challenge(Realm { audience: self.bundle.audience(), issuers });
        Answer::Deny(Refusal { decision: self.decision, denied, challenge, is_summarised })
    }
}

impl Paid {
    fn spent(&self) -> Vec<RecordedBurn> {
        record::burned(&self.burned, self.permit.burns())
    }
}

/// Which request line an allow will be stamped for; a case without one cannot be allowed.
fn stamp(case: &Case<'_>) -> Option<Stamp> {
    let chain = case.http.as_ref().ok()?.chain.as_ref().ok();
    let line = case.line.as_ref()?;
    Some(Stamp {
        method: line.method.to_owned(),
        authority: String::from_utf8(line.authority.to_vec()).ok()?,
        path: String::from_utf8(line.path_and_query.to_vec()).ok()?,
        digests: chain.iter().flat_map(|chain| chain.digests()).map(|digest| digest.to_string()).collect(),
        expires: chain.map(|chain| chain.expires()),
    })
}

/// An entry that says `allowed` is on its way, and whoever waits for it may give up at the deadline. The client is then
/// told so, and the record too: this is dropped with the waiting, and appends what became of the request.
struct Abandoned<'a> {
    recorder: &'a Recorder,
    decision: &'a DecisionId,
    proxy: &'a str,
    is_armed: bool,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        let outcome = entry::OutcomeReport {
            attempts: 0,
            bytes_in: 0,
            bytes_out: 0,
            duration: 0,
            id: self.decision.as_str().to_owned(),
            index: None,
            proxy: self.proxy.to_owned(),
            reached: false,
            repeat: false,
            status: Some(u64::from(Denial::DeadlineExceeded.status())),
            termination: Denial::DeadlineExceeded.code().to_owned(),
        };
        self.recorder.submit_unawaited("that an allow came too late", outcome.into());
    }
}

/// Whether there is an entry of it, with so many bytes more.
pub(super) fn fits(decision: &Decision, more: usize) -> bool {
    decision.len_at_most().is_some_and(|length| length.saturating_add(more) <= ENTRY_BYTES_AT_MOST)
}

/// Leaves what must not be lost: what was decided, and what was spent.
pub(super) fn shorten(decision: &mut Decision) {
    decision.args.clear();
    decision.chain.clear();
    decision.request.path = entry::RequestText::from("");
}

async fn append(ledger: &Ledger, entry: Entry) -> Result<Receipt, RecordError> {
    let (tell, told) = oneshot::channel();
    // A receiver that is gone has missed its deadline: see `Abandoned`.
    ledger.submit(entry, Box::new(move |recorded| drop(tell.send(recorded))));
    told.await.unwrap_or(Err(RecordError::Closed))
}

fn denial_for(refused: &RecordError) -> Denial {
    match refused {
        RecordError::TooLarge(_) => Denial::ArgumentsInvalid,
        RecordError::Stale => Denial::GovernanceStale,
        RecordError::ClockAhead => Denial::GovernanceInconsistent,
        RecordError::NotCanonical(_) => Denial::Internal,
        RecordError::QueueFull
        | RecordError::DiskFull
        | RecordError::ReadOnly
        | RecordError::OverQuota
        | RecordError::Closed => Denial::LedgerUnavailable,
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

    /// By which we shall know its outcome for one of ours.
    pub fn ticket(&self) -> &str {
        &self.ticket
    }
}
