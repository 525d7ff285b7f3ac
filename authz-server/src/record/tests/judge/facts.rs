//! What the facts decide: halted scopes, revocations, the issuance record, conditions and attestations, each at its place in
//! the order.

use std::collections::BTreeMap;

use ledger::Entry;
use ledger::entry::{Nonce, Stamps};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use warrant::mint::Signer as _;
use warrant::{Revocable, RevocationKind};

use super::super::warrant_of;
use super::rows::{expired, observed, ungoverned, widened};
use super::{
    Attestation, ConditionFact, Denial, Facts, HaltedScopes, Identity, Issuance, JudgedRequest, Judgement,
    MEASURED, NOW, PAYER, PassReason, TestKey, attested, changed, delegated, given, judge, other_measured,
    stated, with_requirement,
};
use crate::keys::DigestKey;
use crate::record::{self, JudgedAgain};
use policy::Posture;

pub(super) const ROUTE: HaltedScopes = HaltedScopes { route: true, issuer: false };
pub(super) const ISSUER: HaltedScopes = HaltedScopes { route: false, issuer: true };

pub(super) fn halted(scopes: HaltedScopes, mut given: JudgedRequest) -> JudgedRequest {
    given.facts.halted = scopes;
    given
}

pub(super) fn revoked(kind: RevocationKind, value: &str, mut given: JudgedRequest) -> JudgedRequest {
    given.facts.revoked = vec![Revocable::new(kind, "https://authority.shop", value)];
    given
}

#[test]
fn a_halted_route_denies_before_any_warrant_is_read_and_names_itself() {
    for chain in [changed(|_| {}), Err(Denial::WarrantMissing)] {
        let denied = halted(ROUTE, JudgedRequest { chain, ..given() }).denied();
        assert_eq!((denied.denial, denied.route.as_deref()), (Denial::Halted, Some("pay")));
    }
    // A proxy that does not serve the host is told that first, and a halted mesh before everything.
    let elsewhere = JudgedRequest { proxy: "spiffe://shop/ns/other", ..given() };
    assert_eq!(halted(ROUTE, elsewhere).denial(), Denial::TargetMismatch);
}

#[test]
fn a_halted_route_denies_even_where_it_is_ungoverned_or_observed() {
    assert_eq!(halted(ROUTE, ungoverned()).denial(), Denial::Halted);
    assert_eq!(halted(ROUTE, observed(changed(|_| {}))).denial(), Denial::Halted);
}

#[test]
fn a_halted_issuer_denies_after_the_signatures_and_before_the_time() {
    assert_eq!(halted(ISSUER, given()).denial(), Denial::Halted);
    assert_eq!(halted(ISSUER, JudgedRequest { chain: expired(), ..given() }).denial(), Denial::Halted);
    for earlier in [Denial::WarrantMissing, Denial::IssuerUntrusted, Denial::SignatureInvalid] {
        assert_eq!(halted(ISSUER, JudgedRequest { chain: Err(earlier), ..given() }).denial(), earlier);
    }
}

#[test]
fn a_halted_issuer_concerns_warrants_so_what_passes_without_one_still_passes() {
    assert!(matches!(halted(ISSUER, ungoverned()).judged(), Judgement::Pass(_)));
    let Judgement::Pass(pass) = halted(ISSUER, observed(changed(|_| {}))).judged() else {
        panic!("an observed request passes");
    };
    let PassReason::Observed(Err(verdict)) = pass.reason() else { panic!("{pass:?}") };
    assert_eq!(verdict.denial, Denial::Halted);
}

