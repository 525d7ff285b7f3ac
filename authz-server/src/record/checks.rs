//! The checks that were made before the judge was called, in the record's words.

use ledger::entry::{CheckResult, Checks};
use warrant::Denial;

use super::codes::check_result;

use policy::arguments::{ArgumentError, RequestPart};
use policy::decision::{Case, HttpCase, Issuance, ProofFound};

/// The recorded result of a check that was made.
fn made(result: Result<(), Denial>) -> Option<CheckResult> {
    Some(check_result(result))
}

pub(super) fn checks(case: &Case<'_>) -> Checks {
    let (governance, issued) = (made(case.governance), issued(case));
    match &case.http {
        Err(denial) => Checks { governance, issued, request: made(Err(*denial)), ..Checks::default() },
        Ok(http) => Checks { governance, issued, request: made(Ok(())), ..of_http(http) },
    }
}

/// What the issuance record said. That it could not be read is recorded only if the route asks for an entry there:
/// otherwise the answer does not depend on it.
fn issued(case: &Case<'_>) -> Option<CheckResult> {
    let located = case.http.as_ref().ok().and_then(|http| http.located.as_ref().ok());
    let is_required =
        located.and_then(|located| located.found.route()).is_some_and(|route| route.require().issued);
    match case.facts.issuance {
        Issuance::Recorded => made(Ok(())),
        Issuance::Unknown if is_required => made(Err(Denial::StateUnavailable)),
        Issuance::Unknown | Issuance::NotRecorded => None,
    }
}

fn of_http(http: &HttpCase<'_>) -> Checks {
    let (mut parse, mut signatures, mut binding) = (made(Ok(())), None, None);
    match &http.chain {
        Ok(chain) => {
            signatures = made(Ok(()));
            binding = made(if chain.is_bound() { Ok(()) } else { Err(Denial::LineageBroken) });
        }
        Err(denial @ (Denial::IssuerUntrusted | Denial::SignatureInvalid)) => signatures = made(Err(*denial)),
        Err(denial) => parse = made(Err(*denial)),
    }
    let proof = match &http.proof {
        ProofFound::NotWanted => None,
        ProofFound::Failed(denial) => made(Err(*denial)),
        ProofFound::Holds(_) => made(Ok(())),
    };
    let read = http.given.as_ref().map(|given| given.as_ref().err());
    let of = |part: RequestPart| read.and_then(|unread| made(failed(unread, part)));
    let body = http.body.and(of(RequestPart::Body));
    Checks {
        arguments: of(RequestPart::Line),
        binding,
        body,
        parse,
        proof,
        query: of(RequestPart::Query),
        signatures,
        ..Checks::default()
    }
}

/// Reading stops at the first fault, so the parts that were read before it had none.
fn failed(unread: Option<&ArgumentError>, part: RequestPart) -> Result<(), Denial> {
    unread.filter(|unread| unread.part == part).map_or(Ok(()), |unread| Err(unread.denial))
}
