//! The terms of warrants: what must be true of them, and which earlier decision says them.
//!
//! Memory: 40 bytes for each decision of the last 1,048,576 entries that says its terms, 40 MB at most. The chains themselves are
//! not kept, but 128 bits of two keyed hashes of each: nobody who does not know this audit's random keys can find two chains with
//! the same bits.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use super::AuditReport;
use super::entry_form::LEEWAY_AT_MOST_SECONDS;
use crate::entry::{Decision, DecisionOutcome, RecordedChain, RecordedTerms, TERMS_WITHIN, Terms};

/// The first link that does not follow from the one before it, by its terms.
pub(super) fn broken_link(chain: &RecordedChain, terms: &Terms) -> Option<usize> {
    let parents = std::iter::once(None).chain(chain.iter().map(Some));
    let links = (0_u64..).zip(terms.iter()).zip(parents);
    let follows =
        |((place, link), parent): ((u64, &crate::entry::LinkTerms), Option<&crate::entry::RecordedLink>)| {
            link.depth == place
                && match (parent, &link.iss) {
                    (None, signer) => signer.is_none() && link.kid.is_some(),
                    (Some(parent), Some(signer)) => link.kid.is_none() && signer.ends_with(&parent.cnf),
                    (Some(_), None) => false,
                }
        };
    links.map(follows).position(|follows| !follows)
}

/// From when all links are valid. `None` for no links.
pub(super) fn valid_from(terms: &Terms) -> Option<u64> {
    terms.iter().map(|link| link.nbf.max(link.iat)).max()
}

/// The decisions that say their terms.
pub(super) struct SaidTerms {
    keys: [RandomState; 2],
    /// In the order of the log.
    said: VecDeque<Said>,
    within: u64,
}

struct Said {
    index: u64,
    chain: [u64; 2],
    /// From when all links are valid; `None` if they do not follow from each other.
    valid_from: Option<u64>,
}

impl Default for SaidTerms {
    fn default() -> Self {
        Self { keys: Default::default(), said: VecDeque::new(), within: TERMS_WITHIN }
    }
}

impl SaidTerms {
    /// Takes the next decision. One that refers to an earlier decision must be on the same warrant, and valid by its terms.
    pub(super) fn add(&mut self, index: u64, decision: &Decision, report: &mut AuditReport) {
        while self.said.front().is_some_and(|oldest| index.saturating_sub(oldest.index) > self.within) {
            self.said.pop_front();
        }
        match &decision.terms {
            RecordedTerms::Whole(terms) if terms.is_empty() => {}
            RecordedTerms::Whole(terms) => {
                let follows = broken_link(&decision.chain, terms).is_none();
                let valid_from = valid_from(terms).filter(|_| follows);
                self.said.push_back(Said { index, chain: self.hash(&decision.chain), valid_from });
            }
            RecordedTerms::SameAs(earlier) => {
                if let Some(what) = self.fault(index, earlier.index, decision) {
                    report.add_entry_fault(index, what);
                }
            }
        }
    }

    fn fault(&self, own: u64, index: u64, decision: &Decision) -> Option<String> {
        let wrong = |why: &str| Some(format!("its terms are those of entry {index}, which {why}"));
        if index >= own {
            return wrong("is not before it");
        }
        if own.saturating_sub(index) > self.within {
            return wrong(&format!("is more than {} entries before it", self.within));
        }
        let found = self.said.binary_search_by_key(&index, |said| said.index);
        let Some(said) = found.ok().and_then(|place| self.said.get(place)) else {
            return wrong("is not a decision that says its terms");
        };
        if said.chain != self.hash(&decision.chain) {
            return wrong("is about another chain");
        }
        if decision.outcome != DecisionOutcome::Allowed {
            return None;
        }
        match said.valid_from {
            None => wrong("has links that do not follow from each other"),
            Some(from) if from > decision.clock.saturating_add(LEEWAY_AT_MOST_SECONDS) => Some(format!(
                "it was allowed at {}, but by its terms it is valid from {from} on",
                decision.clock
            )),
            Some(_) => None,
        }
    }

    fn hash(&self, chain: &RecordedChain) -> [u64; 2] {
        self.keys.each_ref().map(|key| key.hash_one(&chain[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::EarlierTerms;
    use crate::example_log::allowed;

    fn said_at(index: u64) -> RecordedTerms {
        RecordedTerms::SameAs(EarlierTerms { index, known: None })
    }

    #[test]
    fn terms_are_found_within_their_stretch_and_forgotten_beyond_it() {
        let mut said = SaidTerms { within: 100, ..SaidTerms::default() };
        let whole = allowed("a");
        let refers = Decision { terms: said_at(5), ..whole.clone() };
        let mut report = AuditReport::default();
        for index in 0..10 {
            said.add(index, &whole, &mut report);
        }
        said.add(105, &refers, &mut report);
        assert_eq!(report.faults, []);
        assert_eq!(said.said.len(), 5, "entries 5 to 9 can still be named");
        said.add(106, &refers, &mut report);
        let told: Vec<&str> = report.faults.iter().map(|fault| fault.what.as_str()).collect();
        assert_eq!(told, ["its terms are those of entry 5, which is more than 100 entries before it"]);
    }
}
