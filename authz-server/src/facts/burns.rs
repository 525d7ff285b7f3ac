//! The table of burned uses and proofs: a warrant for one use works once.
//!
//! It is an index over the `burned` members of the ledger's decisions. A use is burned here *before* its decision is
//! recorded, and it is never given back, even if the decision then fails or cannot be recorded.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use warrant::{Burn, ProofId, Seconds};

/// A decision reads its clock before it burns, and may last as long as the longest deadline that can be configured.
/// An item is forgotten only when no running decision can ask for it by an earlier time.
const KEPT_AFTER_EXPIRY_SECONDS: u64 = 61;
/// At most this many items, some 250 bytes each. A holder may narrow one warrant into any number of limited ones, and
/// must not be able to fill the server's memory with them.
const MOST_ITEMS: usize = 2_000_000;

/// One item that a decision burned, as its record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BurnedItem {
    /// One use of the link with this path of `jti`s under this issuer.
    Link { iss: String, path: String, until: Seconds },
    /// One proof by the key with this thumbprint.
    Proof { thumbprint: String, jti: String, until: Seconds },
}

/// Everything that one decision burned. Only `BurnTable::burn` makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct BurnedItems(Vec<BurnedItem>);

impl BurnedItems {
    pub fn items(&self) -> &[BurnedItem] {
        &self.0
    }
}

/// Why nothing was burned.
#[derive(Debug, PartialEq, Eq)]
pub enum NotBurned {
    /// One of the uses is burned already; this decision burned it (or the last of them).
    Replayed { first: String },
    /// The table is full until something expires.
    Full,
}

/// The table. It has one lock: burning is a few map operations, far cheaper than the sync that follows.
#[derive(Debug, Default)]
pub struct BurnTable(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    counts: HashMap<ItemKey, Count>,
    by_expiry: BTreeMap<Seconds, Vec<ItemKey>>,
}

/// An item without its expiry, which is not part of its identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ItemKey {
    Link { iss: String, path: String },
    Proof { thumbprint: String, jti: String },
}

#[derive(Debug)]
struct Count {
    used: u32,
    last: String,
}

/// One item and how often it was burned, as a snapshot keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurnCount {
    pub item: BurnedItem,
    pub used: u32,
    /// The decision that burned it last.
    pub last: String,
}

impl BurnTable {
    /// Every item that is still needed at this time, in no particular order.
    pub fn unexpired(&self, now: Seconds) -> Vec<BurnCount> {
        let index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unexpired = index.by_expiry.iter().filter(|(until, _)| !is_over(**until, now));
        let each = unexpired.flat_map(|(until, keys)| keys.iter().map(move |key| (*until, key)));
        let counted = |(until, key): (Seconds, &ItemKey)| {
            let count = index.counts.get(key)?;
            Some(BurnCount { item: key.item(until), used: count.used, last: count.last.clone() })
        };
        each.filter_map(counted).collect()
    }

    /// Restores a count from a snapshot.
    pub fn restore(&self, saved: BurnCount) {
        let mut index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        index.take(&saved.item, &saved.last);
        if let Some(count) = index.counts.get_mut(&saved.item.key()) {
            count.used = saved.used;
        }
    }

    /// Burns one use of every link and the proof: all or none.
    pub fn burn(
        &self,
        links: &[Burn],
        proof: Option<&ProofId>,
        now: Seconds,
        decision: &str,
    ) -> Result<BurnedItems, NotBurned> {
        let wanted = wanted(links, proof);
        let mut index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        index.forget_expired(now);
        if let Some(first) = index.burner_of_any(&wanted) {
            return Err(NotBurned::Replayed { first });
        }
        if index.counts.len().saturating_add(wanted.len()) > MOST_ITEMS {
            return Err(NotBurned::Full);
        }
        let burned: Vec<BurnedItem> = wanted.into_iter().map(|(item, _)| item).collect();
        burned.iter().for_each(|item| index.take(item, decision));
        Ok(BurnedItems(burned))
    }

    /// The decision that burned one of these uses, or the last of them, if that is known. It burns nothing.
    pub fn burned_by(&self, links: &[Burn], proof: Option<&ProofId>) -> Option<String> {
        let index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        index.burner_of_any(&wanted(links, proof))
    }

    /// Restores what a recorded decision burned, while the ledger is folded at start; limits are not checked again.
    /// Items that no decision from `now` on can ask for are skipped.
    pub fn restore_recorded(&self, item: &BurnedItem, now: Seconds, decision: &str) {
        if !is_over(item.until(), now) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).take(item, decision);
        }
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Everything that one decision would burn, each item with its limit.
fn wanted(links: &[Burn], proof: Option<&ProofId>) -> Vec<(BurnedItem, u32)> {
    let link = |burn: &Burn| {
        let (iss, path) = (burn.iss.clone(), burn.path.clone());
        (BurnedItem::Link { iss, path, until: burn.exp }, burn.max)
    };
    let proof = proof.map(|id| {
        let (thumbprint, jti) = (id.thumbprint.to_string(), id.jti.clone());
        (BurnedItem::Proof { thumbprint, jti, until: id.forget_after }, 1)
    });
    links.iter().map(link).chain(proof).collect()
}

impl Index {
    fn burner_of_any(&self, wanted: &[(BurnedItem, u32)]) -> Option<String> {
        let burner = |(item, max): &(BurnedItem, u32)| {
            let count = self.counts.get(&item.key())?;
            (count.used >= *max).then(|| count.last.clone())
        };
        wanted.iter().find_map(burner)
    }

