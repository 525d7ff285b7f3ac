//! The judge, rule by rule and in order. Each case starts from one that is permitted and changes what its name says.
//!
//! Every case that is judged here is also judged again under other conditions: see `judged_elsewhere`.

mod facts;
mod rows;

use std::sync::Arc;

use warrant::mint::{Delegation, Grant, GrantDetail, Root, Signer};
use warrant::{
    AwsLcVerifier, Denial, Issuer, Method, PresentedWarrant, ProofId, RawPath, Seconds, SubjectPattern, Trust,
};

use policy::Bundle;
use policy::arguments::{Sent, SentBody};
use policy::decision::{
    Attestation, Case, ConditionFact, Denied, Facts, HaltedScopes, HttpCase, Identity, Issuance, Judgement,
    Line, PassReason, Permit, ProofFound, judge,
};

use super::judged_elsewhere::check_judged_elsewhere;
use super::warrant_of;
use crate::keys::DigestKey;
use crate::policy_fixture::{self as fixture, NOW, PAY_FILE, TestKey, bundle, edited, files};
use crate::record::{self, JudgedAgain};

const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";
const PROXY: &str = "spiffe://shop/ns/shop/sa/payments";
const HOST: &[u8] = b"payments.shop:8080";
const PATH: &[u8] = b"/v1/payments/a-7";
const ATTESTOR: &str = "https://attestor.shop";
const MEASURED: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";

/// The parts of a permitted case that a test may change.
struct JudgedRequest {
    bundle: Bundle,
    governance: Result<(), Denial>,
    proxy: &'static str,
    path: &'static [u8],
    /// Whether the request can be read without ambiguity.
    request: Result<(), Denial>,
    chain: Result<String, Denial>,
    /// `None` if no proof is looked for.
    proof: Option<Result<(), Denial>>,
    facts: Facts,
}

fn grant(sub: &str) -> Grant {
    Grant {
        sub: sub.to_owned(),
        cnf: *TestKey::new(2).public_key(),
        aud: vec!["shop".to_owned()],
        jti: "root".to_owned(),
        iat: Seconds::new(NOW),
        nbf: Seconds::new(NOW),
        exp: Seconds::new(NOW + 60),
        max_depth: 2,
        use_max: Some(1),
        env: vec![],
        att: None,
        details: vec![GrantDetail {
            hosts: vec!["payments.shop".to_owned()],
            methods: vec!["POST".to_owned()],
            paths: vec!["/v1/**".to_owned()],
            actions: None,
            args: vec![],
        }],
    }
}

fn root(grant: Grant) -> String {
    let root = Root {
        iss: "https://authority.shop".to_owned(),
        txn: "t".to_owned(),
        ini: None,
        pol: None,
        dec: None,
        attr: None,
        grant,
    };
    root.sign(&TestKey::new(1), "a1").unwrap()
}

fn changed(change: impl FnOnce(&mut Grant)) -> Result<String, Denial> {
    let mut grant = grant(PAYER);
    change(&mut grant);
    Ok(root(grant))
}

fn delegated(change: impl FnOnce(&mut Grant)) -> Result<String, Denial> {
    let parent = root(grant(PAYER));
    let mut grant = grant(PAYER);
    grant.jti = "leaf".to_owned();
    change(&mut grant);
    let parent = PresentedWarrant::parse(parent.as_bytes()).unwrap();
    Ok(Delegation { grant }.sign(&parent, &TestKey::new(2)).unwrap())
}

fn given() -> JudgedRequest {
    JudgedRequest {
        bundle: bundle(&files()),
        governance: Ok(()),
        proxy: PROXY,
        path: PATH,
        request: Ok(()),
        chain: Ok(root(grant(PAYER))),
        proof: None,
        facts: Facts { identity: Some(Identity(PAYER.to_owned())), ..Facts::default() },
    }
}

