//! What was found out before the judge was asked, check by check: into the record, and back.

use ledger::entry::Checks;
use warrant::Denial;

use policy::arguments::{ArgumentError, RequestPart};
use policy::decision::{Case, HttpCase, ProofFound};

const OK: &str = "ok";

/// A check that was made.
fn said(result: Result<(), Denial>) -> Option<String> {
    Some(result.map_or_else(Denial::code, |()| OK).to_owned())
}

pub(super) fn checks(case: &Case<'_>) -> Checks {
    let (governance, issued) = (said(case.governance), case.facts.issued.then(|| OK.to_owned()));
    match &case.http {
        Err(denial) => Checks { governance, issued, request: said(Err(*denial)), ..Checks::default() },
        Ok(http) => Checks { governance, issued, request: said(Ok(())), ..of_http(http) },
    }
}

fn of_http(http: &HttpCase<'_>) -> Checks {
    let (mut parse, mut signatures, mut binding) = (said(Ok(())), None, None);
    match &http.chain {
        Ok(chain) => {
            signatures = said(Ok(()));
            binding = said(if chain.is_bound() { Ok(()) } else { Err(Denial::LineageBroken) });
        }
        Err(denial @ (Denial::IssuerUntrusted | Denial::SignatureInvalid)) => signatures = said(Err(*denial)),
        Err(denial) => parse = said(Err(*denial)),
    }
    let proof = match &http.proof {
        ProofFound::NotWanted => None,
        ProofFound::Failed(denial) => said(Err(*denial)),
        ProofFound::Holds(_) => said(Ok(())),
    };
    let read = http.given.as_ref().map(|given| given.as_ref().err());
    let of = |part: RequestPart| read.and_then(|unread| said(failed(unread, part)));
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

/// Reading stops at the first fault; whatever else was read until then was as it should be.
fn failed(unread: Option<&ArgumentError>, part: RequestPart) -> Result<(), Denial> {
    unread.filter(|unread| unread.part == part).map_or(Ok(()), |unread| Err(unread.denial))
}

/// The result of a check; `None` where it was not made, an error where its word is none that we write.
pub(super) fn result(check: Option<&String>) -> Result<Option<Result<(), Denial>>, ()> {
    match check.map(String::as_str) {
        None => Ok(None),
        Some(OK) => Ok(Some(Ok(()))),
        Some(code) => Denial::from_code(code).map(|denial| Some(Err(denial))).ok_or(()),
    }
}
