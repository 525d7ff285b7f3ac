//! Judges forwards again while they run: with the facts and the bundle of now, and the request of the record. It answers no
//! request: what may not go on is listed, and statements tell proxies to end it.
//!
//! It runs on a thread of its own. All forwards are due after a start, an activation or a change of a posture; those that read an
//! attestation or a condition when that changes, and when it lapses.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ledger::entry::{Decision, RecordedTerms};
use ledger::{Entry, Ledger, RecordedEntries};
use policy::decision::{ByRecord, Case, Facts, Judgement, judge};
use tracing::{info, warn};
use warrant::{Denial, Seconds};

use super::case_facts::Circumstances;
use super::client_identity::ClientIdentity;
use super::readings::Readings;
use crate::bundles::{ThreadError, start_policy_thread};
use crate::clock::Clock;
use crate::facts::{Continues, JudgeAgain, KeptCase, Known, LiveFacts, LiveForwards, ReadKey};
use crate::record::{EarlierTerms, RecordedForward};
use crate::telemetry::Metrics;

/// How long the thread sleeps at most: it must notice a clock that was set.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the clock is asked whether it is relied on again. Until then nobody knows what has lapsed.
const ASK_CLOCK_EVERY: Duration = Duration::from_millis(250);

/// What judging again needs.
#[derive(Debug)]
pub struct JudgeOfForwards {
    pub live: LiveFacts,
    pub ledger: Ledger,
    pub clock: Clock,
    /// Where this server runs.
    pub environment: BTreeMap<String, String>,
    pub metrics: Arc<Metrics>,
    pub readings: Arc<Readings>,
    pub earlier: EarlierTerms,
}

/// The thread runs as long as this lives.
#[derive(Debug)]
pub struct JudgingThread(LiveForwards);

impl Drop for JudgingThread {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl JudgeOfForwards {
    pub fn start(self) -> Result<JudgingThread, ThreadError> {
        let forwards = self.live.forwards().clone();
        start_policy_thread("running", move || while self.look() {})?;
        Ok(JudgingThread(forwards))
    }

    /// Judges what is due, and waits until something may be due again. Returns false once the server stops.
    fn look(&self) -> bool {
        let forwards = self.live.forwards();
        match self.judge_due() {
            Some(0) => forwards.wait(|lapse| self.until(lapse)),
            // It may have taken a while.
            Some(_) => forwards.pause(Duration::ZERO),
            None => forwards.pause(ASK_CLOCK_EVERY),
        }
    }

    /// Judges what is due, and returns how many that were. `None`: the clock cannot be relied on.
    pub(super) fn judge_due(&self) -> Option<usize> {
        let (forwards, known) = (self.live.forwards(), self.live.now());
        self.readings.note(known.bundle());
        let reading = self.clock.compared_with(known.time());
        if reading.unreliable.is_some() {
            return None;
        }
        let Some(due) = forwards.take_due(known.as_of(), reading.now) else {
            // The writer is about to replace what is known.
            std::thread::yield_now();
            return Some(0);
        };
        self.judge_all(&due, &known, reading.now);
        forwards.finish(&due);
        Some(due.indices.len())
    }

    fn until(&self, lapse: Option<Seconds>) -> Duration {
        let Some(lapse) = lapse else { return LOOK_EVERY };
        let left = lapse.get().saturating_mul(1000).saturating_sub(self.clock.milliseconds());
        Duration::from_millis(left.max(1)).min(LOOK_EVERY)
    }

    fn judge_all(&self, due: &JudgeAgain, known: &Known, now: Seconds) {
        let forwards = self.live.forwards();
        let (mut from_log, mut ended) = (None, 0_usize);
        for index in &due.indices {
            let continues = match self.recorded(*index, &mut from_log) {
                Some(decision) => self.continues(&decision, known, now),
                // Without its record nobody can say that it would still be allowed.
                None => Continues::No(Denial::StateUnavailable),
            };
            let denial = match &continues {
                Continues::Yes { .. } => None,
                Continues::No(denial) => Some(*denial),
            };
            if forwards.note(*index, continues)
                && let Some(denial) = denial
            {
                ended = ended.saturating_add(1);
                self.metrics.count_ended_forward(denial.code());
            }
        }
        if ended > 0 {
            info!(
                judged = due.indices.len(),
                ended, "forwards that ran were judged again, and some must end"
            );
        }
    }

