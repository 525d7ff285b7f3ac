//! A route in force: everything filled in, every rule held.

use std::collections::BTreeSet;

use super::documents::arguments::{Action, Argument, Source};
use super::documents::require::{Condition, Dimensions, Holder, Uses};
use super::documents::route::RouteDoc;
use super::documents::ungoverned::Ungoverned;
use super::engine::Slice;
use super::matching::Pattern;

#[derive(Debug)]
pub struct Route {
    name: String,
    team: String,
    endpoints: Vec<Endpoint>,
    require: Require,
    args: Vec<Argument>,
    action: Option<Action>,
    any_query: bool,
    receipt: bool,
    /// Until when it is only watched, in seconds since 1970.
    observed_until: Option<u64>,
    slice: Slice,
}

/// One thing that a route matches.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) pattern: Pattern,
    /// What gRPC calls it.
    pub(crate) action: Option<String>,
}

/// What a request must bring before the policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Require {
    pub holder: Holder,
    pub uses: Uses,
    /// Of every link, in seconds.
    pub max_lifetime: u64,
    /// Delegations; 0 is the root only.
    pub max_depth: Option<u8>,
    /// The root must be in the issuance record.
    pub issued: bool,
    /// Each dimension and the values it may have.
    pub environment: Dimensions,
    pub conditions: Vec<Condition>,
    /// An attestation no older than this, in seconds.
    pub attestation: Option<u64>,
}

/// A match that needs no warrant, for a reason, for a while.
#[derive(Debug)]
pub struct Opening {
    name: String,
    team: String,
    reason: String,
    until: Option<u64>,
}

impl Route {
    pub(crate) fn new(document: &RouteDoc, require: Require, slice: Slice) -> Self {
        Self {
            name: document.name.value.clone(),
            team: document.team.clone(),
            endpoints: endpoints(document),
            require,
            args: document.args.clone(),
            action: document.action.clone(),
            any_query: document.any_query,
            receipt: document.receipt,
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
    pub fn evidence_receipt(&self) -> bool {
        self.receipt
    }

    pub fn args(&self) -> &[Argument] {
        &self.args
    }

    /// Whether query parameters that are no arguments pass.
    pub fn takes_any_query(&self) -> bool {
        self.any_query
    }

    /// Whether the check must carry the body.
    pub fn reads_body(&self) -> bool {
        reads_body(&self.args, self.action.as_ref())
    }

    /// What it matches: method, canonical host and pattern of each.
    pub fn matches(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.endpoints
            .iter()
            .map(|endpoint| (endpoint.method.as_str(), endpoint.host.as_str(), endpoint.pattern.text()))
    }

    /// Until when it is only watched, in seconds since 1970.
    pub fn observed_until(&self) -> Option<u64> {
        self.observed_until
    }

    /// Until when it is judged and forwarded whatever comes out.
    pub fn is_observed(&self, now: warrant::Seconds) -> bool {
        self.observed_until.is_some_and(|until| now.get() < until)
    }

    /// The names of its policies, mesh-wide ones included, sorted.
    pub fn policies(&self) -> Vec<String> {
        self.slice.ids()
    }

    /// What its action is derived from, where that is not the method.
    pub fn action(&self) -> Option<&Action> {
        self.action.as_ref()
    }

    pub(crate) fn query_names(&self) -> Vec<&str> {
        self.args.iter().filter_map(|argument| argument.from.query_name()).collect()
    }

    /// The names that its requests' actions can have.
    pub(crate) fn actions(&self) -> BTreeSet<&str> {
        match &self.action {
            Some(action) => action.one_of.iter().map(String::as_str).collect(),
            None => self.endpoints.iter().map(Endpoint::action).collect(),
        }
    }

    pub(crate) fn slice(&self) -> &Slice {
        &self.slice
    }

    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The most specific of its endpoints that matches.
    pub(crate) fn endpoint(&self, host: &str, method: &str, segments: &[String]) -> Option<&Endpoint> {
        let matches = |endpoint: &&Endpoint| {
            endpoint.host == host && endpoint.method == method && endpoint.pattern.matches(segments)
        };
        self.endpoints.iter().filter(matches).max_by_key(|endpoint| endpoint.pattern.weight())
    }
}

impl Endpoint {
    /// What gRPC calls it, or its method.
    pub(crate) fn action(&self) -> &str {
        self.action.as_deref().unwrap_or(&self.method)
    }
}

pub(crate) fn reads_body(args: &[Argument], action: Option<&Action>) -> bool {
    let from_body = |from: &Source| matches!(from, Source::Body(_));
    args.iter().any(|argument| from_body(&argument.from))
        || action.is_some_and(|action| from_body(&action.from))
}

/// Everything that a document matches, item by item.
pub(crate) fn endpoints(document: &RouteDoc) -> Vec<Endpoint> {
    let mut all = Vec::new();
    for item in &document.matches {
        for host in &item.hosts {
            for (method, path) in item.endpoints() {
                let action = item.is_grpc.then(|| path.value.text().trim_start_matches('/').to_owned());
                all.push(Endpoint {
                    host: host.value.clone(),
                    method: method.to_owned(),
                    pattern: path.value.clone(),
                    action,
                });
            }
        }
    }
    all
}

impl Opening {
    pub(crate) fn new(document: &RouteDoc, ungoverned: &Ungoverned) -> Self {
        Self {
            name: document.name.value.clone(),
            team: document.team.clone(),
            reason: ungoverned.reason.clone(),
            until: ungoverned.until.as_ref().map(|until| until.value),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn team(&self) -> &str {
        &self.team
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Seconds since 1970, exclusive.
    pub fn until(&self) -> Option<u64> {
        self.until
    }

    /// Whether it is still open; one that is over lets nothing through.
    pub fn is_open(&self, now: warrant::Seconds) -> bool {
        self.until.is_none_or(|until| now.get() < until)
    }
}
