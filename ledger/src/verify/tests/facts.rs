//! Facts that were recorded before an allow, and that its judge claims to have read.

use super::*;
use crate::entry::{
    Activation, AttestationStatement, ConditionStatement, Digest, FactScope, Posture, PostureChange,
    RecordedAttestation, RecordedCondition, Reinstate, Revocation, RevocationTarget, Signer,
};
use crate::example_log::{ISSUER, bundle};

fn text(text: &str) -> String {
    text.to_owned()
}

fn posture(scope: FactScope, subject: &str, stance: Posture) -> Entry {
    let (by, reason, subject) = (text("op"), text("a drill"), text(subject));
    PostureChange { bundle: None, by, reason, replaces: None, scope, stance, subject, was: None }.into()
}

/// Ends the posture of this entry.
fn replacing(replaces: u64, scope: FactScope, subject: &str, stance: Posture) -> Entry {
    let (by, reason, subject) = (text("op"), text("a drill"), text(subject));
    let replaces = Some(replaces);
    PostureChange { bundle: None, by, reason, replaces, scope, stance, subject, was: None }.into()
}

fn revocation(what: RevocationTarget, iss: &str, value: &str, until: Option<u64>) -> Entry {
    let (by, iss, reason, value) = (text("op"), text(iss), text("lost"), text(value));
    Revocation { bundle: None, by, iss, reason, until, value, was: None, what }.into()
}

fn reinstate(what: RevocationTarget, iss: &str, value: &str) -> Entry {
    let (by, iss, reason, value) = (text("op"), text(iss), text("found"), text(value));
    Reinstate { bundle: None, by, iss, reason, revocation: 8, value, what }.into()
}

fn measured(digit: &str) -> Digest {
    Digest::of(digit.as_bytes())
}

fn attestation(positive: bool, iat: u64, key: Option<&str>) -> Entry {
    AttestationStatement {
        bundle: None,
        debug: Some(false),
        exp: CLOCK + 600,
        iat,
        iss: text("https://attestor"),
        key: key.map(text),
        measurement: vec![measured("1")],
        positive,
        signer: signer(),
        statement: Digest::of(b"statement"),
        subject: text("spiffe://demo/agent"),
        was: None,
    }
    .into()
}

/// The next allow, by a workload whose attestations the judge read.
fn attested(facts: usize, read: &[bool], is_bound: bool) -> Entry {
    let mut decision = next_allow(facts);
    decision.identity = Some(text("spiffe://demo/agent"));
    decision.attestation = read
        .iter()
        .map(|positive| RecordedAttestation {
            debug: Some(false),
            exp: CLOCK + 600,
            iat: CLOCK - 10,
            iss: text("https://attestor"),
            key: None,
            measurement: vec![measured("1")],
            positive: *positive,
            subject: text("spiffe://demo/agent"),
        })
        .collect();
    decision.chain[0].att = is_bound.then(|| vec![measured("1").to_string()]);
    decision.into()
}

/// The same allow, whose judge read a statement of this time.
fn stated_at(iat: u64, allow: Entry) -> Entry {
    let Entry::Decision(mut allow) = allow else { panic!("a decision") };
    allow.attestation[0].iat = iat;
    allow.into()
}

fn condition(value: &str, iat: u64, subject: &str) -> Entry {
    let scope = if subject.is_empty() { FactScope::Mesh } else { FactScope::Environment };
    ConditionStatement {
        bundle: None,
        exp: CLOCK + 600,
        iat,
        iss: text("https://attestor"),
        name: text("window"),
        scope,
        signer: signer(),
        statement: Digest::of(b"statement"),
        subject: text(subject),
        value: text(value),
        was: None,
    }
    .into()
}

fn signer() -> Signer {
    Signer { anchor: None, key: text("key-of-the-attestor"), until: None }
}

