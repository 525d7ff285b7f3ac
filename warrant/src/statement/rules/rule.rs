//! What a match of the rules says: how its requests are treated, and until when.

use super::is_writable;
use crate::time::Seconds;

/// What a match says of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    to: Found,
    until: Option<Seconds>,
}

/// How a request is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Found {
    /// It needs no warrant.
    Ungoverned,
    /// It is forwarded whatever its warrant is, and the server judges it all the same.
    Observed,
    /// It needs a warrant.
    Governed,
}

impl Found {
    const ALL: &[Self] = &[Self::Ungoverned, Self::Observed, Self::Governed];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ungoverned => "ungoverned",
            Self::Observed => "observed",
            Self::Governed => "governed",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|found| found.word() == word)
    }
}

impl Rule {
    /// `until` is the second from which the requests are governed. `None` when it is above 2^53-1, or when
    /// the requests are governed in any case.
    pub fn new(to: Found, until: Option<Seconds>) -> Option<Self> {
        let good = until.is_none_or(|until| to != Found::Governed && is_writable(until.get()));
        good.then_some(Self { to, until })
    }

    pub(super) fn at(self, now: Seconds) -> Found {
        match self.until {
            Some(until) if now >= until => Found::Governed,
            Some(_) | None => self.to,
        }
    }

    pub(super) const fn to(self) -> Found {
        self.to
    }

    pub(super) const fn until(self) -> Option<Seconds> {
        self.until
    }
}
