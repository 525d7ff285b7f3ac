//! The forwards that may still run: allowed, ungoverned and observed requests without an outcome, until their proxy ends them.
//! The same list is folded from the log at a start, kept in snapshots, and continued by the ledger's writer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use crate::facts::tag_of;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::entry::Decision;
use warrant::statement::DecisionKey;
use warrant::{Digest, Seconds};

/// How many forwards of all proxies may run at once. A new bundle has all of them judged again on one thread, some 10,000 a
/// second, and meanwhile no statement is signed: with so many that takes 10 s of the 30 s that a statement lives.
pub const RUN_AT_MOST: usize = 100_000;

/// A proxy may have so many times as many forwards as there is room left. One that is alone gets four fifths of all.
const TIMES_FREE: usize = 4;

/// A proxy may always have so many, also while others have filled the rest.
const OWN: usize = 256;

/// The holder of roots may have this part of what its proxy may have: no client can take all of it.
const HOLDERS: usize = 4;

/// The holder of a decision's root, for counting: eight bytes of a digest of the issuer and the name. All without a warrant have
/// the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HolderTag(pub(in crate::facts) u64);

impl HolderTag {
    pub fn of(decision: &Decision) -> HolderTag {
        let Some(root) = decision.chain.first() else { return HolderTag::default() };
        let iss = root.iss.as_deref().unwrap_or_default();
        HolderTag(tag_of(&Digest::of(format!("{iss}\0{}", root.sub).as_bytes())))
    }
}

#[derive(Clone, Debug, Default)]
pub struct ForwardList {
    by_index: BTreeMap<u64, LiveForward>,
    /// When they end, in seconds, and their indices.
    by_end: BTreeSet<(u64, u64)>,
    by_proxy: HashMap<Arc<str>, usize>,
    by_holder: HashMap<(Arc<str>, HolderTag), usize>,
}

/// A forward that may still run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::facts) struct LiveForward {
    pub(in crate::facts) id: DecisionKey,
    pub(in crate::facts) proxy: Arc<str>,
    pub(in crate::facts) holder: HolderTag,
    /// When its proxy ends it at the latest, in seconds.
    pub(in crate::facts) ends: u64,
}

impl ForwardList {
    /// Enters a decision that forwards; any other is passed over. Returns whether it is in the list now.
    pub(in crate::facts) fn enter(&mut self, index: u64, decision: &Decision) -> bool {
        let Some(ends) = decision.ends.filter(|_| decision.forwards()) else { return false };
        let Some(id) = key(&decision.id) else { return false };
        self.insert(index, id, &decision.proxy, HolderTag::of(decision), ends);
        true
    }

    pub(in crate::facts) fn insert(
        &mut self,
        index: u64,
        id: DecisionKey,
        proxy: &str,
        holder: HolderTag,
        ends: u64,
    ) {
        self.remove(index);
        let proxy = match self.by_proxy.get_key_value(proxy) {
            Some((proxy, _)) => Arc::clone(proxy),
            None => proxy.into(),
        };
        add_one(&mut self.by_proxy, Arc::clone(&proxy));
        add_one(&mut self.by_holder, (Arc::clone(&proxy), holder));
        self.by_end.insert((ends, index));
        self.by_index.insert(index, LiveForward { id, proxy, holder, ends });
    }

    /// Removes the forward at this index: it has an outcome, or its end has come.
    pub(in crate::facts) fn remove(&mut self, index: u64) -> Option<LiveForward> {
        let removed = self.by_index.remove(&index)?;
        self.by_end.remove(&(removed.ends, index));
        take_one(&mut self.by_proxy, &removed.proxy);
        take_one(&mut self.by_holder, &(Arc::clone(&removed.proxy), removed.holder));
        Some(removed)
    }

    /// The index of one that has ended by this time.
    pub(in crate::facts) fn first_ended(&self, now: Seconds) -> Option<u64> {
        self.by_end.first().filter(|(ends, _)| *ends <= now.get()).map(|(_, index)| *index)
    }

    pub(in crate::facts) fn forget_ended(&mut self, now: Seconds) {
        while let Some(index) = self.first_ended(now) {
            self.remove(index);
        }
    }

    /// Whether this proxy may have one more for this holder.
    pub fn has_room(&self, proxy: &str, holder: HolderTag) -> bool {
        let free = RUN_AT_MOST.saturating_sub(self.len());
        let most = free.saturating_mul(TIMES_FREE).max(OWN);
        let Some((proxy, held)) = self.by_proxy.get_key_value(proxy) else { return most > 0 };
        let of_holder = self.by_holder.get(&(Arc::clone(proxy), holder)).copied().unwrap_or_default();
        *held < most && of_holder < most / HOLDERS
    }