fn when_open(facts: usize) -> Entry {
    let (iss, name, value) = (text("https://attestor"), text("window"), text("open"));
    let read = RecordedCondition { exp: CLOCK + 600, iat: CLOCK, iss, name, value };
    Decision { conditions: vec![read], ..next_allow(facts) }.into()
}

#[test]
fn nothing_is_forwarded_after_a_halt_that_applies_to_it() {
    let sound = sound_log();
    let halted = |scope, subject| posture(scope, subject, Posture::Halted);
    for (scope, subject) in [
        (FactScope::Mesh, ""),
        (FactScope::Environment, "region=eu-1"),
        (FactScope::Route, "hello"),
        (FactScope::Issuer, ISSUER),
    ] {
        sound.refuses("although entry 8 had halted it", vec![halted(scope, subject), next_allow(1).into()]);
        sound.accepts(
            "the halt ended",
            vec![halted(scope, subject), replacing(8, scope, subject, Posture::Normal), next_allow(2).into()],
        );
    }
    for (scope, subject) in
        [(FactScope::Environment, "region=us-1"), (FactScope::Route, "pay"), (FactScope::Issuer, "https://b")]
    {
        sound.accepts("a halt elsewhere", vec![halted(scope, subject), next_allow(1).into()]);
    }
    for outcome in [DecisionOutcome::Observed, DecisionOutcome::Ungoverned] {
        let forward = Decision { outcome, ..next_allow(1) };
        sound.refuses("had halted it", vec![halted(FactScope::Mesh, ""), forward.into()]);
    }
}

#[test]
fn the_recorded_posture_is_the_strictest_that_applies() {
    let sound = sound_log();
    let restricted = || posture(FactScope::Route, "hello", Posture::Restricted);
    sound.refuses("entry 8 had set `restricted`", vec![restricted(), next_allow(1).into()]);
    let told = Decision { posture: Posture::Restricted, ..next_allow(1) };
    sound.accepts("the judge was told", vec![restricted(), told.into()]);
}

#[test]
fn nothing_is_allowed_after_a_revocation_of_its_warrant() {
    let sound = sound_log();
    for (what, iss, value) in [
        (RevocationTarget::Path, ISSUER, "next"),
        (RevocationTarget::Lineage, ISSUER, "lineage"),
        (RevocationTarget::Key, "", "key-of-the-agent"),
        (RevocationTarget::Key, "", "key-of-the-authority"),
        (RevocationTarget::Subject, "", "agent:demo"),
    ] {
        let revoked = |until| revocation(what, iss, value, until);
        sound.refuses("although entry 8 had revoked its warrant", vec![revoked(None), next_allow(1).into()]);
        sound.accepts("the revocation has ended", vec![revoked(Some(CLOCK)), next_allow(1).into()]);
        // A shorter revocation of the same value must not take the place of a longer one.
        for longer in [None, Some(CLOCK + 9)] {
            let both = vec![revoked(longer), revoked(Some(CLOCK)), next_allow(2).into()];
            sound.refuses("although entry 8 had revoked its warrant", both);
        }
    }
    for (what, iss, value) in [
        (RevocationTarget::Path, "https://b", "next"),
        (RevocationTarget::Path, ISSUER, "nex"),
        (RevocationTarget::Key, "", "a1"),
    ] {
        sound.accepts("another warrant", vec![revocation(what, iss, value, None), next_allow(1).into()]);
    }
}

