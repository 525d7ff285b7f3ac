//! A case for every row of the closed list that the judge can raise, and for every way to pass. Each is judged again
//! under other conditions (`judged_elsewhere`), and a row without a case fails the test.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use warrant::RevocationKind;
use warrant::mint::Signer as _;

use super::facts::{ISSUER, ROUTE, halted, revoked};
use super::{
    Attestation, Denial, Facts, Grant, Identity, JudgedRequest, Judgement, MEASURED, PAYER, PassReason,
    Seconds, attested, changed, delegated, given, other_measured, stated, with_requirement, with_route,
};
use crate::policy_fixture::{NOW, PAY_FILE, TestKey, bundle, edit, edited, files, policy_block};
use crate::record;
use policy::Posture;
use policy::decision::Issuance;

/// Denials by other stages or crates. If the judge comes to raise one, its row must be added below.
const NOT_THE_JUDGES: &[(Denial, &str)] = &[
    (Denial::Replayed, "the judge has permitted; the use was burned"),
    (Denial::LedgerUnavailable, "the judge has permitted; nothing can be recorded"),
    (Denial::DeadlineExceeded, "the judge was not waited for"),
    (Denial::Ungoverned, "the seal's"),
    (Denial::Altered, "the seal's"),
];

#[test]
fn every_row_of_the_judge_gets_the_same_verdict_again_on_any_thread_and_in_any_order() {
    let (mut cases, mut seen, mut ways) = (0, BTreeSet::new(), BTreeSet::new());
    for (expected, given) in denied() {
        assert_eq!(given.denial(), expected);
        seen.insert(expected.code());
        cases += 1;
    }
    for (expected, given) in passed() {
        let judgement = given.judged();
        let way = match &judgement {
            Judgement::Permit(_) => "permit",
            Judgement::Pass(pass) if *pass.reason() == PassReason::Ungoverned => "ungoverned",
            Judgement::Pass(_) => "observed",
            Judgement::Deny(denied) => denied.denial.code(),
        };
        assert_eq!((way, record::verdict(&judgement).code.word()), expected);
        ways.insert(way);
        cases += 1;
    }
    let other: BTreeSet<_> = NOT_THE_JUDGES.iter().map(|(denial, _)| denial.code()).collect();
    let all: BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.code()).collect();
    println!("{cases} cases: {} of {} codes, and {ways:?}", seen.len(), all.len());
    NOT_THE_JUDGES.iter().for_each(|(denial, why)| println!("not the judge's: {}: {why}", denial.code()));
    assert!(seen.is_disjoint(&other), "the judge raises a denial that is listed as not the judge's");
    assert_eq!(seen.union(&other).copied().collect::<BTreeSet<_>>(), all, "rows without a case");
    assert_eq!(ways, ["observed", "permit", "ungoverned"].into());
}

fn denied() -> Vec<(Denial, JudgedRequest)> {
    let with_a = with_route("  callers:", "  args: {a: {from: query:a, type: long}}\n  callers:");
    let mut all = vec![
        (Denial::RequestAmbiguous, JudgedRequest { request: Err(Denial::RequestAmbiguous), ..given() }),
        (Denial::TargetMismatch, JudgedRequest { proxy: "spiffe://shop/ns/other", ..given() }),
        (Denial::NoRoutePolicy, JudgedRequest { path: b"/v1/other", ..given() }),
        (Denial::OutsideWarrant, JudgedRequest { path: b"/v1/payments/a-7?x=1", ..given() }),
        (Denial::ArgumentsInvalid, with_a),
        (Denial::NotIssued, with_requirement("issued: true")),
        (Denial::EnvironmentMismatch, with_requirement("environment: {region: [eu-1, eu-2]}")),
        (Denial::ConditionUnmet, with_requirement("conditions: [{name: window, equals: open, maxAge: 5m}]")),
        (Denial::IdentityMissing, JudgedRequest { facts: Facts::default(), ..given() }),
        // Where a proof is wanted and none was looked for, the case was gathered for another policy.
        (Denial::Internal, JudgedRequest { proof: None, ..by_proof(Ok(())) }),
    ];
    for denial in
        [Denial::Halted, Denial::GovernanceStale, Denial::GovernanceInconsistent, Denial::Overloaded]
    {
        all.push((denial, JudgedRequest { governance: Err(denial), ..given() }));
    }
    for denial in
        [Denial::WarrantMissing, Denial::WarrantMalformed, Denial::IssuerUntrusted, Denial::SignatureInvalid]
    {
        all.push((denial, JudgedRequest { chain: Err(denial), ..given() }));
    }
    for denial in [Denial::ProofMissing, Denial::ProofInvalid] {
        all.push((denial, by_proof(Err(denial))));
    }
    all.push((Denial::Halted, halted(ROUTE, given())));
    all.push((Denial::Halted, halted(ISSUER, given())));
    all.push((Denial::Revoked, revoked(RevocationKind::Path, "root", given())));
    all.push((Denial::StateUnavailable, with_unreadable_issuances()));
    all.extend(of_the_warrant());
    all.extend(of_the_workload());
    all.extend(of_the_policy());
    all
}