    pub(in crate::facts) fn get(&self, index: u64) -> Option<&LiveForward> {
        self.by_index.get(&index)
    }

    /// In the order of the log.
    pub(in crate::facts) fn iter(&self) -> impl Iterator<Item = (u64, &LiveForward)> {
        self.by_index.iter().map(|(index, forward)| (*index, forward))
    }

    pub fn len(&self) -> usize {
        self.by_index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_index.is_empty()
    }

    /// The proxies that have any, in their order.
    pub(in crate::facts) fn proxies(&self) -> Vec<Arc<str>> {
        let mut proxies: Vec<Arc<str>> = self.by_proxy.keys().cloned().collect();
        proxies.sort_unstable();
        proxies
    }
}

fn add_one<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

fn take_one<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count = count.saturating_sub(1),
        Some(_) | None => drop(counts.remove(key)),
    }
}

/// The 16 bytes of a decision's id. `None` if no server made it: then no stamp has it.
fn key(id: &str) -> Option<DecisionKey> {
    let mut bytes = [0; 16];
    (URL_SAFE_NO_PAD.decode_slice(id, &mut bytes) == Ok(bytes.len())).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use ledger::entry::DecisionOutcome;

    use super::*;
    use crate::example_decision::denied;
    use crate::recorder::DecisionId;

    fn forward(proxy: &str, ends: u64) -> Decision {
        Decision {
            ends: Some(ends),
            outcome: DecisionOutcome::Observed,
            proxy: proxy.to_owned(),
            ..denied(DecisionId::random().as_str())
        }
    }

    #[test]
    fn a_forward_is_in_the_list_until_its_outcome_or_its_end() {
        let mut list = ForwardList::default();
        assert!(!list.enter(1, &denied(DecisionId::random().as_str())), "a denial does not run");
        assert!(!list.enter(1, &Decision { id: "d".to_owned(), ..forward("a", 50) }), "no stamp has this id");
        assert!(list.enter(3, &forward("a", 50)) && list.enter(4, &forward("a", 40)));
        assert!(list.enter(5, &forward("b", 60)));
        list.forget_ended(Seconds::new(39));
        assert_eq!(list.iter().map(|(index, _)| index).collect::<Vec<_>>(), [3, 4, 5]);
        list.forget_ended(Seconds::new(40));
        assert_eq!((list.remove(3).map(|one| one.ends), list.remove(3)), (Some(50), None));
        assert_eq!((list.len(), list.proxies()), (1, vec![Arc::from("b")]));
    }

    #[test]
    fn a_proxy_that_has_too_many_keeps_no_other_out() {
        let mut list = ForwardList::default();
        // Each by another holder.
        let fill = |list: &mut ForwardList, proxy: &str, from: usize| {
            let mut index = from;
            let holder = |index: usize| HolderTag(u64::try_from(index).unwrap());
            while list.has_room(proxy, holder(index)) {
                list.insert(u64::try_from(index).unwrap(), [0; 16], proxy, holder(index), 50);
                index += 1;
            }
            index - from
        };
        assert_eq!(fill(&mut list, "loud", 0), RUN_AT_MOST / 5 * 4);
        assert_eq!(fill(&mut list, "next", RUN_AT_MOST), RUN_AT_MOST / 25 * 4, "four fifths of the rest");
        let mut last = 0;
        for n in 0..20 {
            last = fill(&mut list, &format!("p{n}"), RUN_AT_MOST * (n + 2));
        }
        assert_eq!(last, OWN, "and everybody still has a few");
        list.forget_ended(Seconds::new(50));
        assert!(list.is_empty() && list.has_room("loud", HolderTag(1)));
        assert!(list.by_proxy.is_empty() && list.by_holder.is_empty());
    }

    #[test]
    fn a_holder_that_has_too_many_keeps_no_other_of_its_proxy_out() {
        let mut list = ForwardList::default();
        let fill = |list: &mut ForwardList, holder| {
            let before = list.len();
            while list.has_room("edge", HolderTag(holder)) {
                let index = u64::try_from(list.len()).unwrap();
                list.insert(index, [0; 16], "edge", HolderTag(holder), 50);
            }
            list.len() - before
        };
        assert_eq!(fill(&mut list, 1), RUN_AT_MOST / 2, "as many as are free");
        assert_eq!(fill(&mut list, 2), RUN_AT_MOST / 4);
        assert!(!list.has_room("edge", HolderTag(1)) && list.has_room("edge", HolderTag(3)));
        let others: usize = (3..40).map(|holder| fill(&mut list, holder)).sum();
        assert!(others > 0);
        assert!(list.has_room("other", HolderTag(1)), "another proxy has its own share");
    }
}
