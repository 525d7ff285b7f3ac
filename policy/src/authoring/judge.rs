//! A situation becomes a case for the judge, the same that judges requests: what a test says of it, and for the rest what
//! makes the route's requirements hold.

use std::collections::BTreeMap;

use warrant::mint::GrantDetail;
use warrant::{Chain, Denial, Host, Method, ProofId, RawPath, Seconds, Target};

use super::chain::Made;
use crate::arguments::{ArgumentError, Endpoint, Extracted, Sent, SentBody};
use crate::decision::{
    self, Attestation, Attested, Case, Evidence, Facts, HttpCase, Identity, Judgement, Passing, ProofFound,
};
use crate::documents::require::{Holder, UseLimit};
use crate::documents::situation::Situation;
use crate::routes::{Policy, Route};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Judged {
    /// Which route matched.
    pub route: Option<String>,
    /// `None` is an allow.
    #[serde(serialize_with = "result_code")]
    pub denial: Option<Denial>,
    /// Which policies decided.
    pub policies: Vec<String>,
    /// What is to be said of a denial beyond its code.
    pub detail: Option<String>,
}

/// Its chain is signed by an authority that exists in the test alone: what is permitted on it is nobody's to act upon.
#[derive(Clone, Copy, Debug)]
enum ByTest {}

impl Evidence for ByTest {
    type Chain = Box<Chain>;
}

/// Judges a situation on its own route's terms; else why what the test says is none.
pub(super) fn judge(
    policy: &Policy,
    route: &Route,
    situation: &Situation,
    now: Seconds,
) -> Result<Judged, String> {
    let chosen = Chosen::of(route, situation)?;
    let (path, query) = RawPath::parse(chosen.path.as_bytes())
        .map_err(|_| format!("`{}` is no path that can be governed", chosen.path))?;
    if query.is_some() {
        return Err("the path holds a query: write it as `query`".to_owned());
    }
    let target = Target { host: chosen.host, method: chosen.method, path };
    let found = policy.find(&target);
    let terms_of = found.route().unwrap_or(route);
    let chain = chain(policy, terms_of, situation, &target, now)?;
    let proxy = policy.hosts.proxy_of(target.host.as_str()).unwrap_or_default().to_owned();
    let case = Case::<ByTest> {
        now,
        as_of: 0,
        governance: Ok(()),
        proxy: proxy.clone(),
        line: None,
        http: Ok(HttpCase {
            authority: target.host.as_str().as_bytes(),
            located: policy.locate(&proxy, target.host.as_str().as_bytes(), &target.method, path),
            proof: proof(terms_of, &chain, now),
            chain: Ok(Box::new(chain)),
            body: None,
            given: found.route().map(|found| given(found, situation, &target)),
        }),
        facts: facts(terms_of, situation),
    };
    Ok(judged(&case, policy, found.route().map(Route::name)))
}

/// What the judge says of a case, and where nothing permits, what came nearest; `found` is the route that matches.
pub(super) fn judged<E: Evidence>(case: &Case<'_, E>, policy: &Policy, found: Option<&str>) -> Judged {
    let permitted = |route: &str, policies: &[String]| Judged {
        route: Some(route.to_owned()),
        denial: None,
        policies: policies.to_vec(),
        detail: None,
    };
    let denied = match decision::judge(case, policy) {
        Judgement::Permit(permit) => return permitted(permit.route(), permit.policies()),
        Judgement::Pass(pass) => match pass.passing() {
            Passing::Ungoverned => return permitted(pass.route(), &[]),
            Passing::Observed(Ok(policies)) => return permitted(pass.route(), policies),
            Passing::Observed(Err(denied)) => denied.clone(),
        },
        Judgement::Deny(denied) => denied,
    };
    // Nothing permitted: whoever must mend the policy or the request wants to know what came nearest.
    let nearest = || {
        let found = decision::nearest(case, policy)?;
        Some(format!("the nearest permit is {}, of which this does not hold: {}", found.policy, found.part))
    };
    let is_unpermitted = denied.denial == Denial::PolicyDenied && denied.policies.is_empty();
    Judged {
        route: found.map(str::to_owned),
        denial: Some(denied.denial),
        policies: denied.policies,
        detail: if is_unpermitted { nearest() } else { denied.detail },
    }
}

