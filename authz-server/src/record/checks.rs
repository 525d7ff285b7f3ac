//! The checks that were made before the judge was called: turns them into the record's words, and back.

use ledger::entry::Checks;
use warrant::Denial;

use policy::arguments::{ArgumentError, RequestPart};
use policy::decision::{Case, HttpCase, ProofFound};

const OK: &str = "ok";

/// The recorded result of a check that was made.
fn word(result: Result<(), Denial>) -> Option<String> {
    Some(result.map_or_else(Denial::code, |()| OK).to_owned())
}

pub(super) fn checks(case: &Case<'_>) -> Checks {
    let (governance, issued) = (word(case.governance), case.facts.issued.then(|| OK.to_owned()));
    match &case.http {
        Err(denial) => Checks { governance, issued, request: word(Err(*denial)), ..Checks::default() },
        Ok(http) => Checks { governance, issued, request: word(Ok(())), ..of_http(http) },
    }
}

fn of_http(http: &HttpCase<'_>) -> Checks {
    let (mut parse, mut signatures, mut binding) = (word(Ok(())), None, None);
    match &http.chain {
        Ok(chain) => {
            signatures = word(Ok(()));
            binding = word(if chain.is_bound() { Ok(()) } else { Err(Denial::LineageBroken) });
        }
        Err(denial @ (Denial::IssuerUntrusted | Denial::SignatureInvalid)) => signatures = word(Err(*denial)),
        Err(denial) => parse = word(Err(*denial)),
    }
    let proof = match &http.proof {
        ProofFound::NotWanted => None,
        ProofFound::Failed(denial) => word(Err(*denial)),
        ProofFound::Holds(_) => word(Ok(())),
    };
    let read = http.given.as_ref().map(|given| given.as_ref().err());
    let of = |part: RequestPart| read.and_then(|unread| word(failed(unread, part)));
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

/// The result of a recorded check: `None` if it was not made, an error if the word is not one that we write.
pub(super) fn result(check: Option<&String>) -> Result<Option<Result<(), Denial>>, ()> {
    match check.map(String::as_str) {
        None => Ok(None),
        Some(OK) => Ok(Some(Ok(()))),
        Some(code) => Denial::from_code(code).map(|denial| Some(Err(denial))).ok_or(()),
    }
}
