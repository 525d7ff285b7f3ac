//! One denied decision. Tests and benches copy it and change the members that they test. The unit tests, the benches and
//! the server's tests include this file too: each has `ledger::entry` in scope where it does.

use super::entry::{
    CheckResult, Checks, Decision, DecisionOutcome, DenialCode, IntegerJson, Posture, RecordedRequest,
    RecordedTerms, RecordedVerdict, RequestText, VerdictCode,
};

pub(crate) fn denied(id: &str) -> Decision {
    Decision {
        args: [("amount".to_owned(), IntegerJson::Integer(7))].into(),
        as_of: 0,
        attestation: vec![],
        burned: vec![],
        bundle: None,
        certificate: None,
        chain: Vec::new().into(),
        checks: Checks { parse: Some(CheckResult::Passed), ..Checks::default() },
        clock: 1_700_000_000,
        conditions: vec![],
        ends: None,
        environment: [("region".to_owned(), "eu-1".to_owned())].into(),
        halted: vec![],
        id: id.to_owned(),
        identity: None,
        lapses: None,
        outcome: DecisionOutcome::Denied(DenialCode::Expired),
        posture: Posture::Normal,
        proxy: "local".to_owned(),
        request: request("localhost", "GET", "/hello/you"),
        revoked: vec![],
        terms: RecordedTerms::default(),
        traceparent: None,
        verdict: RecordedVerdict {
            code: VerdictCode::Denied(DenialCode::Expired),
            policies: vec![],
            route: Some("hello".to_owned()),
        },
    }
}

pub(crate) fn request(host: &str, method: &str, path: &str) -> RecordedRequest {
    RecordedRequest {
        action: None,
        body: None,
        host: RequestText::from(host),
        method: RequestText::from(method),
        path: RequestText::from(path),
        query: None,
    }
}
