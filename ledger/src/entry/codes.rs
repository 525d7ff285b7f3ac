//! The closed sets of result words: the codes of denials, and what a check, a verdict and a decision can say.
//!
//! `warrant::Denial` has the denials with their meanings. This crate may not know `warrant`, so the codes that a decision
//! can have stand here a second time. A conversion in the server names every code of both lists, and its test compares
//! the words. Codes that only the seal raises are not here: no decision has them, and `ungoverned` would be read as a
//! forward.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::define::{JsonShape, words};

words! {
    /// The code of a denial that a decision can have, in the order of precedence.
    pub enum DenialCode {
        /// Execution is halted.
        Halted = "halted",
        /// Governance is out of date.
        GovernanceStale = "governance-stale",
        /// Governance contradicts itself.
        GovernanceInconsistent = "governance-inconsistent",
        /// Too much to verify.
        Overloaded = "overloaded",
        /// The request can be read in two ways.
        RequestAmbiguous = "request-ambiguous",
        /// This host is not served here.
        TargetMismatch = "target-mismatch",
        /// A warrant is required.
        WarrantMissing = "warrant-missing",
        /// The warrant is malformed.
        WarrantMalformed = "warrant-malformed",
        /// The issuer is not trusted for this.
        IssuerUntrusted = "issuer-untrusted",
        /// A signature does not hold.
        SignatureInvalid = "signature-invalid",
        /// The warrant has expired.
        Expired = "expired",
        /// The warrant is not valid yet.
        NotYetValid = "not-yet-valid",
        /// The warrant is valid for too long.
        LifetimeTooLong = "lifetime-too-long",
        /// The warrant is for another mesh.
        AudienceMismatch = "audience-mismatch",
        /// The lineage is broken.
        LineageBroken = "lineage-broken",
        /// A delegation widens its parent.
        LineageWidened = "lineage-widened",
        /// The lineage is too deep.
        LineageTooDeep = "lineage-too-deep",
        /// The warrant was revoked.
        Revoked = "revoked",
        /// The warrant does not cover this request.
        OutsideWarrant = "outside-warrant",
        /// No route policy governs this request.
        NoRoutePolicy = "no-route-policy",
        /// The root may be used too often.
        UseTooWide = "use-too-wide",
        /// The root was never issued.
        NotIssued = "not-issued",
        /// An argument cannot be read.
        ArgumentsInvalid = "arguments-invalid",
        /// No validated identity.
        IdentityMissing = "identity-missing",
        /// The warrant belongs to someone else.
        IdentityMismatch = "identity-mismatch",
        /// A proof of possession is required.
        ProofMissing = "proof-missing",
        /// The proof of possession does not hold.
        ProofInvalid = "proof-invalid",
        /// The warrant is for another environment.
        EnvironmentMismatch = "environment-mismatch",
        /// A condition does not hold.
        ConditionUnmet = "condition-unmet",
        /// No attestation of the workload.
        AttestationMissing = "attestation-missing",
        /// The attestation is invalid or negative.
        AttestationInvalid = "attestation-invalid",
        /// The attestation is too old.
        AttestationStale = "attestation-stale",
        /// The workload is not what the warrant is bound to.
        AttestationMismatch = "attestation-mismatch",
        /// The policy could not be evaluated.
        PolicyError = "policy-error",
        /// The policy denies this.
        PolicyDenied = "policy-denied",
        /// Already used.
        Replayed = "replayed",
        /// Uses cannot be counted now.
        StateUnavailable = "state-unavailable",
        /// The decision could not be recorded.
        LedgerUnavailable = "ledger-unavailable",
        /// The decision took too long.
        DeadlineExceeded = "deadline-exceeded",
        /// Internal fault.
        Internal = "internal",
    }
}

/// Reads a word of a closed set without copying it.
struct ClosedWord<T> {
    read: fn(&str) -> Option<T>,
    /// The words of the set, for the message.
    words: &'static str,
}

impl<T> Visitor<'_> for ClosedWord<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        (self.read)(word).ok_or_else(|| E::custom(format!("`{word}` is not one of {}", self.words)))
    }
}

/// Defines a set of words of which one kind is a denial's code.
macro_rules! words_or_denial {
    ($(#[doc = $doc:literal])+ pub enum $name:ident { $( $(#[doc = $says:literal])+ $word:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[doc = $says])+ $word, )+
            /// Denied, for this reason.
            Denied(DenialCode),
        }

        impl $name {
            /// The word as it is recorded.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $( Self::$word => $text, )+
                    Self::Denied(code) => code.word(),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(ClosedWord {
                    read: |word| match word {
                        $( $text => Some(Self::$word), )+
                        code => DenialCode::from_word(code).map(Self::Denied),
                    },
                    words: concat!($( "`", $text, "`, " ),+, "or a denial's code"),
                })
            }
        }

        impl JsonShape for $name {
            fn shape() -> String {
                format!("{} or a [denial's code](../docs/denials.md)", [$( concat!("`", $text, "`") ),+].join(" or "))
            }

            fn schema() -> serde_json::Value {
                let words = [$( $text ),+].into_iter().chain(DenialCode::ALL.iter().map(|code| code.word()));
                serde_json::json!({"enum": words.collect::<Vec<_>>()})
            }
        }
    };
}

words_or_denial! {
    /// The result of a check that was made before the judge.
    pub enum CheckResult {
        /// It holds.
        Passed = "ok",
    }
}

words_or_denial! {
    /// What the judge said.
    pub enum VerdictCode {
        /// It permits.
        Permit = "permit",
    }
}

words_or_denial! {
    /// The answer to a request.
    pub enum DecisionOutcome {
        /// Forwarded: every check and the judge permitted it.
        Allowed = "allowed",
        /// Forwarded: the route is only observed. The verdict says what would have been decided.
        Observed = "observed",
        /// Forwarded: the matching route is declared ungoverned.
        Ungoverned = "ungoverned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_word_outside_the_closed_list_is_refused_by_name() {
        let outcome = read::<DecisionOutcome>("\"approved\"").unwrap_err();
        assert!(
            outcome.contains("`approved` is not one of `allowed`, `observed`, `ungoverned`, or"),
            "{outcome}"
        );
        for word in ["\"allow\"", "\"Permit\"", "\"allowed\"", "\"\"", "null"] {
            assert!(read::<VerdictCode>(word).is_err(), "{word}");
        }
        assert!(read::<CheckResult>("\"fine\"").is_err());
    }

    #[test]
    fn every_code_reads_back_as_a_denial_and_never_as_a_forward() {
        for code in DenialCode::ALL {
            let json = format!("\"{}\"", code.word());
            assert_eq!(read::<CheckResult>(&json), Ok(CheckResult::Denied(*code)));
            assert_eq!(read::<VerdictCode>(&json), Ok(VerdictCode::Denied(*code)));
            assert_eq!(read::<DecisionOutcome>(&json), Ok(DecisionOutcome::Denied(*code)));
        }
    }
}
