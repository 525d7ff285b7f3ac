//! Uses and proofs already spent: once means once.
//!
//! An index over the `burned` members of the ledger's decisions. A use is taken here *before* its decision is
//! recorded, and never given back: a decision that then fails, or whose record is refused, has consumed it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use warrant::{Burn, ProofId, Seconds};

/// A decision reads its clock before it spends, and may last as long as the longest deadline that can be configured.
/// Something is forgotten only when no decision that is still running can ask for it by an earlier time.
const STILL_ASKED_FOR_SECONDS: u64 = 61;
/// Names at most, some 250 bytes each. A holder may narrow one warrant into any number of limited ones; the memory that
/// they are counted in is not theirs to fill.
const MOST_NAMES: usize = 2_000_000;

/// What one decision spent, as its record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Spent {
    /// One use of the link with this path of `jti`s under this issuer.
    Link { iss: String, path: String, until: Seconds },
    /// One proof by the key with this thumbprint.
    Proof { thumbprint: String, jti: String, until: Seconds },
}

/// Everything that one decision spent. Only `Uses::spend` makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Burned(Vec<Spent>);

impl Burned {
    pub fn spent(&self) -> &[Spent] {
        &self.0
    }
}

/// Nothing was spent.
#[derive(Debug, PartialEq, Eq)]
pub enum Unspent {
    /// One of the uses is gone already; this decision took it (or the last of them).
    Replayed { first: String },
    /// No more can be counted until something expires.
    Full,
}

/// The index. One lock: spending is a few map operations, far below the sync that follows it.
#[derive(Debug, Default)]
pub struct Uses(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    counts: HashMap<Name, Count>,
    by_expiry: BTreeMap<Seconds, Vec<Name>>,
}

/// A spent thing without its expiry, which is no part of its identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Link { iss: String, path: String },
    Proof { thumbprint: String, jti: String },
}

#[derive(Debug)]
struct Count {
    used: u32,
    last: String,
}

/// One spent thing with how often it was, as a snapshot keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub spent: Spent,
    pub used: u32,
    /// The decision that took it last.
    pub last: String,
}

impl Uses {
    /// Everything that must still be remembered at this time, in no particular order.
    pub fn alive(&self, now: Seconds) -> Vec<Kept> {
        let index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = index.by_expiry.iter().filter(|(until, _)| !is_over(**until, now));
        let each = alive.flat_map(|(until, names)| names.iter().map(move |name| (*until, name)));
        let kept = |(until, name): (Seconds, &Name)| {
            let count = index.counts.get(name)?;
            Some(Kept { spent: name.spent(until), used: count.used, last: count.last.clone() })
        };
        each.filter_map(kept).collect()
    }

    /// Remembers what a snapshot kept.
    pub fn restore(&self, kept: Kept) {
        let mut index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        index.take(&kept.spent, &kept.last);
        if let Some(count) = index.counts.get_mut(&kept.spent.name()) {
            count.used = kept.used;
        }
    }

    /// Takes one use of every link and the proof, all or none.
    pub fn spend(
        &self,
        links: &[Burn],
        proof: Option<&ProofId>,
        now: Seconds,
        decision: &str,
    ) -> Result<Burned, Unspent> {
        let wanted = wanted(links, proof);
        let mut index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        index.forget_before(now);
        if let Some(first) = index.taker_of_any(&wanted) {
            return Err(Unspent::Replayed { first });
        }
        if index.counts.len().saturating_add(wanted.len()) > MOST_NAMES {
            return Err(Unspent::Full);
        }
        let burned: Vec<Spent> = wanted.into_iter().map(|(spent, _)| spent).collect();
        burned.iter().for_each(|spent| index.take(spent, decision));
        Ok(Burned(burned))
    }

    /// The decision that took one of these uses, or the last of them, where that is known. Nothing is spent.
    pub fn taken_by(&self, links: &[Burn], proof: Option<&ProofId>) -> Option<String> {
        let index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        index.taker_of_any(&wanted(links, proof))
    }

    /// Counts what a recorded decision spent, without asking whether it could: folding the ledger at start. What no
    /// decision from `now` on can ask for is passed over.
    pub fn recall(&self, spent: &Spent, now: Seconds, decision: &str) {
        if !is_over(spent.until(), now) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).take(spent, decision);
        }
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Everything that one decision would spend, each with how often it may be spent.
fn wanted(links: &[Burn], proof: Option<&ProofId>) -> Vec<(Spent, u32)> {
    let link = |burn: &Burn| {
        let (iss, path) = (burn.iss.clone(), burn.path.clone());
        (Spent::Link { iss, path, until: burn.exp }, burn.max)
    };
    let proof = proof.map(|id| {
        let (thumbprint, jti) = (id.thumbprint.to_string(), id.jti.clone());
        (Spent::Proof { thumbprint, jti, until: id.forget_after }, 1)
    });
    links.iter().map(link).chain(proof).collect()
}

impl Index {
    fn taker_of_any(&self, wanted: &[(Spent, u32)]) -> Option<String> {
        let taken = |(spent, max): &(Spent, u32)| {
            let count = self.counts.get(&spent.name())?;
            (count.used >= *max).then(|| count.last.clone())
        };
        wanted.iter().find_map(taken)
    }

