//! The claims of the two kinds of statements, in the manner of RFC 9711. Both are closed sets.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use warrant::{Digest, Thumbprint, formats};

use super::StatementFault;
use super::scope::ConditionScope;

/// More measurements of one workload than anybody compares.
const MOST_MEASUREMENTS: usize = 16;
/// The largest number that every JSON reader reads exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// A statement about a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadClaims {
    pub iss: String,
    /// The workload: its SPIFFE ID.
    pub sub: String,
    pub iat: u64,
    pub exp: u64,
    /// The mesh.
    pub aud: String,
    /// The key of the workload's certificate; without it the statement is about all of its keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// The digests of what runs. A positive statement has at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement: Vec<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dbgstat: Option<DebugStatus>,
    pub status: Status,
}

/// A key, by its thumbprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// RFC 7638, in base64url.
    pub jkt: String,
}

/// Whether a workload can be debugged, in the words of RFC 9711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebugStatus {
    Enabled,
    Disabled,
    DisabledSinceBoot,
    DisabledPermanently,
    DisabledFullyAndPermanently,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Positive,
    Negative,
}

/// A statement about a condition of the mesh or of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionClaims {
    pub iss: String,
    pub iat: u64,
    pub exp: u64,
    /// The mesh.
    pub aud: String,
    pub name: String,
    pub value: String,
    /// `mesh` or `<dimension>=<value>`.
    pub scope: String,
}

/// The claims that both kinds have.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommonClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    pub(super) iat: u64,
    pub(super) exp: u64,
}

/// One kind of statement.
pub(super) trait StatementClaims: Serialize + DeserializeOwned {
    const TYP: &'static str;

    fn common(&self) -> CommonClaims<'_>;

    /// What it is about, in the words of an attestor's `about`: a SPIFFE ID or `condition:<name>@<scope>`.
    fn subject(&self) -> Cow<'_, str>;

    /// Checks that each claim has a value that it may have.
    fn check(&self) -> Result<(), StatementFault>;
}

impl StatementClaims for WorkloadClaims {
    const TYP: &'static str = "workload-attestation+jwt";

    fn common(&self) -> CommonClaims<'_> {
        CommonClaims { iss: &self.iss, aud: &self.aud, iat: self.iat, exp: self.exp }
    }

    fn subject(&self) -> Cow<'_, str> {
        self.sub.as_str().into()
    }

    fn check(&self) -> Result<(), StatementFault> {
        // So no `sub` is a condition, and no pattern of conditions covers a workload.
        if !formats::is_plain(&self.sub) || !self.sub.starts_with("spiffe://") {
            return Err(StatementFault::Claim("sub"));
        }
        if self.cnf.as_ref().is_some_and(|cnf| Thumbprint::parse(&cnf.jkt).is_none()) {
            return Err(StatementFault::Claim("cnf"));
        }
        let fewest = match self.status {
            Status::Positive => 1,
            Status::Negative => 0,
        };
        if !(fewest..=MOST_MEASUREMENTS).contains(&self.measurement.len()) {
            return Err(StatementFault::Claim("measurement"));
        }
        check_numbers(self.common())
    }
}

impl StatementClaims for ConditionClaims {
    const TYP: &'static str = "condition+jwt";

    fn common(&self) -> CommonClaims<'_> {
        CommonClaims { iss: &self.iss, aud: &self.aud, iat: self.iat, exp: self.exp }
    }

    fn subject(&self) -> Cow<'_, str> {
        format!("condition:{}@{}", self.name, self.scope).into()
    }

    fn check(&self) -> Result<(), StatementFault> {
        // A name without `@`, so that `condition:<name>@<scope>` has one meaning.
        if !formats::is_kid(&self.name) {
            return Err(StatementFault::Claim("name"));
        }
        if !formats::is_plain(&self.value) {
            return Err(StatementFault::Claim("value"));
        }
        if self.condition_scope().is_none() {
            return Err(StatementFault::Claim("scope"));
        }
        check_numbers(self.common())
    }
}

impl ConditionClaims {
    /// Where the condition applies.
    #[must_use]
    pub fn condition_scope(&self) -> Option<ConditionScope> {
        ConditionScope::parse(&self.scope)
    }
}

impl DebugStatus {
    /// Whether the workload can be debugged now.
    #[must_use]
    pub const fn is_enabled(self) -> bool {
        match self {
            DebugStatus::Enabled => true,
            DebugStatus::Disabled
            | DebugStatus::DisabledSinceBoot
            | DebugStatus::DisabledPermanently
            | DebugStatus::DisabledFullyAndPermanently => false,
        }
    }
}

/// `iat` is before `exp`, so this covers both.
fn check_numbers(common: CommonClaims<'_>) -> Result<(), StatementFault> {
    if common.exp <= LARGEST { Ok(()) } else { Err(StatementFault::Claim("exp")) }
}