    /// The decision at this index, with the terms of its warrant: from memory, or from the log. Terms that nobody finds are not
    /// on record.
    fn recorded(&self, index: u64, from_log: &mut Option<RecordedEntries>) -> Option<Decision> {
        let forwards = self.live.forwards();
        let kept = forwards.case(index);
        let is_kept = kept.is_some();
        let KeptCase { entry, terms } = match kept {
            Some(kept) => kept,
            None => KeptCase::new(&self.read(index, from_log)?, None),
        };
        let Ok((_, Entry::Decision(mut decision))) = Entry::read(&entry) else { return None };
        if let RecordedTerms::SameAs(earlier) = &mut decision.terms {
            earlier.known = terms;
        }
        let read = |index| Ok::<_, Infallible>(self.read(index, from_log));
        let Ok(()) = self.earlier.complete(&mut decision, read);
        if !is_kept {
            // The entry that says its terms is published, as this one is.
            forwards.keep_case(index, KeptCase { entry, terms: None });
        }
        Some(decision)
    }

    fn read(&self, index: u64, from_log: &mut Option<RecordedEntries>) -> Option<Vec<u8>> {
        let unreadable = |why: &dyn std::fmt::Display| {
            warn!(index, %why, "the entry of a forward that runs cannot be read, so it must end");
        };
        if from_log.as_ref().is_none_or(|log| log.size() <= index) {
            *from_log = self.ledger.read_published(index).inspect_err(|why| unreadable(why)).ok();
        }
        let log = from_log.as_mut()?;
        log.go_to(index);
        let read = log.next_bytes();
        if read.is_none() {
            unreadable(&"it is not published");
        }
        read?.inspect_err(|why| unreadable(why)).ok().map(|(_, bytes)| bytes.to_vec())
    }

    /// Whether a forward may go on, by what is known now. The end of the bundle's time in force is not asked here: then no statement is
    /// signed, and every proxy ends everything.
    fn continues(&self, decision: &Decision, known: &Known, now: Seconds) -> Continues {
        let bundle = known.bundle();
        let recorded = RecordedForward::of(decision);
        let http = recorded.http(bundle, |route| self.readings.are_same(decision, route, bundle));
        let circumstances =
            Circumstances::of(known, bundle, now, bundle.environment_for(&decision.proxy, &self.environment));
        // As when it was allowed: without the certificate the proxy's word counts only where the bundle says so.
        let is_strict = bundle.proxy(&decision.proxy).is_some_and(|terms| terms.strict_mtls);
        let client = recorded.client().filter(|(_, certificate)| certificate.is_some() || is_strict);
        let client = client.map(|(identity, certificate)| ClientIdentity { identity, certificate });
        let lapse = http.as_ref().ok().and_then(|http| circumstances.lapse(client.as_ref(), http));
        let governance = if circumstances.is_halted() { Err(Denial::Halted) } else { Ok(()) };
        let facts = circumstances.facts(client, http.as_ref().ok());
        let case: Case<'_, ByRecord> = Case {
            now,
            as_of: known.as_of(),
            governance,
            proxy: decision.proxy.clone(),
            line: Some(recorded.line()),
            http,
            facts: Facts { issuance: recorded.issuance(), ..facts },
        };
        let found = case.http.as_ref().ok().and_then(|http| Some(http.located.as_ref().ok()?.found));
        match judge(&case, bundle) {
            Judgement::Permit(_) => Continues::Yes { lapses: lapse, read: read(&case.facts) },
            Judgement::Pass(_) => {
                Continues::Yes { lapses: found.and_then(|found| found.exempt_until()), read: Vec::new() }
            }
            Judgement::Deny(denied) => Continues::No(denied.denial),
        }
    }
}

/// What the judge read.
fn read(facts: &Facts) -> Vec<ReadKey> {
    let workload = facts.identity.as_ref().filter(|_| !facts.attestations.is_empty());
    let workload = workload.map(|identity| ReadKey::attestations_of(&identity.0));
    let conditions = facts.conditions.iter().map(|condition| ReadKey::condition(&condition.name));
    workload.into_iter().chain(conditions).collect()
}
