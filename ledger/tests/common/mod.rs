//! What the integration tests share: keys, clocks and entries.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ledger::entry::{
    Activation, Checks, Decision, DecisionOutcome, Digest, RecordedRequest, RecordedVerdict,
};
use ledger::{Entry, Options, SigningKey};

pub(crate) fn options() -> Options {
    let clock = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let key = SigningKey::from_seed(&[9; 32]).unwrap();
    Options::new(key, Arc::new(clock), "test").segment_bytes(2 * 1024 * 1024)
}

pub(crate) fn denial(id: &str) -> Entry {
    Decision {
        args: [("amount".to_owned(), ledger::entry::IntegerJson::Integer(7))].into(),
        as_of: 0,
        attestation: vec![],
        burned: vec![],
        bundle: None,
        chain: vec![],
        checks: Checks { parse: Some("ok".into()), ..Checks::default() },
        clock: 1_700_000_000,
        conditions: vec![],
        environment: [("region".to_owned(), "eu-1".to_owned())].into(),
        id: id.to_owned(),
        identity: None,
        outcome: DecisionOutcome::Denied("expired".to_owned()),
        posture: "normal".to_owned(),
        proxy: "local".to_owned(),
        request: RecordedRequest {
            action: None,
            body: None,
            host: "localhost".into(),
            method: "GET".into(),
            path: "/hello/you".into(),
            query: None,
        },
        traceparent: None,
        verdict: RecordedVerdict {
            code: "expired".to_owned(),
            policies: vec![],
            route: Some("hello".to_owned()),
        },
    }
    .into()
}

pub(crate) fn fact() -> Entry {
    Activation { bundle: Digest::of(b"bundle"), expires: 1, previous: None, retired: vec![], version: 1 }
        .into()
}
