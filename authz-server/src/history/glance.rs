//! What the index reads of an entry: a few members. The rest is skipped: the index has no use for it, and need not encode the entry
//! again to compare the bytes, as a full reading does. The bytes were checked against their leaf hash before; whether they have
//! the form of their kind is for `ledger verify` to say.

use std::borrow::Cow;

use serde::Deserialize;

/// A part of an entry, by its kind.
#[derive(Debug)]
pub(super) enum Glance<'a> {
    Decision(DecisionGlance<'a>),
    /// The root: its members have the names that they have in a chain.
    Issued(LinkGlance<'a>),
    /// The index of a decision that has its outcome now.
    Outcome {
        decision: u64,
    },
    /// Entries below this index are about to be removed.
    Archived {
        below: u64,
    },
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct DecisionGlance<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) outcome: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) verdict: VerdictGlance<'a>,
    #[serde(borrow)]
    pub(super) chain: Vec<LinkGlance<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct VerdictGlance<'a> {
    #[serde(borrow)]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) route: Option<Cow<'a, str>>,
}

/// The members of a link that every entry has itself.
#[derive(Debug, Deserialize)]
pub(super) struct LinkGlance<'a> {
    /// Roots only.
    #[serde(borrow)]
    pub(super) iss: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) sub: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) jti: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) cnf: Cow<'a, str>,
    pub(super) exp: u64,
    #[serde(rename = "use")]
    pub(super) uses: Option<u64>,
    /// Roots only.
    #[serde(borrow)]
    pub(super) txn: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    time: u64,
}

#[derive(Deserialize)]
struct Outcome {
    index: u64,
}

#[derive(Deserialize)]
struct Archived {
    below: u64,
}

impl<'a> Glance<'a> {
    /// The time of an entry, in milliseconds, and what the index reads of it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(u64, Glance<'a>), serde_json::Error> {
        let Kind { kind, time } = serde_json::from_slice(bytes)?;
        let glance = match &*kind {
            "decision/1" => Glance::Decision(serde_json::from_slice(bytes)?),
            "issued/1" => Glance::Issued(serde_json::from_slice(bytes)?),
            "outcome/1" => {
                let Outcome { index } = serde_json::from_slice(bytes)?;
                Glance::Outcome { decision: index }
            }
            "archived/1" => {
                let Archived { below } = serde_json::from_slice(bytes)?;
                Glance::Archived { below }
            }
            _ => Glance::Other,
        };
        Ok((time, glance))
    }
}