/// The permitted case with one text of the route's document replaced.
fn with_route(from: &str, to: &str) -> JudgedRequest {
    JudgedRequest { bundle: bundle(&edited(PAY_FILE, from, to)), ..given() }
}

fn with_requirement(requirement: &str) -> JudgedRequest {
    with_route("maxLifetime: 60s", &format!("maxLifetime: 60s, {requirement}"))
}

fn chain(token: &str) -> Arc<warrant::Chain> {
    let subjects =
        ["spiffe://shop/**", "agent:*"].map(|pattern| SubjectPattern::parse(pattern).unwrap()).to_vec();
    let keys = vec![("a1".to_owned(), *TestKey::new(1).public_key())];
    let issuer = Issuer { iss: "https://authority.shop".to_owned(), keys, subjects, starters: vec![] };
    let trust = Trust::new(vec![issuer]).unwrap();
    Arc::new(PresentedWarrant::parse(token.as_bytes()).unwrap().verify(&trust, &AwsLcVerifier).unwrap())
}

impl JudgedRequest {
    fn judged(&self) -> Judgement {
        let judgement = judge(&self.case(&self.bundle), &self.bundle);
        check_judged_elsewhere(&self.bundle, |bundle| self.case(bundle));
        judgement
    }

    fn case<'a>(&'a self, bundle: &'a Bundle) -> Case<'a> {
        let (path, query) = RawPath::parse(self.path).unwrap();
        let method = Method::parse("POST").unwrap();
        let chain = self.chain.as_ref().map(|token| chain(token)).map_err(|denial| *denial);
        let located = bundle.locate(self.proxy, HOST, &method, path);
        let read = located.as_ref().ok().and_then(|located| {
            let sent = Sent { query, headers: &[], body: SentBody::Absent };
            Some(located.found.route()?.read(&located.target, &sent))
        });
        let proof = match (&chain, self.proof) {
            (Ok(chain), Some(Ok(()))) => ProofFound::Holds(ProofId {
                thumbprint: chain.leaf().cnf().thumbprint(),
                jti: "p".to_owned(),
                forget_after: Seconds::new(NOW + 30),
            }),
            (Err(_), Some(Ok(()))) => ProofFound::Failed(Denial::ProofMissing),
            (_, Some(Err(denial))) => ProofFound::Failed(denial),
            (_, None) => ProofFound::NotWanted,
        };
        let http = HttpCase { located, chain, proof, body: None, given: read };
        Case {
            now: Seconds::new(NOW),
            as_of: 7,
            governance: self.governance,
            proxy: self.proxy.to_owned(),
            line: Some(Line { method: "POST", authority: HOST, path_and_query: self.path }),
            http: self.request.map(|()| http),
            facts: self.facts.clone(),
        }
    }

    fn permit(&self) -> Permit {
        match self.judged() {
            Judgement::Permit(permit) => permit,
            other @ (Judgement::Pass(_) | Judgement::Deny(_)) => panic!("not permitted: {other:?}"),
        }
    }

    fn denied(&self) -> Denied {
        match self.judged() {
            Judgement::Deny(denied) => denied,
            other @ (Judgement::Permit(_) | Judgement::Pass(_)) => panic!("not denied: {other:?}"),
        }
    }

    fn denial(&self) -> Denial {
        self.denied().denial
    }
}

fn attested(positive: bool, age: u64) -> Attestation {
    Attestation {
        iss: ATTESTOR.to_owned(),
        subject: PAYER.to_owned(),
        key: None,
        iat: NOW.saturating_sub(age),
        exp: NOW + 60,
        positive,
        debug: Some(false),
        measurements: vec![MEASURED.to_owned()],
    }
}

fn other_measured() -> Attestation {
    Attestation { measurements: vec![MEASURED.replace("aa", "bb")], ..attested(true, 0) }
}

fn stated(name: &str, value: &str, age: u64) -> ConditionFact {
    let (name, value) = (name.to_owned(), value.to_owned());
    ConditionFact { name, iss: ATTESTOR.to_owned(), value, iat: NOW.saturating_sub(age), exp: NOW + 60 }
}

