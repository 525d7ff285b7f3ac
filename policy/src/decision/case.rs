//! A case: everything that the judge may know about one request. It is gathered before the judge is asked.
//!
//! All work that needs a clock, a key or the network is done before a case exists; the case contains only the
//! results.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use warrant::{Chain, ChainFromRecord, Denial, ProofId, Seconds};

use super::facts::Facts;
use crate::arguments::{ArgumentError, Extracted};
use crate::routes::Located;

/// Why a chain is trusted. A verdict carries it as a type, so that a verdict on a recorded case can never be
/// executed as if a client had presented a warrant.
pub trait Evidence {
    type Chain: Deref<Target = Chain> + Debug;
}

/// Its signatures were verified, now or earlier by this server process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByToken {}

/// The record says that its signatures were verified.
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
    /// The ledger's size when the facts below were read: the judge has not seen later entries.
    pub as_of: u64,
    /// Whether anything can be allowed at all: a bundle is in force, the mesh is not halted, the clock is
    /// sane.
    pub governance: Result<(), Denial>,
    /// The proxy that asks; the bundle says which hosts it serves.
    pub proxy: String,
    /// The request line as it was sent, for the record; `None` for a check without one.
    pub line: Option<Line<'a>>,
    /// The request, or the denial if it is ambiguous.
    pub http: Result<HttpCase<'a, E>, Denial>,
    pub facts: Facts,
}

impl<'a, E: Evidence> Case<'a, E> {
    /// The body, if the route reads one.
    pub fn body(&self) -> Option<&'a [u8]> {
        self.http.as_ref().ok().and_then(|http| http.body)
    }
}

/// The request line, byte by byte, valid or not.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub method: &'a str,
    pub authority: &'a [u8],
    pub path_and_query: &'a [u8],
}

impl<'a> Line<'a> {
    /// The path, and the query if there is one.
    pub fn path(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let mut parts = self.path_and_query.splitn(2, |byte| *byte == b'?');
        (parts.next().unwrap_or_default(), parts.next())
    }
}

/// The parsed request, and the artifacts it carries.
#[derive(Debug)]
pub struct HttpCase<'a, E: Evidence = ByToken> {
    /// The target and what governs it, looked up once; or why there is no target.
    pub located: Result<Located<'a>, Denial>,
    /// The lineage with valid signatures; or why there is none.
    pub chain: Result<E::Chain, Denial>,
    pub proof: ProofFound,
    /// The body, if the route reads one.
    pub body: Option<&'a [u8]>,
    /// What the route derives from the request; `None` if no route matches.
    pub given: Option<Result<Extracted, ArgumentError>>,
}

/// The result of checking the proof of possession.
#[derive(Debug)]
pub enum ProofFound {
    /// The route requires none, so the header was not read.
    NotWanted,
    /// Required, but missing or invalid.
    Failed(Denial),
    /// Required, and verified with the leaf's key for this request.
    Holds(ProofId),
}
