//! Judging a situation: the rows of the closed list that a policy can be wrong about, in their order.

use std::collections::BTreeMap;

use warrant::mint::Detail;
use warrant::{Chain, Denial, Expect, Host, Method, RawPath, Revocable, Seconds, Target};

use super::chain::Made;
use crate::policy::arguments::{Body, Sent, read};
use crate::policy::assembly::{Match, Policy};
use crate::policy::documents::require::{Holder, Uses};
use crate::policy::documents::situation::Situation;
use crate::policy::engine::{Asked, Attribution, Lineage, Principal, Starter, decide_in};
use crate::policy::narrowing::Attested;
use crate::policy::route::{Endpoint, Route};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Which route matched.
    pub(crate) route: Option<String>,
    pub(crate) denial: Option<Denial>,
    /// Which policies decided.
    pub(crate) policies: Vec<String>,
    pub(crate) detail: Option<String>,
}

/// Judges a situation on its own route's terms; else why what the test says is none.
pub(super) fn judge(
    policy: &Policy,
    route: &Route,
    situation: &Situation,
    now: Seconds,
) -> Result<Judged, String> {
    let chosen = Chosen::of(route, situation)?;
    let path_and_query = chosen.path.as_bytes();
    let (path, _) = RawPath::parse(path_and_query)
        .map_err(|_| format!("`{}` is no path that can be governed", chosen.path))?;
    let target = Target { host: chosen.host, method: chosen.method, path };
    let segments: Vec<_> = path.segments().map(RawPath::undone).collect();
    let found = policy.matcher.find(target.host.as_str(), target.method.as_str(), &segments);
    let found = found.and_then(|found| match found {
        Match::Route(position) => policy.routes.get(position),
        Match::Opening(_) => None,
    });
    let Some(found) = found else {
        return Ok(Judged {
            route: None,
            denial: Some(Denial::NoRoutePolicy),
            policies: Vec::new(),
            detail: None,
        });
    };
    let chain = chain(policy, found, situation, &target, now)?;
    let case = Case { policy, route: found, situation, target, chain, now };
    let (denial, policies, detail) = match case.judge() {
        Ok(policies) => (None, policies, None),
        Err((denial, policies, detail)) => (Some(denial), policies, detail),
    };
    Ok(Judged { route: Some(found.name().to_owned()), denial, policies, detail })
}

/// The target: what the test says, else what the route matches first.
struct Chosen {
    host: Host,
    method: Method,
    path: String,
}

impl Chosen {
    fn of(route: &Route, situation: &Situation) -> Result<Self, String> {
        let first = route.endpoints().first().ok_or("the route matches nothing")?;
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
    let everything = Detail {
        hosts: vec![target.host.as_str().to_owned()],
        methods: vec![target.method.as_str().to_owned()],
        paths: vec!["/**".to_owned()],
        actions: None,
        args: Vec::new(),
    };
    let required = if route.require().uses == Uses::Any { None } else { Some(1) };
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

struct Case<'a> {
    policy: &'a Policy,
    route: &'a Route,
    situation: &'a Situation,
    target: Target<'a>,
    chain: Chain,
    now: Seconds,
}

type Denied = (Denial, Vec<String>, Option<String>);

fn plainly(denial: Denial) -> Denied {
    (denial, Vec::new(), None)
}

impl Case<'_> {
    fn judge(&self) -> Result<Vec<String>, Denied> {
        let nothing_is_revoked = |_: &Revocable| false;
        let expect = Expect {
            now: self.now,
            terms: &self.policy.mesh.terms,
            revoked: &nothing_is_revoked,
            target: &self.target,
        };
        let admitted = self.chain.check(&expect).map_err(plainly)?;
        let require = self.route.require();
        require.narrows(&self.chain).map_err(plainly)?;
        require.was_issued(self.situation.warrant.issued.unwrap_or(true)).map_err(plainly)?;
        let given = self.given()?;
        let for_the_law = given.args.for_the_law().ok_or_else(|| plainly(Denial::Internal))?;
        admitted.arguments(&given.action, &for_the_law).map_err(plainly)?;
        let environment = require.is_in_environment(&self.environment()).map_err(plainly)?;
        let conditions = require.conditions_hold(&self.conditions()).map_err(plainly)?;
        let principal = self.principal();
        let asked = Asked {
            principal: &principal,
            now: self.now,
            action: &given.action,
            method: self.target.method.as_str(),
            host: self.target.host.as_str(),
            path: self.target.path.as_str(),
            args: &given.args,
            posture: self.situation.posture,
            environment: &environment,
            conditions: &conditions,
            warrant: self.lineage(),
        };
        match decide_in(self.route.slice(), self.route.name(), &self.policy.groups, &asked) {
            Ok(decided) => Ok(decided.policies),
            Err(refused) => Err((refused.denial, refused.policies, refused.reason)),
        }
    }

    fn given(&self) -> Result<crate::policy::arguments::Given, Denied> {
        let mut headers: Vec<(&str, &[u8])> =
            self.situation.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        if self.situation.body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", b"application/json"));
        }
        let body = self.situation.body.as_ref().map_or(Body::Absent, |body| Body::Whole(body.as_bytes()));
        let sent =
            Sent { query: self.situation.query.as_ref().map(String::as_bytes), headers: &headers, body };
        read(self.route, &self.target, &sent)
            .map_err(|unread| (unread.denial, Vec::new(), Some(unread.detail)))
    }

    fn principal(&self) -> Principal {
        let is_delegated = self.chain.depth() > 0;
        match self.route.require().holder {
            Holder::Proof if is_delegated => Principal::Key(self.chain.leaf().cnf().thumbprint().to_string()),
            Holder::Proof | Holder::Mtls | Holder::Both => {
                Principal::Agent(self.chain.leaf().sub().to_owned())
            }
        }
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let holding = self
            .route
            .require()
            .environment
            .iter()
            .filter_map(|(key, values)| Some((key.clone(), values.first()?.clone())));
        holding.chain(self.situation.environment.clone()).collect()
    }

    fn conditions(&self) -> BTreeMap<String, Attested> {
        let holding = self
            .route
            .require()
            .conditions
            .iter()
            .map(|condition| (condition.name.clone(), condition.equals.clone()));
        holding
            .chain(self.situation.conditions.clone())
            .map(|(name, value)| (name, Attested { value, age: 0 }))
            .collect()
    }

    fn lineage(&self) -> Lineage<'_> {
        let said = &self.situation.warrant;
        let attr = |name: &str| said.attr.get(name).map(String::as_str);
        Lineage {
            depth: said.depth,
            issuer: self.chain.root().iss(),
            root: self.chain.root().sub(),
            started_by: said.started_by.as_ref().map(|(iss, sub)| Starter { iss, sub }),
            attr: Attribution { run: attr("run"), agent: attr("agent"), purpose: attr("purpose") },
        }
    }
}