#[test]
fn a_case_that_another_policy_located_is_denied() {
    let (request, other) = (given(), bundle(&files()));
    let case = request.case(&request.bundle);
    let found = judge(&case, &other);
    assert!(matches!(&found, Judgement::Deny(denied) if denied.denial == Denial::Internal), "{found:?}");
    assert!(matches!(judge(&case, &request.bundle), Judgement::Permit(_)));
}

#[test]
fn the_record_names_the_authoritys_key_and_a_record_with_another_key_is_not_judged() {
    let request = given();
    let case = request.case(&request.bundle);
    let key = DigestKey::generate().unwrap();
    let judged = judge(&case, &request.bundle);
    let mut recorded = record::of_case("d", &case, warrant_of(&case), &judged, &request.bundle, &key);
    let thumbprint = TestKey::new(1).public_key().thumbprint().to_string();
    assert_eq!(recorded.chain[0].key.as_deref(), Some(thumbprint.as_str()));
    assert_eq!(record::judge_again(&recorded, &request.bundle), JudgedAgain::Same);
    recorded.chain[0].key = Some(TestKey::new(2).public_key().thumbprint().to_string());
    assert_eq!(record::judge_again(&recorded, &request.bundle), JudgedAgain::Unfit("the chain"));
}

#[test]
fn a_matching_warrant_by_its_holder_is_permitted_and_says_what_it_costs() {
    let permit = given().permit();
    assert_eq!(
        (permit.route(), permit.policies()),
        ("pay", &["pay/caller:group:payments-agents".to_owned()][..])
    );
    assert_eq!(permit.burns().len(), 1);
    assert_eq!(permit.burns()[0].path, "root");
    assert_eq!(permit.proof(), None);
}

#[test]
fn of_several_faults_the_first_in_the_closed_list_is_the_answer() {
    // Every fault at once; each row corrects the one that was answered before.
    let mut given = JudgedRequest {
        governance: Err(Denial::GovernanceStale),
        proxy: "spiffe://shop/ns/other",
        chain: Err(Denial::WarrantMissing),
        facts: Facts::default(),
        ..with_requirement(
            "environment: {region: [eu-1]}, conditions: [{name: window, equals: open, maxAge: 5m}], attestation: {maxAge: 10m}, issued: true",
        )
    };
    let mut answers = vec![given.denial()];
    given.governance = Ok(());
    answers.push(given.denial());
    given.proxy = PROXY;
    answers.push(given.denial());
    given.chain = changed(|grant| {
        grant.aud = vec!["elsewhere".to_owned()];
        grant.exp = Seconds::new(NOW + 61);
        grant.details[0].methods = vec!["GET".to_owned()];
        grant.sub = "spiffe://shop/ns/x/sa/stranger".to_owned();
        grant.use_max = None;
    });
    answers.push(given.denial());
    let correct = |grant: &mut Grant| grant.sub = "spiffe://shop/ns/x/sa/stranger".to_owned();
    given.chain = changed(|grant| {
        correct(grant);
        grant.exp = Seconds::new(NOW + 61);
        grant.use_max = None;
        grant.details[0].methods = vec!["GET".to_owned()];
    });
    answers.push(given.denial());
    given.chain = changed(|grant| {
        correct(grant);
        grant.exp = Seconds::new(NOW + 61);
        grant.use_max = None;
    });
    answers.push(given.denial());
    given.chain = changed(|grant| {
        correct(grant);
        grant.use_max = None;
    });
    answers.push(given.denial());
    given.chain = changed(correct);
    answers.push(given.denial());
    given.facts.issuance = Issuance::Recorded;
    answers.push(given.denial());
    given.facts.identity = Some(Identity(PAYER.to_owned()));
    answers.push(given.denial());
    given.facts.identity = Some(Identity("spiffe://shop/ns/x/sa/stranger".to_owned()));
    answers.push(given.denial());
    given.facts.environment.insert("region".to_owned(), "eu-1".to_owned());
    answers.push(given.denial());
    given.facts.conditions.push(stated("window", "open", 300));
    answers.push(given.denial());
    given.facts.attestations = vec![attested(false, 601)];
    answers.push(given.denial());
    given.facts.attestations = vec![attested(true, 601)];
    answers.push(given.denial());
    given.facts.attestations = vec![attested(true, 600)];
    answers.push(given.denial());
    assert_eq!(
        answers,
        [
            Denial::GovernanceStale,
            Denial::TargetMismatch,
            Denial::WarrantMissing,
            Denial::AudienceMismatch,
            Denial::OutsideWarrant,
            Denial::LifetimeTooLong,
            Denial::UseTooWide,
            Denial::NotIssued,
            Denial::IdentityMissing,
            Denial::IdentityMismatch,
            Denial::EnvironmentMismatch,
            Denial::ConditionUnmet,
            Denial::AttestationMissing,
            Denial::AttestationInvalid,
            Denial::AttestationStale,
            Denial::PolicyDenied,
        ]
    );
    given.chain = changed(|_| {});
    given.facts.identity = Some(Identity(PAYER.to_owned()));
    assert_eq!(given.permit().route(), "pay");
}

