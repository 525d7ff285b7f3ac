//! The facts among the entries, as one closed list.

use content_digest::Digest;

use super::{
    Activation, AttestationStatement, ConditionStatement, Entry, Issued, PostureChange, Reinstate, Revocation,
};

/// An entry that changes what is known: what later decisions read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedFact<'a> {
    Activation(&'a Activation),
    Attestation(&'a AttestationStatement),
    Condition(&'a ConditionStatement),
    Issued(&'a Issued),
    Posture(&'a PostureChange),
    Reinstate(&'a Reinstate),
    Revocation(&'a Revocation),
}

impl RecordedFact<'_> {
    fn was(self) -> Option<u64> {
        match self {
            Self::Activation(fact) => fact.was,
            Self::Attestation(fact) => fact.was,
            Self::Condition(fact) => fact.was,
            Self::Posture(fact) => fact.was,
            Self::Revocation(fact) => fact.was,
            Self::Issued(_) | Self::Reinstate(_) => None,
        }
    }

    /// The bundle under which it was permitted or verified, if a server recorded it.
    #[must_use]
    pub fn bundle(self) -> Option<Digest> {
        match self {
            Self::Attestation(fact) => fact.bundle,
            Self::Condition(fact) => fact.bundle,
            Self::Posture(fact) => fact.bundle,
            Self::Reinstate(fact) => fact.bundle,
            Self::Revocation(fact) => fact.bundle,
            Self::Issued(root) => root.policy,
            Self::Activation(_) => None,
        }
    }
}

impl Entry {
    /// The fact that this entry records, if it records one.
    #[must_use]
    pub fn as_recorded_fact(&self) -> Option<RecordedFact<'_>> {
        Some(match self {
            Self::Activation(entry) => RecordedFact::Activation(entry),
            Self::Attestation(entry) => RecordedFact::Attestation(entry),
            Self::Condition(entry) => RecordedFact::Condition(entry),
            Self::Issued(entry) => RecordedFact::Issued(entry),
            Self::Posture(entry) => RecordedFact::Posture(entry),
            Self::Reinstate(entry) => RecordedFact::Reinstate(entry),
            Self::Revocation(entry) => RecordedFact::Revocation(entry),
            Self::Init(_)
            | Self::Start(_)
            | Self::Stop(_)
            | Self::Decision(_)
            | Self::Denials(_)
            | Self::Outcome(_)
            | Self::Ungoverned(_)
            | Self::Gap(_)
            | Self::Archived(_)
            | Self::Reads(_)
            | Self::Restored(_) => return None,
        })
    }

    /// Whether this entry can change later decisions. Such an entry is acknowledged only once `handed-out` includes it.
    #[must_use]
    pub fn is_fact(&self) -> bool {
        self.as_recorded_fact().is_some_and(|fact| !matches!(fact, RecordedFact::Issued(_)))
    }

    /// Its index in the log before a restore from a backup.
    #[must_use]
    pub fn was(&self) -> Option<u64> {
        self.as_recorded_fact()?.was()
    }
}