#[test]
fn only_the_revoked_key_or_holder_is_reinstated() {
    let sound = sound_log();
    for (what, value) in
        [(RevocationTarget::Key, "key-of-the-agent"), (RevocationTarget::Subject, "agent:demo")]
    {
        let revoked = || revocation(what, "", value, None);
        let ended = vec![revoked(), reinstate(what, "", value), next_allow(2).into()];
        sound.accepts("it was reinstated", ended);
        let other = sound.audit_after(|log| {
            add(log, vec![revoked(), reinstate(what, "", "other"), next_allow(2).into()]);
        });
        let faults: Vec<_> = other.faults.iter().map(|fact| fact.place.as_str()).collect();
        assert_eq!(faults, ["entry 9", "entry 10"], "{:?}", other.faults);
        // A reinstatement for one issuer does not lift a revocation for all.
        let by_issuer = sound.audit_after(|log| {
            add(log, vec![revoked(), reinstate(what, ISSUER, value), next_allow(2).into()]);
        });
        let faults: Vec<_> = by_issuer.faults.iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(faults, ["entry 9", "entry 9", "entry 10"], "{:?}", by_issuer.faults);
    }
    for (what, value) in [(RevocationTarget::Path, "next"), (RevocationTarget::Lineage, "lineage")] {
        let lifted = sound.audit_after(|log| {
            let revoked = revocation(what, ISSUER, value, None);
            add(log, vec![revoked, reinstate(what, ISSUER, value), next_allow(2).into()]);
        });
        let faults: Vec<_> = lifted.faults.iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(faults, ["entry 9", "entry 10"], "{:?}", lifted.faults);
    }
}

#[test]
fn a_revocation_names_an_issuer_exactly_if_it_holds_for_one() {
    let sound = sound_log();
    sound.refuses("names none", vec![revocation(RevocationTarget::Key, ISSUER, "k", None)]);
    sound.refuses("needs an issuer", vec![revocation(RevocationTarget::Path, "", "p", None)]);
}

#[test]
fn a_bound_warrant_is_not_allowed_after_a_negative_attestation() {
    let sound = sound_log();
    let (positive, negative) = (attestation(true, CLOCK - 10, None), attestation(false, CLOCK - 9, None));
    sound.accepts("a positive one", vec![positive.clone(), attested(1, &[true], true)]);
    let contradiction = vec![positive.clone(), negative.clone(), attested(2, &[true], true)];
    sound.refuses("entry 9 is a negative attestation of its workload", contradiction);
    sound.refuses("is not the newest in the log", vec![attested(0, &[true], false)]);
    sound.refuses("does not admit it", vec![negative.clone(), attested(1, &[false], true)]);
    sound.accepts(
        "a newer positive one",
        vec![
            negative.clone(),
            attestation(true, CLOCK - 8, None),
            stated_at(CLOCK - 8, attested(2, &[true], true)),
        ],
    );
    let at_once = vec![attestation(true, CLOCK - 9, None), negative.clone(), attested(2, &[true], true)];
    sound.refuses("is a negative attestation", at_once);
    // The route did not ask for an attestation, and the judge had read it.
    let read = stated_at(CLOCK - 9, attested(1, &[false], false));
    sound.accepts("an unbound warrant", vec![negative.clone(), read]);
    sound.accepts("no attestation was asked for", vec![negative, attested(1, &[], false)]);
}

#[test]
fn what_an_attestor_said_ends_with_the_bundle_that_does_not_name_it() {
    let sound = sound_log();
    let names = |version, attestors: &[&str]| -> Entry {
        let attestors = attestors.iter().map(|iss| (*iss).to_owned()).collect();
        Activation { attestors, ..activation(version) }.into()
    };
    let by_bundle = |version, allow: Entry| -> Entry {
        let Entry::Decision(mut allow) = allow else { panic!("a decision") };
        allow.bundle = Some(crate::entry::RecordedBundle { digest: bundle(version), version });
        allow.into()
    };
    let negative = || attestation(false, CLOCK - 9, None);
    let allow = || by_bundle(3, stated_at(CLOCK - 8, attested(4, &[true], true)));
    let with_key = || attestation(true, CLOCK - 8, None);
    let came_back = [names(2, &[]), names(3, &["https://attestor"]), with_key()];
    sound.accepts("it came back", [vec![negative()], came_back.to_vec(), vec![allow()]].concat());
    let other_key = attestation(false, CLOCK - 9, Some("k"));
    let stayed = [names(2, &["https://attestor"]), names(3, &["https://attestor"]), with_key()];
    let Entry::Decision(mut of_key) = allow() else { panic!("a decision") };
    of_key.certificate = Some("k".to_owned());
    let all = |between: [Entry; 3]| {
        [vec![other_key.clone()], between.to_vec(), vec![of_key.clone().into()]].concat()
    };
    sound.refuses("is a negative attestation of its workload", all(stayed));
    sound.accepts("it left", all(came_back));
}