#[test]
fn every_denial_after_the_route_is_found_names_the_route() {
    assert_eq!(given().permit().route(), "pay");
    let denied = JudgedRequest { facts: Facts::default(), ..given() }.denied();
    assert_eq!((denied.denial, denied.route.as_deref()), (Denial::IdentityMissing, Some("pay")));
}

#[test]
fn where_no_route_matches_nothing_is_permitted() {
    let other = JudgedRequest { path: b"/v1/other", ..given() };
    assert_eq!(other.denial(), Denial::NoRoutePolicy);
}

#[test]
fn a_route_bounds_the_whole_lineage() {
    let deep = JudgedRequest { chain: delegated(|_| {}), ..with_requirement("maxDepth: 0") };
    assert_eq!(deep.denial(), Denial::LineageTooDeep);
    let one_deep = JudgedRequest { chain: delegated(|_| {}), ..with_requirement("maxDepth: 1") };
    assert_eq!(one_deep.permit().burns().len(), 2, "the root's use and the leaf's");
    let unlimited_root = JudgedRequest { chain: changed(|grant| grant.use_max = None), ..given() };
    assert_eq!(unlimited_root.denial(), Denial::UseTooWide);
    let twice = JudgedRequest { chain: changed(|grant| grant.use_max = Some(2)), ..given() };
    assert_eq!(twice.denial(), Denial::UseTooWide);
}

#[test]
fn a_query_that_the_route_does_not_declare_is_outside_the_warrant() {
    let asked = |path| JudgedRequest { path, ..given() };
    assert_eq!(asked(b"/v1/payments/a-7?x=1").denial(), Denial::OutsideWarrant);
    asked(b"/v1/payments/a-7?").permit();
    JudgedRequest { path: b"/v1/payments/a-7?x=1", ..with_route("  require:", "  query: any\n  require:") }
        .permit();
}

#[test]
fn a_proof_names_the_holder_of_a_root_but_only_the_key_of_a_delegated_warrant() {
    let by_proof = |chain| JudgedRequest {
        chain,
        proof: Some(Ok(())),
        bundle: bundle(&edited(PAY_FILE, "holder: mtls", "holder: proof")),
        facts: Facts::default(),
        ..given()
    };
    let permit = by_proof(changed(|_| {})).permit();
    assert_eq!(permit.proof().map(|id| id.jti.as_str()), Some("p"));
    // Its parent calls it the payer; a key is in no group, whatever its name.
    assert_eq!(by_proof(delegated(|_| {})).denial(), Denial::PolicyDenied);
    assert_eq!(JudgedRequest { proof: None, ..by_proof(changed(|_| {})) }.denial(), Denial::Internal);
}

