//! A case: everything that the judge may know of one request, gathered before it is asked.
//!
//! What needs a clock, a key or the network has been done when a case exists, and stands here as its result.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use warrant::{Chain, ChainFromRecord, Denial, ProofId, Seconds};

use super::facts::Facts;
use crate::arguments::{ArgumentError, Extracted};
use crate::routes::Located;

/// How a chain came to be believed. A verdict carries it, so that what was judged out of the record can never be acted
/// upon as if somebody had presented a warrant.
pub trait Evidence {
    type Chain: Deref<Target = Chain> + Debug;
}

/// Its signatures were verified, now or since this server started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByToken {}

/// The record says that they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByRecord {}

impl Evidence for ByToken {
    type Chain = Arc<Chain>;
}

impl Evidence for ByRecord {
    type Chain = ChainFromRecord;
}

/// One request before the judge.
#[derive(Debug)]
pub struct Case<'a, E: Evidence = ByToken> {
    /// The one time that every check of this request uses.
    pub now: Seconds,
    /// The ledger's size when the facts below were read: what was recorded later, this judge has not seen.
    pub as_of: u64,
    /// Whether governance itself stands: the bundle in force, nothing halted, the clock sane.
    pub governance: Result<(), Denial>,
    /// Which proxy asks; the bundle says for whom it may.
    pub proxy: String,
    /// The request line as it was sent, for the record; `None` for a check without one.
    pub line: Option<Line<'a>>,
    /// The request, where it could be read without ambiguity.
    pub http: Result<HttpCase<'a, E>, Denial>,
    pub facts: Facts,
}

impl<'a, E: Evidence> Case<'a, E> {
    /// The body, where the route reads one.
    pub fn body(&self) -> Option<&'a [u8]> {
        self.http.as_ref().ok().and_then(|http| http.body)
    }
}

/// The request line, byte by byte, understood or not.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub method: &'a str,
    pub authority: &'a [u8],
    pub path_and_query: &'a [u8],
}

impl<'a> Line<'a> {
    /// The path, and the query where there is one.
    pub fn path(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let mut parts = self.path_and_query.splitn(2, |byte| *byte == b'?');
        (parts.next().unwrap_or_default(), parts.next())
    }
}

/// The request line understood, and the artifacts on it.
#[derive(Debug)]
pub struct HttpCase<'a, E: Evidence = ByToken> {
    /// As it was sent.
    pub authority: &'a [u8],
    /// The target and what governs it, found once; else why there is no target.
    pub located: Result<Located<'a>, Denial>,
    /// The lineage, when its signatures hold; else why it is not one.
    pub chain: Result<E::Chain, Denial>,
    pub proof: ProofFound,
    /// The body, where the route reads one.
    pub body: Option<&'a [u8]>,
    /// What the route derives of the request; `None` where no route matches.
    pub given: Option<Result<Extracted, ArgumentError>>,
}

/// What became of the proof of possession.
#[derive(Debug)]
pub enum ProofFound {
    /// The route wants none, so nothing of the header was read.
    NotWanted,
    /// Wanted; it is missing or does not hold.
    Failed(Denial),
    /// Wanted, and verified with the leaf's key for this request.
    Holds(ProofId),
}
