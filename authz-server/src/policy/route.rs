//! A route in force: everything filled in, every rule held.

use super::documents::arguments::{Argument, Source};
use super::documents::callers::Caller;
use super::documents::require::{Condition, Holder, Uses};
use super::documents::route::RouteDoc;

#[derive(Debug)]
pub struct Route {
    name: String,
    team: String,
    require: Require,
    args: Vec<Argument>,
    any_query: bool,
    receipt: bool,
    callers: Vec<Caller>,
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
    pub environment: Vec<(String, Vec<String>)>,
    pub conditions: Vec<Condition>,
    /// An attestation no older than this, in seconds.
    pub attestation: Option<u64>,
}

impl Route {
    pub(crate) fn new(document: &RouteDoc, require: Require) -> Self {
        Self {
            name: document.name.value.clone(),
            team: document.team.clone(),
            require,
            args: document.args.clone(),
            any_query: document.any_query,
            receipt: document.receipt,
            callers: document.callers.iter().map(|caller| caller.value.clone()).collect(),
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
        self.args.iter().any(|argument| matches!(argument.from, Source::Body(_)))
    }

    pub(crate) fn callers(&self) -> &[Caller] {
        &self.callers
    }
}