    fn take(&mut self, spent: &Spent, decision: &str) {
        let name = spent.name();
        let count = self.counts.entry(name.clone()).or_insert_with(|| {
            self.by_expiry.entry(spent.until()).or_default().push(name);
            Count { used: 0, last: String::new() }
        });
        count.used = count.used.saturating_add(1);
        decision.clone_into(&mut count.last);
    }

    fn forget_before(&mut self, now: Seconds) {
        while let Some(oldest) = self.by_expiry.first_entry().filter(|entry| is_over(*entry.key(), now)) {
            for name in oldest.remove() {
                self.counts.remove(&name);
            }
        }
    }
}

/// A link past its `exp` is denied as expired, and a proof past its window as invalid, so neither needs counting.
/// Strictly past: at the very second of its end a proof still holds.
fn is_over(until: Seconds, now: Seconds) -> bool {
    until.plus(STILL_ASKED_FOR_SECONDS) < now
}

impl Name {
    fn spent(&self, until: Seconds) -> Spent {
        match self {
            Name::Link { iss, path } => Spent::Link { iss: iss.clone(), path: path.clone(), until },
            Name::Proof { thumbprint, jti } => {
                Spent::Proof { thumbprint: thumbprint.clone(), jti: jti.clone(), until }
            }
        }
    }
}

impl Spent {
    fn name(&self) -> Name {
        match self {
            Spent::Link { iss, path, .. } => Name::Link { iss: iss.clone(), path: path.clone() },
            Spent::Proof { thumbprint, jti, .. } => {
                Name::Proof { thumbprint: thumbprint.clone(), jti: jti.clone() }
            }
        }
    }

    fn until(&self) -> Seconds {
        match self {
            Spent::Link { until, .. } | Spent::Proof { until, .. } => *until,
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
    fn once_means_once_and_names_the_first() {
        let uses = Uses::default();
        let now = Seconds::new(10);
        assert!(uses.spend(&[link("r", 1, 20)], None, now, "first").is_ok());
        assert_eq!(
            uses.spend(&[link("r", 1, 20)], None, now, "second"),
            Err(Unspent::Replayed { first: "first".into() })
        );
    }

    #[test]
    fn all_or_none() {
        let uses = Uses::default();
        let now = Seconds::new(10);
        uses.spend(&[link("r", 1, 20)], None, now, "d1").unwrap();
        assert!(uses.spend(&[link("s", 1, 20), link("r", 1, 20)], None, now, "d2").is_err());
        assert!(
            uses.spend(&[link("s", 1, 20)], None, now, "d3").is_ok(),
            "the refused decision took nothing"
        );
    }

    #[test]
    fn ten_children_of_a_once_only_root_share_its_one_use() {
        let uses = Uses::default();
        let allowed = (0..10)
            .filter(|n| {
                let child = format!("r/c{n}");
                uses.spend(&[link("r", 1, 20), link(&child, 1, 20)], None, Seconds::new(10), "d").is_ok()
            })
            .count();
        assert_eq!(allowed, 1);
    }

    #[test]
    fn many_at_once_never_exceed_the_limit() {
        let uses = Uses::default();
        let allowed = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if uses.spend(&[link("r", 100, 20)], None, Seconds::new(10), "d").is_ok() {
                            allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(allowed.into_inner(), 100);
    }

    #[test]
    fn what_has_expired_is_forgotten_and_not_a_second_sooner() {
        let uses = Uses::default();
        uses.spend(&[link("r", 1, 20)], None, Seconds::new(10), "d").unwrap();
        assert!(uses.spend(&[link("r", 1, 20)], None, Seconds::new(20), "d").is_err());
        uses.spend(&[link("other", 1, 140)], None, Seconds::new(20 + STILL_ASKED_FOR_SECONDS), "d").unwrap();
        assert_eq!(uses.len(), 2);
        uses.spend(&[link("third", 1, 140)], None, Seconds::new(21 + STILL_ASKED_FOR_SECONDS), "d").unwrap();
        assert_eq!(uses.len(), 2);
    }

    #[test]
    fn a_decision_that_read_its_clock_before_another_one_forgot_still_finds_what_was_spent() {
        let uses = Uses::default();
        uses.spend(&[link("r", 1, 20)], None, Seconds::new(10), "first").unwrap();
        // Both run at once: the second read 20, the other one 21 and spends before it.
        uses.spend(&[link("other", 1, 40)], None, Seconds::new(21), "d").unwrap();
        let replay = uses.spend(&[link("r", 1, 20)], None, Seconds::new(20), "second");
        assert_eq!(replay, Err(Unspent::Replayed { first: "first".into() }));
    }

    #[test]
    fn what_the_ledger_recalls_is_spent() {
        let uses = Uses::default();
        let recorded = |path: &str, until| Spent::Link {
            iss: "https://a".into(),
            path: path.into(),
            until: Seconds::new(until),
        };
        let now = Seconds::new(1000);
        uses.recall(&recorded("r", 1020), now, "old");
        uses.recall(&recorded("long-over", 20), now, "older");
        assert_eq!(uses.len(), 1);
        let again = uses.spend(&[link("r", 1, 1020)], None, now, "new");
        assert_eq!(again, Err(Unspent::Replayed { first: "old".into() }));
    }
}
