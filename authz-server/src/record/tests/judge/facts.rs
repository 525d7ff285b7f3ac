//! What the facts decide: halted scopes, revocations, the issuance record, conditions and attestations, each at its place in
//! the order.

use warrant::mint::Signer as _;
use warrant::{Revocable, RevocationKind};

use super::rows::{expired, observed, ungoverned, widened};
use super::{
    Attestation, Denial, HaltedScopes, Identity, Issuance, JudgedRequest, Judgement, MEASURED, PassReason,
    TestKey, attested, changed, delegated, given, judge, other_measured, stated, with_requirement,
};

const ROUTE: HaltedScopes = HaltedScopes { route: true, issuer: false };
const ISSUER: HaltedScopes = HaltedScopes { route: false, issuer: true };

fn halted(scopes: HaltedScopes, mut given: JudgedRequest) -> JudgedRequest {
    given.facts.halted = scopes;
    given
}

fn revoked(kind: RevocationKind, value: &str, mut given: JudgedRequest) -> JudgedRequest {
    given.facts.revoked = vec![Revocable::new(kind, "https://authority.shop", value)];
    given
}

/// The judgement alone: the case is not recorded and judged again.
fn judged(given: &JudgedRequest) -> Judgement {
    judge(&given.case(&given.bundle), &given.bundle)
}

fn denial(given: &JudgedRequest) -> Denial {
    match judged(given) {
        Judgement::Deny(denied) => denied.denial,
        other @ (Judgement::Permit(_) | Judgement::Pass(_)) => panic!("not denied: {other:?}"),
    }
}

fn is_permitted(given: &JudgedRequest) -> bool {
    matches!(judged(given), Judgement::Permit(_))
}

#[test]
fn a_halted_route_denies_before_any_warrant_is_read_and_names_itself() {
    for chain in [changed(|_| {}), Err(Denial::WarrantMissing)] {
        let Judgement::Deny(denied) = judged(&halted(ROUTE, JudgedRequest { chain, ..given() })) else {
            panic!("a halted route lets nothing through");
        };
        assert_eq!((denied.denial, denied.route.as_deref()), (Denial::Halted, Some("pay")));
    }
    // A proxy that does not serve the host is told that first, and a halted mesh before everything.
    let elsewhere = JudgedRequest { proxy: "spiffe://shop/ns/other", ..given() };
    assert_eq!(denial(&halted(ROUTE, elsewhere)), Denial::TargetMismatch);
}

#[test]
fn a_halted_route_denies_even_where_it_is_ungoverned_or_observed() {
    assert_eq!(denial(&halted(ROUTE, ungoverned())), Denial::Halted);
    assert_eq!(denial(&halted(ROUTE, observed(changed(|_| {})))), Denial::Halted);
}

#[test]
fn a_halted_issuer_denies_after_the_signatures_and_before_the_time() {
    assert_eq!(denial(&halted(ISSUER, given())), Denial::Halted);
    assert_eq!(denial(&halted(ISSUER, JudgedRequest { chain: expired(), ..given() })), Denial::Halted);
    for earlier in [Denial::WarrantMissing, Denial::IssuerUntrusted, Denial::SignatureInvalid] {
        assert_eq!(denial(&halted(ISSUER, JudgedRequest { chain: Err(earlier), ..given() })), earlier);
    }
}

#[test]
fn a_halted_issuer_concerns_warrants_so_what_passes_without_one_still_passes() {
    assert!(matches!(judged(&halted(ISSUER, ungoverned())), Judgement::Pass(_)));
    let Judgement::Pass(pass) = judged(&halted(ISSUER, observed(changed(|_| {})))) else {
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
        (RevocationKind::Sub, super::PAYER),
    ];
    for (kind, value) in names {
        let given = revoked(kind, value, JudgedRequest { chain: delegated(|_| {}), ..given() });
        assert_eq!(denial(&given), Denial::Revoked, "{kind:?} {value}");
    }
    assert!(is_permitted(&revoked(RevocationKind::Path, "roo", given())));
    assert!(is_permitted(&revoked(RevocationKind::Path, "leaf", given())));
}