fn with_unreadable_issuances() -> JudgedRequest {
    let mut given = with_requirement("issued: true");
    given.facts.issuance = Issuance::Unknown;
    given
}

fn of_the_warrant() -> Vec<(Denial, JudgedRequest)> {
    let with = |chain| JudgedRequest { chain, ..given() };
    let one = |change: fn(&mut Grant)| with(changed(change));
    vec![
        (Denial::Expired, with(expired())),
        (Denial::NotYetValid, one(|grant| grant.nbf = Seconds::new(NOW + 6))),
        (Denial::LifetimeTooLong, one(|grant| grant.exp = Seconds::new(NOW + 61))),
        (Denial::LifetimeTooLong, one(|grant| grant.exp = Seconds::new(NOW + 3601))),
        (Denial::AudienceMismatch, one(|grant| grant.aud = vec!["elsewhere".to_owned()])),
        (Denial::LineageBroken, with(under_another_parent())),
        (Denial::LineageWidened, with(widened())),
        (
            Denial::LineageTooDeep,
            JudgedRequest { chain: delegated(|_| {}), ..with_requirement("maxDepth: 0") },
        ),
        (Denial::OutsideWarrant, one(|grant| grant.details[0].methods = vec!["GET".to_owned()])),
        (Denial::UseTooWide, one(|grant| grant.use_max = None)),
        (Denial::IdentityMismatch, one(|grant| grant.sub = STRANGER.to_owned())),
    ]
}

const STRANGER: &str = "spiffe://shop/ns/x/sa/stranger";

pub(super) fn expired() -> Result<String, Denial> {
    changed(|grant| {
        (grant.iat, grant.nbf) = (Seconds::new(NOW - 60), Seconds::new(NOW - 60));
        grant.exp = Seconds::new(NOW);
    })
}

/// A link whose parent's key signed it, behind another warrant of that key.
fn under_another_parent() -> Result<String, Denial> {
    let (chain, other) = (delegated(|_| {})?, changed(|grant| grant.jti = "other".to_owned())?);
    let (_, leaf) = chain.split_once('~').unwrap();
    Ok(format!("{other}~{leaf}"))
}

