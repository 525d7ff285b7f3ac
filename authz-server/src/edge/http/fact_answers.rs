//! What the calls about facts answer, as JSON and in the API's document.

use std::collections::BTreeMap;

use ledger::entry::{
    AttestationStatement, ConditionStatement, Digest, FactScope, Posture, PostureChange, Revocation,
    RevocationTarget,
};
use serde::Serialize;
use utoipa::openapi::{Content, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::facts::Recorded;
use crate::schema;

/// The entry on record, and a size of the log that contains it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordedFact {
    /// The index of the entry.
    pub(super) index: u64,
    /// A size of the log that contains the entry. A proxy that has applied it has the fact.
    pub(super) seq: u64,
    /// Whether the same was on record already: then this is the first entry.
    pub(super) repeats: bool,
}

impl IntoResponses for RecordedFact {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let says = [("200", "The same holds already: its entry."), ("201", "It is on record from now on.")];
        let answer = |says| {
            let content = Content::new(Some(utoipa::openapi::Ref::from_schema_name("RecordedFact")));
            ResponseBuilder::new().description(says).content("application/json", content).build().into()
        };
        says.map(|(status, says)| (status.to_owned(), answer(says))).into()
    }
}

macro_rules! lists {
    ($($(#[doc = $doc:literal])+ $list:ident: $member:ident $held:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Serialize, ToSchema)]
            pub(super) struct $list {
                /// The size of the log up to which this is said.
                pub(super) as_of: u64,
                /// Where the following piece begins; `null` after the last.
                #[schema(required)]
                pub(super) next: Option<u64>,
                #[schema(max_items = 1000)]
                pub(super) $member: Vec<$held>,
            }
        )+
    };
}

lists! {
    /// Revocations in force, in the order of their entries.
    RevocationList: revocations HeldRevocation;
    /// Postures, in the order of their entries.
    PostureList: postures HeldPosture;
    /// Statements about workloads, in the order of their entries.
    AttestationList: attestations HeldAttestation;
    /// Statements about conditions, in the order of their entries.
    ConditionList: conditions HeldCondition;
}

/// A revocation in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldRevocation {
    /// The index of its entry.
    index: u64,
    /// When it was recorded, in milliseconds.
    time: u64,
    #[schema(value_type = schema::Target)]
    what: RevocationTarget,
    value: String,
    /// The issuer of the root of a path or a lineage; otherwise empty.
    iss: String,
    /// When it may be forgotten, in seconds; `null`: until it is ended.
    #[schema(required)]
    until: Option<u64>,
    /// Who asked for it.
    by: String,
    reason: String,
}

/// How much is allowed in one place.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldPosture {
    /// The index of its entry.
    index: u64,
    /// When it was recorded, in milliseconds.
    time: u64,
    #[schema(value_type = schema::Scope)]
    scope: FactScope,
    /// The environment, the route or the issuer; empty for the mesh.
    subject: String,
    #[schema(value_type = schema::Stance)]
    stance: Posture,
    /// Who asked for it.
    by: String,
    reason: String,
}

/// The newest statement of an attestor about a workload and a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldAttestation {
    /// The index of its entry.
    index: u64,
    /// When it was recorded, in milliseconds.
    time: u64,
    /// The attestor.
    iss: String,
    /// The workload: its SPIFFE ID.
    sub: String,
    /// The thumbprint of the workload's key; `null` if the statement names none.
    #[schema(required, value_type = Option<schema::Thumbprint>)]
    key: Option<String>,
    /// When it was made, and until when it is valid, in seconds.
    iat: u64,
    exp: u64,
    positive: bool,
    /// Whether debugging is enabled in the workload; `null` if the statement does not say.
    #[schema(required)]
    debug: Option<bool>,
    #[schema(value_type = Vec<schema::Digest>, max_items = 16)]
    measurement: Vec<Digest>,
}

/// The newest statement of an attestor about a condition and a place.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldCondition {
    /// The index of its entry.
    index: u64,
    /// When it was recorded, in milliseconds.
    time: u64,
    /// The attestor.
    iss: String,
    name: String,
    value: String,
    #[schema(value_type = schema::ConditionPlace)]
    scope: FactScope,
    /// The environment, as `dimension=value`; empty for the mesh.
    subject: String,
    /// When it was made, and until when it is valid, in seconds.
    iat: u64,
    exp: u64,
}

impl HeldRevocation {
    pub(super) fn of(recorded: &Recorded<Revocation>) -> HeldRevocation {
        let Recorded { index, time, fact } = recorded;
        HeldRevocation {
            index: *index,
            time: *time,
            what: fact.what,
            value: fact.value.clone(),
            iss: fact.iss.clone(),
            until: fact.until,
            by: fact.by.clone(),
            reason: fact.reason.clone(),
        }
    }
}

impl HeldPosture {
    pub(super) fn of(recorded: &Recorded<PostureChange>) -> HeldPosture {
        let Recorded { index, time, fact } = recorded;
        HeldPosture {
            index: *index,
            time: *time,
            scope: fact.scope,
            subject: fact.subject.clone(),
            stance: fact.stance,
            by: fact.by.clone(),
            reason: fact.reason.clone(),
        }
    }
}

impl HeldAttestation {
    pub(super) fn of(recorded: &Recorded<AttestationStatement>) -> HeldAttestation {
        let Recorded { index, time, fact } = recorded;
        HeldAttestation {
            index: *index,
            time: *time,
            iss: fact.iss.clone(),
            sub: fact.subject.clone(),
            key: fact.key.clone(),
            iat: fact.iat,
            exp: fact.exp,
            positive: fact.positive,
            debug: fact.debug,
            measurement: fact.measurement.clone(),
        }
    }
}

impl HeldCondition {
    pub(super) fn of(recorded: &Recorded<ConditionStatement>) -> HeldCondition {
        let Recorded { index, time, fact } = recorded;
        HeldCondition {
            index: *index,
            time: *time,
            iss: fact.iss.clone(),
            name: fact.name.clone(),
            value: fact.value.clone(),
            scope: fact.scope,
            subject: fact.subject.clone(),
            iat: fact.iat,
            exp: fact.exp,
        }
    }
}
