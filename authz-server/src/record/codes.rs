//! Denials as the ledger's words, and back.
//!
//! The ledger may not know `warrant`, so the codes that a decision can have stand in both. Each list is named here once;
//! a code that is missing in one of them does not compile.

use ledger::entry::{CheckResult, DenialCode, VerdictCode};
use warrant::Denial;

macro_rules! codes {
    ($($name:ident)+) => {
        /// The ledger's word for a denial. This server does not decide a denial that only the seal raises.
        pub fn code_of(denial: Denial) -> DenialCode {
            match denial {
                $( Denial::$name => DenialCode::$name, )+
                Denial::Ungoverned | Denial::Altered => DenialCode::Internal,
            }
        }

        /// The denial that a recorded code means.
        pub fn denial_of(code: DenialCode) -> Denial {
            match code { $( DenialCode::$name => Denial::$name, )+ }
        }
    };
}

codes! {
    Halted
    GovernanceStale
    GovernanceInconsistent
    Overloaded
    RequestAmbiguous
    TargetMismatch
    WarrantMissing
    WarrantMalformed
    IssuerUntrusted
    SignatureInvalid
    Expired
    NotYetValid
    LifetimeTooLong
    AudienceMismatch
    LineageBroken
    LineageWidened
    LineageTooDeep
    Revoked
    OutsideWarrant
    NoRoutePolicy
    UseTooWide
    NotIssued
    ArgumentsInvalid
    IdentityMissing
    IdentityMismatch
    ProofMissing
    ProofInvalid
    EnvironmentMismatch
    ConditionUnmet
    AttestationMissing
    AttestationInvalid
    AttestationStale
    AttestationMismatch
    PolicyError
    PolicyDenied
    Replayed
    StateUnavailable
    LedgerUnavailable
    DeadlineExceeded
    Internal
}

/// The recorded result of a check that was made.
pub(super) fn check_result(result: Result<(), Denial>) -> CheckResult {
    result.map_or_else(|denial| CheckResult::Denied(code_of(denial)), |()| CheckResult::Passed)
}

/// The result of a recorded check.
pub(super) fn result_of(check: CheckResult) -> Result<(), Denial> {
    match check {
        CheckResult::Passed => Ok(()),
        CheckResult::Denied(code) => Err(denial_of(code)),
    }
}

/// The denial in a recorded verdict, unless it permits.
pub fn denial_in(verdict: VerdictCode) -> Option<Denial> {
    match verdict {
        VerdictCode::Permit => None,
        VerdictCode::Denied(code) => Some(denial_of(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warrant::Component;

    #[test]
    fn the_ledger_knows_exactly_the_denials_of_the_court_by_the_same_words() {
        let court = Denial::ALL.iter().filter(|denial| denial.raised_by().contains(&Component::Court));
        let words: Vec<&str> = court.map(|denial| denial.code()).collect();
        let recorded: Vec<&str> = DenialCode::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(recorded, words);
        for code in DenialCode::ALL {
            assert_eq!((denial_of(*code).code(), code_of(denial_of(*code))), (code.word(), *code));
        }
    }

    #[test]
    fn the_audit_allows_for_the_largest_leeway_that_a_bundle_can_set() {
        assert_eq!(ledger::verify::LEEWAY_AT_MOST_SECONDS, warrant::limits::MAX_LEEWAY_SECONDS);
    }
}
