//! Judges the situation of a test with the judge of real requests. It makes a case from what the test says;
//! everything else gets a value that satisfies the route's requirements.

use std::collections::BTreeMap;

use warrant::mint::GrantDetail;
use warrant::{Chain, Denial, Host, Method, ProofId, RawPath, Seconds, Target};

use super::chain::{TestWarrant, some_holder};
use crate::arguments::{ArgumentError, Endpoint, Extracted, Sent, SentBody};
use crate::decision::{
    self, Attestation, Case, ConditionFact, Evidence, Facts, HttpCase, Identity, Issuance, Judgement,
    PassReason, ProofFound,
};
use crate::documents::require::{Holder, UseLimit};
use crate::documents::situation::Situation;
use crate::documents::times::duration_text;
use crate::routes::{Policy, Route};

/// A case and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JudgedCase {
    /// Which route matched.
    pub route: Option<String>,
    /// `None` if it is allowed.
    #[serde(serialize_with = "crate::decision::serialize_result")]
    pub denial: Option<Denial>,
    /// Which policies decided.
    pub policies: Vec<String>,
    /// What explains the denial, in addition to its code.
    pub detail: Option<String>,
}

/// The chain is signed by an authority that exists only in tests: a permit for it can never be executed.
#[derive(Clone, Copy, Debug)]
enum ByTest {}

impl Evidence for ByTest {
    type Chain = Box<Chain>;
}

/// The verdict on a situation.
pub(super) struct JudgedSituation {
    pub(super) judged: JudgedCase,
    /// The host of the request, if no proxy serves it: then no request can reach any route there.
    pub(super) unserved_host: Option<String>,
}

/// Judges a situation under the mesh's own trust and terms, with defaults from its route; or says why it does not
/// describe a request.
pub(super) fn judge(
    policy: &Policy,
    route: &Route,
    situation: &Situation,
    now: Seconds,
) -> Result<JudgedSituation, String> {
    let chosen = ChosenTarget::of(route, situation)?;
    let (path, query) = RawPath::parse(chosen.path.as_bytes())
        .map_err(|_| format!("`{}` is not a path that can be governed", chosen.path))?;
    if query.is_some() {
        return Err("the path contains a query: write it as `query`".to_owned());
    }
    let target = Target { host: chosen.host, method: chosen.method, path };
    let found = policy.find(&target);
    let defaults = found.route().unwrap_or(route);
    let caller = situation.caller.clone().unwrap_or_else(|| some_holder(policy.trust()));
    let warrant = warrant(policy, defaults, situation, &caller, &target, now);
    let chain = warrant.chain()?;
    let proxy = policy.hosts.proxy_of(target.host.as_str());
    let unserved_host = proxy.is_none().then(|| target.host.as_str().to_owned());
    let proxy = proxy.unwrap_or_default().to_owned();
    let located = policy.locate(&proxy, target.host.as_str().as_bytes(), &target.method, path);
    let case = Case::<ByTest> {
        now,
        as_of: 0,
        governance: Ok(()),
        proxy,
        line: None,
        http: Ok(HttpCase {
            located,
            proof: proof(defaults, chain.as_ref().ok(), now),
            chain: chain.map(Box::new),
            body: None,
            given: found.route().map(|found| given(found, situation, &target)),
        }),
        facts: facts(defaults, situation, &caller, now),
    };
    let judged = judged(&case, policy, found.route().map(Route::name));
    let detail = judged.detail.clone().or_else(|| detail(policy, judged.denial?, &warrant));
    Ok(JudgedSituation { judged: JudgedCase { detail, ..judged }, unserved_host })
}

/// Which part of the mesh's own trust or terms denies a warrant.
fn detail(policy: &Policy, denial: Denial, warrant: &TestWarrant<'_>) -> Option<String> {
    let most = policy.terms().max_lifetime;
    if denial == Denial::IssuerUntrusted {
        return warrant.why_untrusted();
    }
    let is_above_the_mesh = denial == Denial::LifetimeTooLong && warrant.lifetime > most;
    is_above_the_mesh
        .then(|| format!("the mesh allows at most {}: see `maxLifetime` in mesh.yaml", duration_text(most)))
}

/// Judges a case. If no policy permits, adds the nearest permit. `found` is the route that matches.
pub(super) fn judged<E: Evidence>(case: &Case<'_, E>, policy: &Policy, found: Option<&str>) -> JudgedCase {
    let permitted = |route: &str, policies: &[String]| JudgedCase {
        route: Some(route.to_owned()),
        denial: None,
        policies: policies.to_vec(),
        detail: None,
    };
    let denied = match decision::judge(case, policy) {
        Judgement::Permit(permit) => return permitted(permit.route(), permit.policies()),
        Judgement::Pass(pass) => match pass.reason() {
            PassReason::Ungoverned => return permitted(pass.route(), &[]),
            PassReason::Observed(Ok(policies)) => return permitted(pass.route(), policies),
            PassReason::Observed(Err(denied)) => denied.clone(),
        },
        Judgement::Deny(denied) => denied,
    };
    // No policy permitted: to correct the policy or the request, the reader needs to know which permit came
    // nearest.
    let nearest = || {
        let found = decision::nearest(case, policy)?;
        Some(format!("the nearest permit is {}; this part of it does not hold: {}", found.policy, found.part))
    };
    let is_unpermitted = denied.denial == Denial::PolicyDenied && denied.policies.is_empty();
    JudgedCase {
        route: found.map(str::to_owned),
        denial: Some(denied.denial),
        policies: denied.policies,
        detail: if is_unpermitted { nearest() } else { denied.detail },
    }
}