#[test]
fn every_name_of_every_link_can_be_revoked() {
    let [authority, holder] = [1, 2].map(|key| TestKey::new(key).public_key().thumbprint().to_string());
    let names = [
        (RevocationKind::Path, "root"),
        (RevocationKind::Path, "root/leaf"),
        (RevocationKind::Txn, "t"),
        (RevocationKind::Key, authority.as_str()),
        (RevocationKind::Key, holder.as_str()),
        (RevocationKind::Sub, PAYER),
    ];
    for (kind, value) in names {
        let given = revoked(kind, value, JudgedRequest { chain: delegated(|_| {}), ..given() });
        assert_eq!(given.denial(), Denial::Revoked, "{kind:?} {value}");
    }
    revoked(RevocationKind::Path, "roo", given()).permit();
    revoked(RevocationKind::Path, "leaf", given()).permit();
}

#[test]
fn a_revocation_is_told_after_the_lineage_and_before_the_scope() {
    let of = |chain| revoked(RevocationKind::Path, "root", JudgedRequest { chain, ..given() });
    assert_eq!(of(widened()).denial(), Denial::LineageWidened);
    let outside = changed(|grant| grant.details[0].methods = vec!["GET".to_owned()]);
    assert_eq!(of(outside).denial(), Denial::Revoked);
}

#[test]
fn an_observed_request_passes_although_its_warrant_is_revoked_and_says_so() {
    let Judgement::Pass(pass) = revoked(RevocationKind::Txn, "t", observed(changed(|_| {}))).judged() else {
        panic!("an observed request passes");
    };
    let PassReason::Observed(Err(verdict)) = pass.reason() else { panic!("{pass:?}") };
    assert_eq!(verdict.denial, Denial::Revoked);
}

#[test]
fn an_unreadable_issuance_record_is_a_question_of_state_and_so_comes_last() {
    let of = |issuance| {
        let mut given = with_requirement("issued: true");
        given.facts.issuance = issuance;
        given
    };
    assert_eq!(of(Issuance::NotRecorded).denial(), Denial::NotIssued);
    assert_eq!(of(Issuance::Unknown).denial(), Denial::StateUnavailable);
    of(Issuance::Recorded).permit();
    let mut stranger = of(Issuance::Unknown);
    stranger.chain = changed(|grant| grant.sub = "spiffe://shop/ns/x/sa/stranger".to_owned());
    stranger.facts.identity = Some(Identity("spiffe://shop/ns/x/sa/stranger".to_owned()));
    assert_eq!(stranger.denial(), Denial::PolicyDenied);
    // A route that asks for no entry does not care whether the record can be read.
    let mut unasked = given();
    unasked.facts.issuance = Issuance::Unknown;
    unasked.permit();
}

#[test]
fn every_current_statement_about_a_condition_must_hold() {
    let with = |conditions| {
        let mut given = with_requirement("conditions: [{name: window, equals: open, maxAge: 5m}]");
        given.facts.conditions = conditions;
        given
    };
    assert_eq!(with(vec![]).denial(), Denial::ConditionUnmet);
    assert_eq!(with(vec![stated("level", "open", 0)]).denial(), Denial::ConditionUnmet);
    with(vec![stated("window", "open", 300), stated("level", "high", 900)]).permit();
    for second in [stated("window", "closed", 0), stated("window", "open", 301)] {
        assert_eq!(with(vec![stated("window", "open", 0), second]).denial(), Denial::ConditionUnmet);
    }
}

fn with_attestations(attestations: Vec<Attestation>) -> JudgedRequest {
    let mut given = with_requirement("attestation: {maxAge: 10m}");
    given.facts.attestations = attestations;
    given
}

#[test]
fn every_current_attestation_must_be_positive_and_say_that_debugging_is_off() {
    with_attestations(vec![attested(true, 0), other_measured()]).permit();
    for debug in [None, Some(true)] {
        let one = Attestation { debug, ..attested(true, 0) };
        assert_eq!(
            with_attestations(vec![attested(true, 0), one]).denial(),
            Denial::AttestationInvalid,
            "{debug:?}"
        );
    }
    let all = vec![attested(true, 0), attested(false, 0)];
    assert_eq!(with_attestations(all).denial(), Denial::AttestationInvalid);
}