#[test]
fn a_revocation_is_told_after_the_lineage_and_before_the_scope() {
    let of = |chain| revoked(RevocationKind::Path, "root", JudgedRequest { chain, ..given() });
    assert_eq!(denial(&of(widened())), Denial::LineageWidened);
    let outside = changed(|grant| grant.details[0].methods = vec!["GET".to_owned()]);
    assert_eq!(denial(&of(outside)), Denial::Revoked);
}

#[test]
fn an_observed_request_passes_although_its_warrant_is_revoked_and_says_so() {
    let Judgement::Pass(pass) = judged(&revoked(RevocationKind::Txn, "t", observed(changed(|_| {})))) else {
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
    assert_eq!(denial(&of(Issuance::NotRecorded)), Denial::NotIssued);
    assert_eq!(denial(&of(Issuance::Unknown)), Denial::StateUnavailable);
    assert!(is_permitted(&of(Issuance::Recorded)));
    let mut stranger = of(Issuance::Unknown);
    stranger.chain = changed(|grant| grant.sub = "spiffe://shop/ns/x/sa/stranger".to_owned());
    stranger.facts.identity = Some(Identity("spiffe://shop/ns/x/sa/stranger".to_owned()));
    assert_eq!(denial(&stranger), Denial::PolicyDenied);
    // A route that asks for no entry does not care whether the record can be read.
    let mut unasked = given();
    unasked.facts.issuance = Issuance::Unknown;
    assert!(is_permitted(&unasked));
}

#[test]
fn every_current_statement_about_a_condition_must_hold() {
    let with = |conditions| {
        let mut given = with_requirement("conditions: [{name: window, equals: open, maxAge: 5m}]");
        given.facts.conditions = conditions;
        given
    };
    assert_eq!(denial(&with(vec![])), Denial::ConditionUnmet);
    assert_eq!(denial(&with(vec![stated("level", "open", 0)])), Denial::ConditionUnmet);
    assert!(is_permitted(&with(vec![stated("window", "open", 300), stated("level", "high", 900)])));
    for second in [stated("window", "closed", 0), stated("window", "open", 301)] {
        assert_eq!(denial(&with(vec![stated("window", "open", 0), second])), Denial::ConditionUnmet);
    }
}

fn with_attestations(attestations: Vec<Attestation>) -> JudgedRequest {
    let mut given = with_requirement("attestation: {maxAge: 10m}");
    given.facts.attestations = attestations;
    given
}

#[test]
fn every_current_attestation_must_be_positive_and_say_that_debugging_is_off() {
    assert!(is_permitted(&with_attestations(vec![attested(true, 0), other_measured()])));
    for debug in [None, Some(true)] {
        let one = Attestation { debug, ..attested(true, 0) };
        assert_eq!(
            denial(&with_attestations(vec![attested(true, 0), one])),
            Denial::AttestationInvalid,
            "{debug:?}"
        );
    }
    let all = vec![attested(true, 0), attested(false, 0)];
    assert_eq!(denial(&with_attestations(all)), Denial::AttestationInvalid);
}

#[test]
fn of_several_attestations_the_first_denial_in_the_list_is_the_answer() {
    let old = || attested(true, 601);
    assert_eq!(denial(&with_attestations(vec![old(), attested(false, 0)])), Denial::AttestationInvalid);
    let mut bound = with_attestations(vec![other_measured(), old()]);
    bound.chain = changed(|grant| grant.att = Some(vec![MEASURED.to_owned()]));
    assert_eq!(denial(&bound), Denial::AttestationStale);
    bound.facts.attestations = vec![other_measured(), attested(true, 600)];
    assert_eq!(denial(&bound), Denial::AttestationMismatch);
}

#[test]
fn all_measurements_of_every_statement_must_be_those_of_the_warrant() {
    let bound = |measurements: Vec<String>| {
        let mut given = given();
        given.chain = changed(|grant| grant.att = Some(vec![MEASURED.to_owned()]));
        given.facts.attestations = vec![Attestation { measurements, ..attested(true, 0) }];
        given
    };
    assert!(is_permitted(&bound(vec![MEASURED.to_owned()])));
    let with_another = vec![MEASURED.to_owned(), MEASURED.replace("aa", "bb")];
    assert_eq!(denial(&bound(with_another)), Denial::AttestationMismatch);
    assert_eq!(denial(&bound(vec![])), Denial::AttestationMismatch);
}