/// What nobody mints: a link to more than its parent allows, signed by its parent's key all the same.
pub(super) fn widened() -> Result<String, Denial> {
    let chain = delegated(|_| {})?;
    let (parent, leaf) = chain.split_once('~').unwrap();
    let [header, payload, _] = leaf.split('.').collect::<Vec<_>>().try_into().unwrap();
    let said = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let wider = said.replace("/v1/**", "/**");
    assert_ne!(said, wider);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(wider));
    let signature = TestKey::new(2).sign(signed.as_bytes()).unwrap();
    Ok(format!("{parent}~{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn of_the_workload() -> Vec<(Denial, JudgedRequest)> {
    let measured = |attestations: Vec<Attestation>| {
        let mut given = with_requirement("attestation: {maxAge: 10m}");
        given.chain = changed(|grant| grant.att = Some(vec![MEASURED.to_owned()]));
        given.facts.attestations = attestations;
        given
    };
    vec![
        (Denial::AttestationMissing, measured(vec![])),
        (Denial::AttestationInvalid, measured(vec![attested(false, 0)])),
        (Denial::AttestationStale, measured(vec![attested(true, 601)])),
        (Denial::AttestationMismatch, measured(vec![other_measured()])),
        (Denial::AttestationMissing, by_another_ones_certificate()),
    ]
}

/// A warrant that is bound to a measurement, held by proof alone: the certificate on the connection has the measurement,
/// but nobody says that it is the holder's.
fn by_another_ones_certificate() -> JudgedRequest {
    let mut given = by_proof(Ok(()));
    given.chain = changed(|grant| grant.att = Some(vec![MEASURED.to_owned()]));
    given.facts.identity = Some(Identity(STRANGER.to_owned()));
    given.facts.attestations = vec![attested(true, 0)];
    given
}

/// What the policy errs at, forbids, or permits to nobody; among policies that hold.
fn of_the_policy() -> Vec<(Denial, JudgedRequest)> {
    let stranger = Facts { identity: Some(Identity(STRANGER.to_owned())), ..Facts::default() };
    let chain = changed(|grant| grant.sub = STRANGER.to_owned());
    vec![
        (Denial::PolicyError, with_policy(LONG, OVERFLOW, b"/v1/payments/a-7?a=9")),
        (Denial::PolicyDenied, with_policy(LONG, FORBIDS, b"/v1/payments/a-7?a=9")),
        (Denial::PolicyDenied, JudgedRequest { chain, facts: stranger, ..given() }),
    ]
}

const LONG: &str = "a: {from: query:a, type: long}";

const OVERFLOW: &str = r#"@id("a") forbid (principal, action, resource) when { context.args.a * 9223372036854775807 > 0 };
@id("b") forbid (principal, action, resource) when { context.args.a == 7 };"#;

const FORBIDS: &str = r#"@id("z") @reason("no") forbid (principal, action, resource) when { context.method == "POST" };
@id("y") forbid (principal, action, resource) when { context.path like "/v1/*" };
@id("x") permit (principal, action, resource) when { context.args.a == 9 };"#;

const PERMITS: &str = r#"@id("c") permit (principal, action, resource) when { context.args.a == "card" };
@id("b") permit (principal, action, resource) when { context.warrant.depth == 0 };
@id("a") forbid (principal, action, resource) when { context.method == "GET" };"#;

/// How the judge answers, and the code on record, for each way to pass.
fn passed() -> Vec<((&'static str, &'static str), JudgedRequest)> {
    let permit = ("permit", "permit");
    let withheld = "a: {from: query:a, type: string, record: digest}";
    vec![
        (permit, given()),
        (permit, by_proof(Ok(()))),
        (permit, JudgedRequest { chain: delegated(|_| {}), ..given() }),
        (permit, where_everything_is_required()),
        (permit, with_policy(LONG, &largest(), b"/v1/payments/a-7?a=9")),
        (permit, with_policy(withheld, PERMITS, b"/v1/payments/a-7?a=card")),
        (("ungoverned", "permit"), ungoverned()),
        (("observed", "permit"), observed(changed(|_| {}))),
        (("observed", "expired"), observed(expired())),
        (("observed", "warrant-missing"), observed(Err(Denial::WarrantMissing))),
    ]
}

fn where_everything_is_required() -> JudgedRequest {
    let facts = Facts {
        identity: Some(Identity(PAYER.to_owned())),
        environment: [("region".to_owned(), "eu-1".to_owned()), ("zone".to_owned(), "a".to_owned())].into(),
        conditions: vec![stated("window", "open", 1), stated("level", "low", 1)],
        certificate: Some(TestKey::new(2).public_key().thumbprint().to_string()),
        attestations: vec![attested(true, 600), attested_key()],
        posture: Posture::Restricted,
        issuance: Issuance::Recorded,
        ..Facts::default()
    };
    let required = "environment: {zone: [b, a], region: [eu-1, eu-2]}, conditions: [{name: window, equals: open, maxAge: 5m}, {name: level, equals: low, maxAge: 5m}], attestation: {maxAge: 10m}, issued: true";
    JudgedRequest { facts, ..with_requirement(required) }
}

/// A statement about one key, with two measurements.
fn attested_key() -> Attestation {
    Attestation {
        key: Some(TestKey::new(2).public_key().thumbprint().to_string()),
        measurements: vec![MEASURED.to_owned(), MEASURED.replace("aa", "bb")],
        ..attested(true, 600)
    }
}

/// The largest policy that the bounds allow, beside a small one.
fn largest() -> String {
    let (open, sum, close) = ("(".repeat(31), " + 1".repeat(252), ")".repeat(31));
    format!(
        "@id(\"large\") permit (principal, action, resource) when {{ {open}context.args.a{sum}{close} > 0 }};\n@id(\"small\") forbid (principal, action, resource) when {{ context.args.a > 100 }};"
    )
}

fn by_proof(proof: Result<(), Denial>) -> JudgedRequest {
    JudgedRequest {
        proof: Some(proof),
        facts: Facts::default(),
        ..with_route("holder: mtls", "holder: proof")
    }
}

fn with_policy(arg: &str, text: &str, path: &'static [u8]) -> JudgedRequest {
    let callers = "callers: [\"group:payments-agents\"]";
    let files = edited(PAY_FILE, callers, &format!("{callers}\n  {}", policy_block(arg, text)));
    JudgedRequest { bundle: bundle(&files), path, ..given() }
}

pub(super) fn ungoverned() -> JudgedRequest {
    let mut files = files();
    let health = "apiVersion: portcullis.dev/v1alpha1\nkind: GovernedRoute\nmetadata: {name: health}\nspec:\n  match:\n    - {hosts: [payments.shop], methods: [POST, GET], paths: [/healthz, /readyz]}\n  ungoverned: {reason: probes}\n";
    files.insert("routes/platform/health.yaml".to_owned(), health.as_bytes().to_vec());
    JudgedRequest { bundle: bundle(&files), path: b"/healthz", chain: Err(Denial::WarrantMissing), ..given() }
}

pub(super) fn observed(chain: Result<String, Denial>) -> JudgedRequest {
    let mut files = files();
    let until =
        "  ungoverned: {reason: adopting, until: \"2099-01-01T00:00:00Z\", observe: true}\n  require:";
    edit(&mut files, PAY_FILE, "  require:", until);
    // The platform team may observe; the file moves into its directory.
    let pay = files.remove(PAY_FILE).unwrap();
    files.insert("routes/platform/pay.yaml".to_owned(), pay);
    JudgedRequest { bundle: bundle(&files), chain, ..given() }
}