#[test]
fn a_condition_that_the_judge_relied_on_is_the_newest_in_the_log() {
    let sound = sound_log();
    sound.accepts("it is open", vec![condition("open", CLOCK, ""), when_open(1)]);
    sound.accepts("it is open here", vec![condition("open", CLOCK, "region=eu-1"), when_open(1)]);
    sound.refuses("the condition `window`", vec![condition("open", CLOCK, "region=us-1"), when_open(1)]);
    sound.refuses("the condition `window`", vec![when_open(0)]);
    let closed = vec![condition("open", CLOCK - 1, ""), condition("closed", CLOCK, ""), when_open(2)];
    sound.refuses("the condition `window`", closed);
}

#[test]
fn a_forward_is_by_the_bundle_that_was_activated_last() {
    let sound = sound_log();
    sound.refuses(
        "by another bundle than the one that entry 8 activated",
        vec![activation(2).into(), next_allow(1).into()],
    );
    let mut second = next_allow(1);
    second.bundle = Some(crate::entry::RecordedBundle { digest: bundle(2), version: 2 });
    sound.accepts("by the second", vec![activation(2).into(), second.into()]);
    let over = Activation { expires: CLOCK, ..activation(2) };
    let mut late = next_allow(1);
    late.bundle = Some(crate::entry::RecordedBundle { digest: bundle(2), version: 2 });
    sound.refuses("by a bundle that had expired", vec![over.into(), late.into()]);
    sound.refuses("its version is not above", vec![Activation { version: 1, ..activation(2) }.into()]);
    sound.refuses("its `previous` is not the bundle", vec![activation(3).into()]);
    let over = |base: u64, version, routes, after: u64| -> Entry {
        let routes = Some(crate::entry::RoutesOverBase { base: bundle(base), version: routes });
        Activation {
            bundle: bundle(version + 10),
            routes,
            version,
            previous: Some(bundle(after)),
            ..activation(2)
        }
        .into()
    };
    sound.accepts("routes over a new base", vec![over(2, 2, 1, 1), over(3, 3, 1, 12)]);
    sound.refuses("its version is not above", vec![over(2, 2, 5, 1), over(2, 2, 5, 12)]);
    sound.refuses("its version is not above", vec![over(2, 2, 5, 1), over(3, 2, 6, 12)]);
    sound.accepts("newer routes", vec![over(2, 2, 5, 1), over(2, 2, 6, 12)]);
    let none = sound.audit_after(|log| drop(log.remove(2)));
    assert!(
        none.faults.iter().any(|fault| fault.what.contains("no bundle was activated")),
        "{:?}",
        none.faults
    );
}

#[test]
fn whoever_loosens_a_posture_names_the_entry_that_he_ends() {
    let sound = sound_log();
    let mesh = |stance| posture(FactScope::Mesh, "", stance);
    let ends = |entry| replacing(entry, FactScope::Mesh, "", Posture::Normal);
    sound.refuses("which is 8", vec![mesh(Posture::Restricted), mesh(Posture::Normal)]);
    // A delayed `resume` after a newer halt.
    sound.refuses("which is 9", vec![mesh(Posture::Restricted), mesh(Posture::Halted), ends(8)]);
    sound.refuses("which is none", vec![ends(8)]);
    sound.accepts(
        "a stricter posture names none",
        vec![mesh(Posture::Restricted), mesh(Posture::Halted), ends(9)],
    );
}