#[test]
fn of_several_attestations_the_first_denial_in_the_list_is_the_answer() {
    let old = || attested(true, 601);
    assert_eq!(with_attestations(vec![old(), attested(false, 0)]).denial(), Denial::AttestationInvalid);
    let mut bound = with_attestations(vec![other_measured(), old()]);
    bound.chain = changed(|grant| grant.att = Some(vec![MEASURED.to_owned()]));
    assert_eq!(bound.denial(), Denial::AttestationStale);
    bound.facts.attestations = vec![other_measured(), attested(true, 600)];
    assert_eq!(bound.denial(), Denial::AttestationMismatch);
}

#[test]
fn all_measurements_of_every_statement_must_be_those_of_the_warrant() {
    let bound = |measurements: Vec<String>| {
        let mut given = given();
        given.chain = changed(|grant| grant.att = Some(vec![MEASURED.to_owned()]));
        given.facts.attestations = vec![Attestation { measurements, ..attested(true, 0) }];
        given
    };
    bound(vec![MEASURED.to_owned()]).permit();
    let with_another = vec![MEASURED.to_owned(), MEASURED.replace("aa", "bb")];
    assert_eq!(bound(with_another).denial(), Denial::AttestationMismatch);
    assert_eq!(bound(vec![]).denial(), Denial::AttestationMismatch);
}

/// Facts of any kind, in any number.
fn facts() -> impl Strategy<Value = Facts> {
    let text = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), "[a-z/:|=.]{0,12}"];
    let time = || prop_oneof![0..10_u64, (NOW - 900)..(NOW + 900)];
    let digest = any::<[u8; 32]>().prop_map(|bytes| warrant::Digest::from_bytes(bytes).to_string());
    let kind = select(RevocationKind::ALL.to_vec());
    let revoked = (kind, text(), text()).prop_map(|(kind, iss, value)| Revocable::new(kind, &iss, &value));
    let condition = (text(), text(), text(), time(), time())
        .prop_map(|(name, iss, value, iat, exp)| ConditionFact { name, iss, value, iat, exp });
    let attestation = (
        (text(), text(), option::of(text()), time(), time()),
        (any::<bool>(), option::of(any::<bool>()), vec(digest, 0..3)),
    );
    let attestation =
        attestation.prop_map(|((iss, subject, key, iat, exp), (positive, debug, measurements))| {
            Attestation { iss, subject, key, iat, exp, positive, debug, measurements }
        });
    let alone =
        (option::of(text()), option::of(text()), any::<(bool, bool)>(), select(Posture::ALL.to_vec()));
    (alone, vec(revoked, 0..3), vec(condition, 0..3), vec(attestation, 0..3)).prop_map(
        |((identity, certificate, (route, issuer), posture), revoked, conditions, attestations)| Facts {
            identity: identity.map(Identity),
            certificate,
            environment: BTreeMap::new(),
            halted: HaltedScopes { route, issuer },
            revoked,
            conditions,
            attestations,
            posture,
            issuance: Issuance::NotRecorded,
        },
    )
}

proptest! {
    #[test]
    fn what_is_recorded_of_facts_is_what_the_judge_read(facts in facts()) {
        let request = JudgedRequest { facts: facts.clone(), ..given() };
        let case = request.case(&request.bundle);
        let judgement = judge(&case, &request.bundle);
        let key = DigestKey::generate().unwrap();
        let entry = Entry::from(record::of_case("d", &case, warrant_of(&case), &judgement, &request.bundle, &key));
        let bytes = entry.to_bytes(Stamps { nonce: Nonce([0; 16]), time: 0 }).unwrap();
        let (_, Entry::Decision(read)) = Entry::read(&bytes).unwrap() else { panic!("no decision") };
        prop_assert_eq!(record::facts::recalled(&read), Some(facts));
        prop_assert_eq!(record::judge_again(&read, &request.bundle), JudgedAgain::Same);
    }
}
