//! The numbers of statements: they rise strictly within a log, over restarts too, and one number never says two things.
//!
//! A number is the size of the log that the statement was made from, and how many different ones were made from that size before.
//! A start appends an entry, so the first number after it is above all numbers before it.

use std::collections::BTreeMap;

use warrant::{Digest, Seconds};

/// The bits of a number that count the statements made from one size. JSON numbers have 53 bits, so 37 are left for the size: a
/// log of 137 billion entries.
const COUNT_BITS: u32 = 16;
const COUNT_AT_MOST: u64 = (1 << COUNT_BITS) - 1;

#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The size of the log that the last statement was made from.
    as_of: u64,
    /// How many statements were made from it.
    count: u64,
    /// When the last statement was made: a clock that goes back a little must not make a proxy refuse the next one.
    iat: Seconds,
    /// What was said last to each proxy.
    latest: BTreeMap<String, Latest>,
}

/// What a proxy was told last, and under which numbers.
#[derive(Clone, Copy, Debug)]
struct Latest {
    content: Digest,
    first: u64,
    last: u64,
}

/// The number and the time of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) n: u64,
    pub(super) iat: Seconds,
}

/// Why a statement gets no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoNumber {
    /// Another statement was made from a greater size already. Make this one from that size too.
    Overtaken,
    /// Too many statements were made from this size. The next entry of the log ends this.
    UsedUp,
}

impl Numbers {
    /// Whether a proxy whose statement has this number holds this content.
    pub(super) fn is_held(&self, proxy: &str, n: u64, content: Digest) -> bool {
        let latest = self.latest.get(proxy);
        latest.is_some_and(|latest| latest.content == content && (latest.first..=latest.last).contains(&n))
    }

    /// The number of the next statement to this proxy, made from this size of the log.
    pub(super) fn next(
        &mut self,
        proxy: &str,
        as_of: u64,
        content: Digest,
        now: Seconds,
    ) -> Result<Numbered, NoNumber> {
        if as_of < self.as_of {
            return Err(NoNumber::Overtaken);
        }
        if as_of > self.as_of {
            (self.as_of, self.count) = (as_of, 0);
        }
        let latest = self.latest.get(proxy).filter(|latest| latest.content == content).copied();
        let n = match latest {
            // The same from the same size is said again under the same number: in a quiet mesh they would be used up.
            Some(latest) if latest.last >> COUNT_BITS == as_of => latest.last,
            Some(_) | None if self.count <= COUNT_AT_MOST => {
                let count = self.count;
                self.count = count.saturating_add(1);
                (as_of << COUNT_BITS) | count
            }
            Some(latest) => latest.last,
            None => return Err(NoNumber::UsedUp),
        };
        let first = latest.map_or(n, |latest| latest.first);
        self.latest.insert(proxy.to_owned(), Latest { content, first, last: n });
        self.iat = self.iat.max(now);
        Ok(Numbered { n, iat: self.iat })
    }

    /// Forgets what was said to proxies that are not named any more.
    pub(super) fn keep_only(&mut self, is_named: impl Fn(&str) -> bool) {
        self.latest.retain(|proxy, _| is_named(proxy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(numbers: &mut Numbers, proxy: &str, as_of: u64, content: &str) -> Result<u64, NoNumber> {
        let content = Digest::of(content.as_bytes());
        numbers.next(proxy, as_of, content, Seconds::new(1000)).map(|numbered| numbered.n)
    }

    #[test]
    fn numbers_rise_with_each_statement_and_with_the_log() {
        let mut numbers = Numbers::default();
        let all = [("a", 5, "x"), ("b", 5, "y"), ("a", 5, "w"), ("a", 9, "w"), ("b", 9, "z")];
        let given = all.map(|(proxy, as_of, content)| next(&mut numbers, proxy, as_of, content).unwrap());
        assert_eq!(
            given,
            [
                5 << COUNT_BITS,
                (5 << COUNT_BITS) + 1,
                (5 << COUNT_BITS) + 2,
                9 << COUNT_BITS,
                (9 << COUNT_BITS) + 1
            ]
        );
        assert_eq!(next(&mut numbers, "a", 9, "w"), Ok(given[3]), "the same once more");
        assert_eq!(next(&mut numbers, "a", 8, "w"), Err(NoNumber::Overtaken));
        assert!(next(&mut Numbers::default(), "a", 10, "x").unwrap() > given[4], "after a start");
    }

    #[test]
    fn a_proxy_holds_what_it_was_told_last_under_any_number_since_it_was_first_said() {
        let mut numbers = Numbers::default();
        let is_held =
            |numbers: &Numbers, n, content: &str| numbers.is_held("a", n, Digest::of(content.as_bytes()));
        let old = next(&mut numbers, "a", 5, "x").unwrap();
        let first = next(&mut numbers, "a", 6, "y").unwrap();
        let last = next(&mut numbers, "a", 7, "y").unwrap();
        assert!(is_held(&numbers, first, "y") && is_held(&numbers, last, "y"));
        assert!(!is_held(&numbers, old, "y") && !is_held(&numbers, old, "x"));
        assert!(!is_held(&numbers, last, "x") && !is_held(&numbers, last + 1, "y"));
        assert!(!numbers.is_held("b", last, Digest::of(b"y")), "another proxy");
        numbers.keep_only(|proxy| proxy != "a");
        assert!(!is_held(&numbers, last, "y"));
    }

    #[test]
    fn when_the_numbers_of_a_size_are_used_up_only_the_same_is_said_again() {
        let mut numbers = Numbers { as_of: 5, count: COUNT_AT_MOST, ..Numbers::default() };
        let last = next(&mut numbers, "a", 5, "x").unwrap();
        assert_eq!(last, (6 << COUNT_BITS) - 1);
        assert_eq!(next(&mut numbers, "a", 5, "x"), Ok(last));
        assert_eq!(next(&mut numbers, "a", 5, "y"), Err(NoNumber::UsedUp));
        assert_eq!(next(&mut numbers, "b", 5, "x"), Err(NoNumber::UsedUp));
        assert_eq!(next(&mut numbers, "b", 6, "x"), Ok(6 << COUNT_BITS));
    }

    #[test]
    fn the_time_of_statements_never_goes_back() {
        let mut numbers = Numbers::default();
        let mut at = |now| numbers.next("a", 5, Digest::of(b"x"), Seconds::new(now)).unwrap().iat.get();
        assert_eq!([at(100), at(98), at(101)], [100, 100, 101]);
    }
}
