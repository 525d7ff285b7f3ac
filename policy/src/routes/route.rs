//! A governed route or an ungoverned match, validated, with all defaults filled in.

use warrant::{Digest, Target};

use crate::arguments::{self, ArgumentError, Declared, Endpoint, Extracted, Sent};
use crate::documents::arguments::{DeclaredAction, DeclaredArgument};
use crate::documents::require::Require;
use crate::documents::route::RouteDoc;
use crate::documents::ungoverned::UngovernedDoc;
use crate::engine::Slice;

#[derive(Debug)]
pub struct Route {
    name: String,
    team: String,
    declared: Declared,
    require: Require,
    receipt: bool,
    max_stream: u64,
    /// Until when it is only observed, in seconds since 1970.
    observed_until: Option<u64>,
    slice: Slice,
}

/// A match that needs no warrant: with a reason, and perhaps with an end.
#[derive(Debug)]
pub struct UngovernedMatch {
    name: String,
    team: String,
    endpoints: Vec<Endpoint>,
    reason: String,
    until: Option<u64>,
    max_stream: u64,
}

impl Route {
    pub(crate) fn new(
        document: &RouteDoc,
        require: Require,
        declared: Declared,
        slice: Slice,
        max_stream: u64,
    ) -> Self {
        Self {
            name: document.name.value.clone(),
            team: document.team.clone(),
            declared,
            require,
            receipt: document.receipt,
            max_stream,
            observed_until: document
                .ungoverned
                .as_ref()
                .and_then(|ungoverned| ungoverned.until.as_ref())
                .map(|until| until.value),
            slice,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn team(&self) -> &str {
        &self.team
    }

    pub fn require(&self) -> &Require {
        &self.require
    }

    /// Whether an allowed request carries a receipt.
    pub fn wants_receipt(&self) -> bool {
        self.receipt
    }

    /// How long an allowed stream may run, in seconds.
    pub fn max_stream(&self) -> u64 {
        self.max_stream
    }

    pub fn args(&self) -> &[DeclaredArgument] {
        &self.declared.args
    }

    /// Whether the route accepts query parameters that are not arguments.
    pub fn takes_any_query(&self) -> bool {
        self.declared.any_query
    }

    /// Whether the authorization check must contain the body.
    pub fn reads_body(&self) -> bool {
        self.declared.reads_body()
    }

    /// Whether everything that it derives is in the method, the host and the path.
    pub fn reads_only_the_path(&self) -> bool {
        self.declared.reads_only_the_path()
    }

    /// Names how it reads requests, within one process: with the same digest it reads the same from every request.
    pub fn reading(&self) -> Digest {
        self.declared.digest()
    }

    /// The longest body that the check may contain, in bytes.
    pub fn longest_body(&self) -> usize {
        self.declared.longest_body
    }

    /// Everything it matches, each with method, canonical host and pattern.
    pub fn matches(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.declared
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.method.as_str(), endpoint.host.as_str(), endpoint.pattern.text()))
    }

    /// Until when it is only observed, in seconds since 1970.
    pub fn observed_until(&self) -> Option<u64> {
        self.observed_until
    }

    /// Whether its requests are judged and then forwarded, whatever the verdict.
    pub fn is_observed(&self, now: warrant::Seconds) -> bool {
        self.observed_until.is_some_and(|until| now.get() < until)
    }

    /// The names of its policies, mesh-wide ones included, sorted.
    pub fn policies(&self) -> Vec<String> {
        self.slice.ids()
    }

    /// What its action is derived from, if that is not the method.
    pub fn action(&self) -> Option<&DeclaredAction> {
        self.declared.action.as_ref()
    }

    /// Reads what this route derives from a request that it matches.
    pub fn read(&self, target: &Target<'_>, sent: &Sent<'_>) -> Result<Extracted, ArgumentError> {
        arguments::read(&self.declared, target, sent)
    }

    pub(crate) fn declared(&self) -> &Declared {
        &self.declared
    }

    pub(crate) fn slice(&self) -> &Slice {
        &self.slice
    }
}

impl UngovernedMatch {
    pub(crate) fn new(document: &RouteDoc, ungoverned: &UngovernedDoc, max_stream: u64) -> Self {
        Self {
            name: document.name.value.clone(),
            team: document.team.clone(),
            endpoints: arguments::endpoints(document),
            reason: ungoverned.reason.clone(),
            until: ungoverned.until.as_ref().map(|until| until.value),
            max_stream,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn team(&self) -> &str {
        &self.team
    }

    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Seconds since 1970, exclusive.
    pub fn until(&self) -> Option<u64> {
        self.until
    }

    /// How long an allowed stream may run, in seconds.
    pub fn max_stream(&self) -> u64 {
        self.max_stream
    }

    /// Whether the exception still holds. After its end it lets nothing through.
    pub fn is_open(&self, now: warrant::Seconds) -> bool {
        self.until.is_none_or(|until| now.get() < until)
    }
}
