//! Compares the crate's answers for 100,000 generated chains with those of a model.
//!
//! The model was written separately, from the same specification. It is recursive where the crate loops, uses sets
//! where the crate has lists, and is one long series of conditions where the crate has a table.
//!
//! A stand-in for the verifier accepts or refuses signatures as the generated chain demands: real curves would take
//! most of the time, and the real verifiers have their own tests. Everything else is the real code, from bytes to
//! answer.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::string_slice,
    reason = "tests may panic"
)]

mod common;
#[path = "model/generate.rs"]
mod generate;
#[path = "model/reference.rs"]
mod reference;

use std::collections::BTreeMap;

use generate::{ModelCase, ModelValue, SplitMix64};
use warrant::{
    Argument, Arguments, ChainExpectations, Denial, Host, Issuer, Method, PresentedWarrant, PublicKey,
    RawPath, Revocable, Seconds, Signature, SubjectPattern, Target, Terms, Trust, Value, Verifier,
};

const CHAINS: u64 = 100_000;
const SEED: u64 = 0x5eed_0003;

/// A verifier that only looks at the first byte of a key or signature.
struct StandIn;

impl Verifier for StandIn {
    fn is_point(&self, key: &PublicKey) -> bool {
        key.as_raw()[0] != generate::NO_POINT
    }

    fn verify(&self, _: &PublicKey, _: &[u8], signature: &Signature) -> bool {
        signature.bytes()[0] == generate::GOOD_SIGNATURE
    }
}

#[test]
fn the_crate_and_the_model_always_agree() {
    println!("seed {SEED:#x}");
    let mut answers = BTreeMap::<String, u64>::new();
    for number in 0..CHAINS {
        let case = ModelCase::generated(&mut SplitMix64::new(SEED.wrapping_add(number)));
        let (found, expected) = (judged(&case), reference::judged(&case));
        assert_eq!(found, expected, "chain {number} of seed {SEED:#x}: {case:#?}");
        let answer = found.map_or_else(|denial| denial.code(), |()| "allow");
        *answers.entry(answer.into()).or_default() += 1;
    }
    let allowed = answers["allow"];
    println!("{CHAINS} chains: {allowed} allowed, {} denied: {answers:?}", CHAINS - allowed);
    assert!(allowed > CHAINS / 10 && allowed < CHAINS * 9 / 10);
    assert_eq!(answers.len(), 13, "every code that a chain can get after its header was read: {answers:?}");
}

fn judged(case: &ModelCase) -> Result<(), Denial> {
    let text = case.text();
    let issuer = Issuer {
        iss: common::AUTHORITY.into(),
        keys: vec![("a1".into(), generate::key(1))],
        subjects: vec![SubjectPattern::parse("agent:*").unwrap()],
        starters: vec![],
    };
    let trust = Trust::new(vec![issuer]).unwrap();
    let chain = PresentedWarrant::parse(text.as_bytes())?.verify(&trust, &StandIn)?;
    let target = Target {
        host: Host::parse(case.request.host).unwrap(),
        method: Method::parse(case.request.method).unwrap(),
        path: RawPath::parse(case.request.path.as_bytes()).unwrap().0,
    };
    let terms = Terms::new("shop", generate::CAP, generate::LEEWAY).unwrap();
    let revoked = |one: &Revocable| {
        case.revoked.iter().any(|(kind, value)| one.kind().word() == *kind && one.value() == value)
    };
    let admitted = chain.check(&ChainExpectations {
        now: Seconds::new(case.now),
        terms: &terms,
        revoked: &revoked,
        target: &target,
    })?;
    let mut arguments = Arguments::new();
    for (name, value) in &case.request.args {
        assert!(arguments.insert(name, Argument::One(value_of(value))));
    }
    admitted.check_call(case.request.action, &arguments)?;
    let burned: Vec<_> = chain.burns().into_iter().map(|burn| (burn.path, burn.max)).collect();
    assert_eq!(burned, reference::burns(case));
    Ok(())
}

fn value_of(value: &ModelValue) -> Value {
    match value {
        ModelValue::Text(text) => Value::String((*text).into()),
        ModelValue::Flag(flag) => Value::Boolean(*flag),
        ModelValue::Number(number) => Value::Integer(*number),
    }
}