#[test]
fn a_reinstatement_names_the_revocation_that_it_ends() {
    let sound = sound_log();
    let named = |revocation| {
        let Entry::Reinstate(reinstate) = reinstate(RevocationTarget::Key, "", "key-of-the-agent") else {
            panic!()
        };
        Entry::from(Reinstate { revocation, ..reinstate })
    };
    let revoked = || revocation(RevocationTarget::Key, "", "key-of-the-agent", None);
    sound.accepts("the one in force", vec![revoked(), named(8)]);
    sound.refuses("not a revocation in force", vec![revoked(), named(7)]);
    sound.refuses("not a revocation in force", vec![named(8)]);
    sound.refuses("not a revocation in force", vec![revoked(), named(8), named(8)]);
}

#[test]
fn a_fact_is_recorded_under_the_active_bundle() {
    let sound = sound_log();
    let under = |version| {
        let Entry::Revocation(revoked) = revocation(RevocationTarget::Key, "", "k", None) else { panic!() };
        Entry::from(Revocation { bundle: Some(bundle(version)), ..revoked })
    };
    sound.accepts("the active one", vec![under(1)]);
    sound.refuses("its `bundle` was not the active one", vec![under(2)]);
}

#[test]
fn facts_of_a_log_before_a_restore_are_counted() {
    use crate::entry::{Predecessor, Restored};
    let sound = sound_log();
    let again = || {
        let Entry::Revocation(revoked) = revocation(RevocationTarget::Key, "", "k", None) else { panic!() };
        Entry::from(Revocation { was: Some(5), ..revoked })
    };
    sound.refuses("there is none", vec![again()]);
    let after_a_restore = |facts: u64| {
        sound.audit_after(|log| {
            let Entry::Init(init) = &mut log[0].1 else { panic!() };
            let (continued, origin, root) = (vec![], text("old/log/00"), text(""));
            init.restored = Some(Predecessor { continued, origin, root, size: 9 });
            add(log, vec![again(), again(), Restored { facts }.into()]);
        })
    };
    assert!(after_a_restore(2).holds(), "{:?}", after_a_restore(2).faults);
    assert!(after_a_restore(3).faults.iter().any(|fault| fault.what.contains("but 2 are recorded again")));
}

#[test]
fn an_allow_has_read_no_halt_and_no_revocation_and_its_attestations_forbid_debugging() {
    use crate::entry::{HaltedScope, RecordedRevocation};
    let sound = sound_log();
    let halted = Decision { halted: vec![HaltedScope::Route], ..next_allow(0) };
    sound.refuses("its `route` was halted", vec![halted.into()]);
    let (iss, value, what) = (text(""), text("agent:demo"), RevocationTarget::Subject);
    let revoked = Decision { revoked: vec![RecordedRevocation { iss, value, what }], ..next_allow(0) };
    sound.refuses("the sub agent:demo is revoked", vec![revoked.into()]);
    for debug in [None, Some(true)] {
        let Entry::Attestation(stated) = attestation(true, CLOCK - 10, None) else { panic!() };
        let Entry::Decision(mut allow) = attested(1, &[true], true) else { panic!() };
        allow.attestation[0].debug = debug;
        let stated = AttestationStatement { debug, ..stated };
        sound.refuses("does not admit it", vec![stated.into(), allow.into()]);
    }
}

#[test]
fn a_statement_that_says_the_same_again_may_come_between_a_judge_and_its_record() {
    let sound = sound_log();
    let positive = |iat| attestation(true, iat, None);
    let Entry::Decision(allow) = attested(1, &[true], true) else { panic!() };
    let repeated = vec![positive(CLOCK - 10), positive(CLOCK - 9), allow.into()];
    sound.accepts("it repeats what the judge had read", repeated);
    let read = vec![positive(CLOCK - 10), positive(CLOCK - 9), attested(2, &[true], true)];
    sound.refuses("is not the newest in the log", read);
}
