//! What the entries say, in their order: times never run back, and nothing is allowed past a fact that concerned it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Report;
use super::unit::Recorded;
use crate::entry::{Answer, Decision, Entry, Revocation, Revoked, concerns};
use crate::note::VerifyingKey;

/// How many facts are held against decisions that had not read them: as many as the writer remembers.
const FACTS: usize = 1024;

pub(super) struct Order<'a> {
    log: &'a VerifyingKey,
    time: u64,
    facts: VecDeque<(u64, Arc<Entry>)>,
    revoked: HashMap<(Revoked, String, String), (u64, Option<u64>)>,
}

impl<'a> Order<'a> {
    pub(super) fn new(log: &'a VerifyingKey) -> Self {
        Self { log, time: 0, facts: VecDeque::new(), revoked: HashMap::new() }
    }

    pub(super) fn follow(&mut self, records: Vec<Recorded>, report: &mut Report) {
        for record in records {
            let place = format!("entry {}", record.index);
            if record.time < self.time {
                report.fault(&place, "its time is before that of the entry before it");
            }
            self.time = record.time;
            self.say(&place, record, report);
        }
    }

    fn say(&mut self, place: &str, record: Recorded, report: &mut Report) {
        match &record.entry {
            Entry::Init(init) if record.index == 0 => {
                if init.origin != self.log.name() || init.key != self.log.to_string() {
                    report.fault(place, "it names another log or another key");
                }
                return;
            }
            _ if record.index == 0 => report.fault(place, "the first entry is no `init/1`"),
            Entry::Init(_) => report.fault(place, "a log begins only once"),
            Entry::Decision(decision) => return self.decision(place, &record, decision, report),
            Entry::Revocation(revocation) => {
                let key = (revocation.what, issuer(revocation), revocation.value.clone());
                self.revoked.insert(key, (record.index, revocation.until));
            }
            Entry::Reinstate(reinstate) => {
                self.revoked
                    .retain(|(what, _, value), _| *what != reinstate.what || *value != reinstate.value);
            }
            Entry::Outcome(outcome) if outcome.index.is_some_and(|index| index >= record.index) => {
                report.fault(place, "it is the outcome of a decision that comes after it");
            }
            Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Denials(_)
            | Entry::Issued(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Posture(_)
            | Entry::Activation(_)
            | Entry::Outcome(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_) => {}
        }
        if record.entry.is_fact() {
            self.facts.push_back((record.index, Arc::new(record.entry)));
            if self.facts.len() > FACTS {
                self.facts.pop_front();
            }
        }
    }

    fn decision(&self, place: &str, record: &Recorded, decision: &Decision, report: &mut Report) {
        if decision.clock.saturating_mul(1000) > record.time {
            report.fault(place, "its clock is later than its time");
        }
        if decision.as_of > record.index {
            report.fault(place, "it read facts that were not there yet");
        }
        if !decision.forwards() {
            return;
        }
        let unread = self.facts.iter().rev().take_while(|(index, _)| *index >= decision.as_of);
        if let Some((index, _)) = unread.into_iter().find(|(_, fact)| concerns(fact, decision)) {
            report.fault(
                place,
                format!("it was forwarded although its judge had not read the fact at {index}"),
            );
        }
        if decision.outcome == Answer::Allowed {
            report.allows = report.allows.saturating_add(1);
            if let Some(index) = self.revocation_of(decision) {
                report.fault(place, format!("it was allowed although entry {index} had revoked it"));
            }
        }
    }

    /// The revocation that reaches a link of this warrant and is still to be remembered.
    fn revocation_of(&self, decision: &Decision) -> Option<u64> {
        if self.revoked.is_empty() {
            return None;
        }
        let root = decision.chain.first()?;
        let mut path = String::new();
        for link in &decision.chain {
            path = if path.is_empty() { link.jti.clone() } else { format!("{path}/{}", link.jti) };
            let lineage = link.txn.clone().unwrap_or_default();
            let names = [
                (Revoked::Path, root.iss.clone(), path.clone()),
                (Revoked::Lineage, root.iss.clone(), lineage),
                (Revoked::Key, String::new(), link.cnf.clone()),
                (Revoked::Subject, String::new(), link.sub.clone()),
            ];
            let alive = |until: &Option<u64>| until.is_none_or(|until| decision.clock < until);
            let found =
                names.iter().find_map(|name| self.revoked.get(name).filter(|(_, until)| alive(until)));
            if let Some((index, _)) = found {
                return Some(*index);
            }
        }
        None
    }
}

/// Keys and holders are revoked whoever issued the warrant.
fn issuer(revocation: &Revocation) -> String {
    match revocation.what {
        Revoked::Path | Revoked::Lineage => revocation.iss.clone(),
        Revoked::Key | Revoked::Subject => String::new(),
    }
}
