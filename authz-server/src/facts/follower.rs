//! Follows the log for this server: the ledger's writer asks here whether a fact is recorded, and says here what became
//! durable. It runs on the writer's thread, so nothing in it waits.

use std::sync::Arc;

use ledger::entry::{Digest, Entry, RecordedFact};
use ledger::{Behind, Committed, FactRefused, FollowFacts, Head, Ledger};
use warrant::Seconds;

use super::forwards::{Due, ForwardList};
use super::known::{Known, LiveFacts};
use super::tables::Tables;
use crate::bundles::PolicyInForce;

/// Attaches a follower to the ledger. `tables` are the facts of all entries below `head.size`, and `forwards` the requests that
/// may still run. `places` are the server's environments, each `dimension=value`. An error if the ledger is longer.
pub fn follow(
    ledger: &Ledger,
    head: Head,
    tables: Tables,
    forwards: ForwardList,
    policy: Arc<PolicyInForce>,
    places: Vec<String>,
) -> Result<LiveFacts, Behind> {
    let known = Known { head, active: policy.active(), tables: Arc::new(tables) };
    let live = LiveFacts::new(known.clone(), forwards);
    ledger
        .follow(Box::new(Follower { live: live.clone(), policy, places, known, draft: None }), head.size)?;
    Ok(live)
}

struct Follower {
    live: LiveFacts,
    policy: Arc<PolicyInForce>,
    places: Vec<String>,
    /// What `live` holds.
    known: Known,
    /// What it will hold if the group commit becomes durable.
    draft: Option<Draft>,
}

struct Draft {
    tables: Tables,
    /// The digest of the active bundle.
    bundle: Digest,
}

impl FollowFacts for Follower {
    fn admit(&mut self, fact: &Arc<Entry>, at: u64, time: u64) -> Result<(), FactRefused> {
        let known = &self.known;
        let draft = self.draft.get_or_insert_with(|| Draft {
            tables: (*known.tables).clone(),
            bundle: known.bundle().digest(),
        });
        let under = fact.as_recorded_fact().and_then(RecordedFact::bundle);
        if under.is_some_and(|bundle| bundle != draft.bundle) {
            return Err(FactRefused::OtherBundle);
        }
        let now = Seconds::new(time / 1000);
        // A full table must not stay full because nothing else is recorded.
        draft.tables.forget_ended(now);
        draft.tables.check(fact, now)?;
        if let Some(RecordedFact::Issued(root)) = fact.as_recorded_fact()
            && draft.tables.stop(root, &self.places, now)
        {
            return Err(FactRefused::OtherFacts);
        }
        if let Entry::Activation(activation) = &**fact {
            draft.bundle = activation.bundle;
        }
        draft.tables.add(at, time, fact);
        Ok(())
    }

    fn commit(&mut self, committed: &Committed<'_>) {
        let Committed { head, facts, .. } = *committed;
        let before = Arc::clone(&self.known.tables);
        for (_, fact) in facts {
            if let Entry::Activation(activation) = &**fact {
                self.known.active = self.policy.take_effect(activation.bundle);
            }
        }
        let (now, draft) = (Seconds::new(head.time / 1000), self.draft.take());
        let changed = draft.map(|draft| draft.tables);
        if let Some(mut tables) =
            changed.or_else(|| self.known.tables.have_ended(now).then(|| (*self.known.tables).clone()))
        {
            tables.forget_ended(now);
            self.known.tables = Arc::new(tables);
        }
        self.known.head = head;
        // First what must be judged again because of these facts: nobody may read one and think that this is done.
        let due = Due::because_of(facts.iter().map(|(_, fact)| &**fact), &before, now);
        let is_due = self.live.forwards().commit(committed, due);
        self.live.replace(self.known.clone());
        if is_due {
            self.live.forwards().wake();
        }
    }

    fn discard(&mut self) {
        self.draft = None;
    }
}
