//! The facts among the entries, as one closed list.

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
}