    fn take(&mut self, item: &BurnedItem, decision: &str) {
        let key = item.key();
        let count = self.counts.entry(key.clone()).or_insert_with(|| {
            self.by_expiry.entry(item.until()).or_default().push(key);
            Count { used: 0, last: String::new() }
        });
        count.used = count.used.saturating_add(1);
        decision.clone_into(&mut count.last);
    }

    fn forget_expired(&mut self, now: Seconds) {
        while let Some(oldest) = self.by_expiry.first_entry().filter(|entry| is_over(*entry.key(), now)) {
            for key in oldest.remove() {
                self.counts.remove(&key);
            }
        }
    }
}

/// A link past its `exp` is denied as expired, and a proof past its window is invalid, so neither needs counting.
/// The comparison is strict: in the last second of its window a proof still holds.
fn is_over(until: Seconds, now: Seconds) -> bool {
    until.plus(KEPT_AFTER_EXPIRY_SECONDS) < now
}

impl ItemKey {
    fn item(&self, until: Seconds) -> BurnedItem {
        match self {
            ItemKey::Link { iss, path } => BurnedItem::Link { iss: iss.clone(), path: path.clone(), until },
            ItemKey::Proof { thumbprint, jti } => {
                BurnedItem::Proof { thumbprint: thumbprint.clone(), jti: jti.clone(), until }
            }
        }
    }
}

impl BurnedItem {
    fn key(&self) -> ItemKey {
        match self {
            BurnedItem::Link { iss, path, .. } => ItemKey::Link { iss: iss.clone(), path: path.clone() },
            BurnedItem::Proof { thumbprint, jti, .. } => {
                ItemKey::Proof { thumbprint: thumbprint.clone(), jti: jti.clone() }
            }
        }
    }

    fn until(&self) -> Seconds {
        match self {
            BurnedItem::Link { until, .. } | BurnedItem::Proof { until, .. } => *until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(path: &str, max: u32, exp: u64) -> Burn {
        Burn { iss: "https://a".into(), path: path.into(), max, exp: Seconds::new(exp) }
    }

    #[test]
    fn a_use_is_burned_once_and_the_refusal_names_the_first_decision() {
        let table = BurnTable::default();
        let now = Seconds::new(10);
        assert!(table.burn(&[link("r", 1, 20)], None, now, "first").is_ok());
        assert_eq!(
            table.burn(&[link("r", 1, 20)], None, now, "second"),
            Err(NotBurned::Replayed { first: "first".into() })
        );
    }

    #[test]
    fn a_refused_decision_burns_nothing() {
        let table = BurnTable::default();
        let now = Seconds::new(10);
        table.burn(&[link("r", 1, 20)], None, now, "d1").unwrap();
        assert!(table.burn(&[link("s", 1, 20), link("r", 1, 20)], None, now, "d2").is_err());
        assert!(
            table.burn(&[link("s", 1, 20)], None, now, "d3").is_ok(),
            "the refused decision burned nothing"
        );
    }

    #[test]
    fn ten_children_of_a_once_only_root_share_its_one_use() {
        let table = BurnTable::default();
        let allowed = (0..10)
            .filter(|n| {
                let child = format!("r/c{n}");
                table.burn(&[link("r", 1, 20), link(&child, 1, 20)], None, Seconds::new(10), "d").is_ok()
            })
            .count();
        assert_eq!(allowed, 1);
    }

    #[test]
    fn many_at_once_never_exceed_the_limit() {
        let table = BurnTable::default();
        let allowed = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if table.burn(&[link("r", 100, 20)], None, Seconds::new(10), "d").is_ok() {
                            allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(allowed.into_inner(), 100);
    }

    #[test]
    fn an_expired_item_is_forgotten_and_not_a_second_sooner() {
        let table = BurnTable::default();
        table.burn(&[link("r", 1, 20)], None, Seconds::new(10), "d").unwrap();
        assert!(table.burn(&[link("r", 1, 20)], None, Seconds::new(20), "d").is_err());
        table
            .burn(&[link("other", 1, 140)], None, Seconds::new(20 + KEPT_AFTER_EXPIRY_SECONDS), "d")
            .unwrap();
        assert_eq!(table.len(), 2);
        table
            .burn(&[link("third", 1, 140)], None, Seconds::new(21 + KEPT_AFTER_EXPIRY_SECONDS), "d")
            .unwrap();
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn a_decision_that_read_its_clock_before_another_one_forgot_still_finds_what_is_burned() {
        let table = BurnTable::default();
        table.burn(&[link("r", 1, 20)], None, Seconds::new(10), "first").unwrap();
        // Both run at once: the second read 20; the other one read 21 and burns first.
        table.burn(&[link("other", 1, 40)], None, Seconds::new(21), "d").unwrap();
        let replay = table.burn(&[link("r", 1, 20)], None, Seconds::new(20), "second");
        assert_eq!(replay, Err(NotBurned::Replayed { first: "first".into() }));
    }

    #[test]
    fn what_the_ledger_recorded_is_burned() {
        let table = BurnTable::default();
        let recorded = |path: &str, until| BurnedItem::Link {
            iss: "https://a".into(),
            path: path.into(),
            until: Seconds::new(until),
        };
        let now = Seconds::new(1000);
        table.restore_recorded(&recorded("r", 1020), now, "old");
        table.restore_recorded(&recorded("long-over", 20), now, "older");
        assert_eq!(table.len(), 1);
        let again = table.burn(&[link("r", 1, 1020)], None, now, "new");
        assert_eq!(again, Err(NotBurned::Replayed { first: "old".into() }));
    }
}