/// The target: what the test says, and for the rest the first match of the route.
struct ChosenTarget {
    host: Host,
    method: Method,
    path: String,
}

impl ChosenTarget {
    fn of(route: &Route, situation: &Situation) -> Result<Self, String> {
        let first = route.declared().endpoints.first().ok_or("the route matches nothing")?;
        let or = |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
        let (host, method) = (or(&situation.host, &first.host), or(&situation.method, &first.method));
        Ok(Self {
            host: Host::parse(&host).ok_or_else(|| format!("`{host}` is not a valid host"))?,
            method: Method::parse(&method).ok_or_else(|| format!("`{method}` is not a valid method"))?,
            path: situation.path.clone().unwrap_or_else(|| example(first)),
        })
    }
}

/// A path that the endpoint matches.
fn example(endpoint: &Endpoint) -> String {
    let text = endpoint.pattern.text();
    let segments = text.split('/').filter(|segment| *segment != "**");
    let filled: Vec<_> = segments
        .map(|segment| if segment == "*" || segment.starts_with('{') { "x" } else { segment })
        .collect();
    if filled.len() < 2 { "/".to_owned() } else { filled.join("/") }
}

fn warrant<'a>(
    policy: &'a Policy,
    route: &Route,
    situation: &'a Situation,
    caller: &'a str,
    target: &Target<'_>,
    now: Seconds,
) -> TestWarrant<'a> {
    let described = &situation.warrant;
    let terms = policy.terms();
    let everything = GrantDetail {
        hosts: vec![target.host.as_str().to_owned()],
        methods: vec![target.method.as_str().to_owned()],
        paths: vec!["/**".to_owned()],
        actions: None,
        args: Vec::new(),
    };
    let required = if route.require().uses == UseLimit::Any { None } else { Some(1) };
    TestWarrant {
        described,
        mesh: policy.trust(),
        audience: &terms.audience,
        caller,
        lifetime: described.lifetime.unwrap_or_else(|| route.require().max_lifetime.min(terms.max_lifetime)),
        uses: described.uses.unwrap_or(required),
        details: described.details.clone().unwrap_or_else(|| vec![everything]),
        now,
    }
}

/// The proof of possession, if the route requires one: a test's caller always has it. Without a chain no
/// proof is checked.
fn proof(route: &Route, chain: Option<&Chain>, now: Seconds) -> ProofFound {
    match (route.require().holder, chain) {
        (Holder::Mtls, _) | (_, None) => ProofFound::NotWanted,
        (Holder::Proof | Holder::Both, Some(chain)) => ProofFound::Holds(ProofId {
            thumbprint: chain.leaf().cnf().thumbprint(),
            jti: "test".to_owned(),
            forget_after: now,
        }),
    }
}

fn given(route: &Route, situation: &Situation, target: &Target<'_>) -> Result<Extracted, ArgumentError> {
    let mut headers: Vec<(&str, &[u8])> =
        situation.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    if situation.body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
        headers.push(("content-type", b"application/json"));
    }
    let body = situation.body.as_ref().map_or(SentBody::Absent, |body| SentBody::Whole(body.as_bytes()));
    let query = situation.query.as_ref().map(String::as_bytes);
    route.read(target, &Sent { query, headers: &headers, body })
}

/// The facts that the test states, and for the rest those that the route requires.
fn facts(route: &Route, situation: &Situation, caller: &str, now: Seconds) -> Facts {
    let require = route.require();
    let first = |(key, values): &(String, Vec<String>)| Some((key.clone(), values.first()?.clone()));
    let environment = require.environment.iter().filter_map(first);
    let conditions =
        require.conditions.iter().map(|condition| (condition.name.clone(), condition.equals.clone()));
    let conditions: BTreeMap<_, _> = conditions.chain(situation.conditions.clone()).collect();
    let (iat, exp) = (now.get(), u64::MAX);
    let stated = |(name, value)| ConditionFact { name, iss: String::new(), value, iat, exp };
    let subject = caller.to_owned();
    let attestation = require.attestation.map(|_| Attestation {
        iss: String::new(),
        subject: subject.clone(),
        key: None,
        iat,
        exp,
        positive: true,
        debug: Some(false),
        measurements: Vec::new(),
    });
    let is_issued = situation.warrant.issued.unwrap_or(true);
    Facts {
        identity: Some(Identity(subject)),
        environment: environment.chain(situation.environment.clone()).collect(),
        conditions: conditions.into_iter().map(stated).collect(),
        attestations: attestation.into_iter().collect(),
        posture: situation.posture,
        issuance: if is_issued { Issuance::Recorded } else { Issuance::NotRecorded },
        ..Facts::default()
    }
}