/// The target: what the test says, else what the route matches first.
struct Chosen {
    host: Host,
    method: Method,
    path: String,
}

impl Chosen {
    fn of(route: &Route, situation: &Situation) -> Result<Self, String> {
        let first = route.declared().endpoints.first().ok_or("the route matches nothing")?;
        let said = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        let (host, method) = (said(&situation.host, &first.host), said(&situation.method, &first.method));
        Ok(Self {
            host: Host::parse(&host).ok_or_else(|| format!("`{host}` is no host"))?,
            method: Method::parse(&method).ok_or_else(|| format!("`{method}` is no method"))?,
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

fn caller(situation: &Situation) -> &str {
    situation.caller.as_deref().unwrap_or("agent:test")
}

fn chain(
    policy: &Policy,
    route: &Route,
    situation: &Situation,
    target: &Target<'_>,
    now: Seconds,
) -> Result<Chain, String> {
    let said = &situation.warrant;
    let terms = &policy.mesh.terms;
    let everything = GrantDetail {
        hosts: vec![target.host.as_str().to_owned()],
        methods: vec![target.method.as_str().to_owned()],
        paths: vec!["/**".to_owned()],
        actions: None,
        args: Vec::new(),
    };
    let required = if route.require().uses == UseLimit::Any { None } else { Some(1) };
    let first = policy.mesh.trust.issuers().first().map(|issuer| issuer.iss.as_str());
    let made = Made {
        said,
        issuer: said.issuer.as_deref().or(first).unwrap_or_default(),
        audience: &terms.audience,
        caller: caller(situation),
        lifetime: said.lifetime.unwrap_or_else(|| route.require().max_lifetime.min(terms.max_lifetime)),
        uses: said.uses.unwrap_or(required),
        details: said.details.clone().unwrap_or_else(|| vec![everything]),
        now,
    };
    made.chain()
}

/// Whoever holds a test's warrant can prove it.
fn proof(route: &Route, chain: &Chain, now: Seconds) -> ProofFound {
    match route.require().holder {
        Holder::Mtls => ProofFound::NotWanted,
        Holder::Proof | Holder::Both => ProofFound::Holds(ProofId {
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

/// What the test says of the world, over what the route requires of it.
fn facts(route: &Route, situation: &Situation) -> Facts {
    let require = route.require();
    let first = |(key, values): &(String, Vec<String>)| Some((key.clone(), values.first()?.clone()));
    let environment = require.environment.iter().filter_map(first);
    let conditions =
        require.conditions.iter().map(|condition| (condition.name.clone(), condition.equals.clone()));
    let conditions: BTreeMap<_, _> = conditions.chain(situation.conditions.clone()).collect();
    let subject = caller(situation).to_owned();
    let attestation = require.attestation.map(|_| Attestation {
        iss: String::new(),
        subject: subject.clone(),
        exp: u64::MAX,
        positive: true,
        measurement: String::new(),
        age: 0,
    });
    Facts {
        identity: Some(Identity(subject)),
        environment: environment.chain(situation.environment.clone()).collect(),
        conditions: conditions.into_iter().map(|(name, value)| (name, Attested { value, age: 0 })).collect(),
        attestations: attestation.into_iter().collect(),
        posture: situation.posture,
        issued: situation.warrant.issued.unwrap_or(true),
    }
}

/// A result as it is told: the code of a denial, or `allow`.
#[expect(clippy::ref_option, reason = "the shape that serde asks for")]
fn result_code<S: serde::Serializer>(denial: &Option<Denial>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(denial.map_or("allow", Denial::code))
}