#[test]
fn holder_both_requires_certificate_and_proof() {
    let both = |proof, facts| JudgedRequest {
        proof,
        facts,
        bundle: bundle(&edited(PAY_FILE, "holder: mtls", "holder: both")),
        ..given()
    };
    both(Some(Ok(())), given().facts).permit();
    assert_eq!(both(Some(Ok(())), Facts::default()).denial(), Denial::IdentityMissing);
}

#[test]
fn a_lineage_with_measurements_requires_one_on_every_route() {
    let bound = |attestations| {
        let mut given = given();
        given.chain = changed(|grant| grant.att = Some(vec![MEASURED.to_owned()]));
        given.facts.attestations = attestations;
        given
    };
    assert_eq!(bound(vec![]).denial(), Denial::AttestationMissing);
    assert_eq!(bound(vec![attested(true, 0), other_measured()]).denial(), Denial::AttestationMismatch);
    assert_eq!(bound(vec![attested(true, 15 * 60 + 1)]).denial(), Denial::AttestationStale);
    bound(vec![attested(true, 15 * 60)]).permit();
}

#[test]
fn a_lineage_is_valid_only_in_its_environment() {
    let bound = |region: &str| {
        let mut given = given();
        given.chain = changed(|grant| grant.env = vec![("region".to_owned(), vec!["eu-1".to_owned()])]);
        given.facts.environment.insert("region".to_owned(), region.to_owned());
        given
    };
    bound("eu-1").permit();
    assert_eq!(bound("us-1").denial(), Denial::EnvironmentMismatch);
}

#[test]
fn an_ungoverned_request_passes_without_a_warrant_and_stale_governance_denies_it_too() {
    let mut files = files();
    files.insert(
        "routes/platform/health.yaml".to_owned(),
        b"apiVersion: portcullis.dev/v1alpha1\nkind: GovernedRoute\nmetadata: {name: health}\nspec:\n  match:\n    - {hosts: [payments.shop], methods: [POST], paths: [/healthz]}\n  ungoverned: {reason: probes}\n".to_vec(),
    );
    let open = |governance| JudgedRequest {
        bundle: bundle(&files),
        path: b"/healthz",
        chain: Err(Denial::WarrantMissing),
        governance,
        ..given()
    };
    match open(Ok(())).judged() {
        Judgement::Pass(pass) => {
            assert_eq!((pass.route(), pass.reason()), ("health", &PassReason::Ungoverned))
        }
        other @ (Judgement::Permit(_) | Judgement::Deny(_)) => panic!("{other:?}"),
    }
    assert_eq!(open(Err(Denial::GovernanceStale)).denial(), Denial::GovernanceStale);
}

#[test]
fn an_observed_request_passes_and_says_which_answer_it_would_have_got() {
    let until = "ungoverned: {reason: adopting, until: \"2099-01-01T00:00:00Z\", observe: true}";
    let mut observed = files();
    fixture::edit(&mut observed, PAY_FILE, "  require:", &format!("  {until}\n  require:"));
    // The platform team may observe; the file moves into its directory.
    let pay = observed.remove(PAY_FILE).unwrap();
    observed.insert("routes/platform/pay.yaml".to_owned(), pay);
    let watched = |chain| JudgedRequest { bundle: bundle(&observed), chain, ..given() };
    for (chain, expected) in
        [(changed(|_| {}), None), (Err(Denial::WarrantMissing), Some(Denial::WarrantMissing))]
    {
        match watched(chain).judged() {
            Judgement::Pass(pass) => match pass.reason() {
                PassReason::Observed(verdict) => {
                    assert_eq!(verdict.as_ref().err().map(|d| d.denial), expected)
                }
                PassReason::Ungoverned => panic!("observed, not ungoverned"),
            },
            other @ (Judgement::Permit(_) | Judgement::Deny(_)) => panic!("{other:?}"),
        }
    }
}
