//! Explains a request: its route, the policies that decide, the result, the reason, and what to do about it.

use warrant::{Denial, Host, Method, RawPath, Seconds, Target};

use super::judge::{JudgedCase, judge, judged};
use super::question::Question;
use crate::decision::{Case, Evidence};
use crate::documents::times::rfc3339;
use crate::routes::{Found, Located, Policy, Route, UngovernedMatch};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Explained {
    /// `allow`, `ungoverned`, or the code of the denial.
    pub result: &'static str,
    /// The HTTP status of a denial.
    pub status: Option<u16>,
    /// The route, or the match that needs no warrant.
    pub route: Option<String>,
    pub team: Option<String>,
    /// Which policies decided.
    pub policies: Vec<String>,
    pub why: String,
    pub cure: Option<String>,
    /// Until then it is forwarded, whatever the result; seconds since 1970.
    pub observed_until: Option<u64>,
}

impl Explained {
    /// Whether it would reach its upstream.
    pub fn passes(&self) -> bool {
        matches!(self.result, "allow" | "ungoverned") || self.observed_until.is_some()
    }

    fn denied(denial: Denial, why: impl Into<String>) -> Self {
        Self {
            result: denial.code(),
            status: Some(denial.status()),
            route: None,
            team: None,
            policies: Vec::new(),
            why: why.into(),
            cure: Some(denial.cure().to_owned()),
            observed_until: None,
        }
    }

    fn by(self, route: &str, team: &str) -> Self {
        Self { route: Some(route.to_owned()), team: Some(team.to_owned()), ..self }
    }
}

/// Explains a request; or says why the question does not describe a request.
pub(crate) fn explain(policy: &Policy, question: &Question, now: Seconds) -> Result<Explained, String> {
    let Some(host) = host(policy, question)? else {
        let known: Vec<_> = policy.hosts.aliases().into_keys().collect();
        let why = format!("no proxy serves this host; known hosts: {}", known.join(", "));
        return Ok(Explained::denied(Denial::TargetMismatch, why));
    };
    let (path, _) = question.split();
    let path = match RawPath::parse(path.as_bytes()) {
        Ok((path, _)) => path,
        Err(denial) => return Ok(Explained::denied(denial, denial.meaning())),
    };
    let (Some(name), Some(method)) = (Host::parse(&host), Method::parse(&question.method)) else {
        return Ok(nothing_matches(policy, &question.method, &host, path));
    };
    Ok(match policy.find(&Target { host: name, method, path }) {
        Found::Nothing => nothing_matches(policy, &question.method, &host, path),
        Found::Ungoverned(ungoverned) => without_a_warrant(ungoverned, now),
        Found::Route(route) => {
            on_route(judge(policy, route, &question.situation(route, &host)?, now)?.judged, route, now)
        }
    })
}

/// Explains a case from another source, such as the record.
pub fn explain_case<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Explained {
    let located = case.http.as_ref().ok().and_then(|http| http.located.as_ref().ok());
    let found = located.map_or(Found::Nothing, |located| located.found);
    let judged = judged(case, policy, found.route().map(Route::name));
    match (found, located, judged.denial) {
        (Found::Route(route), ..) => on_route(judged, route, case.now),
        (Found::Ungoverned(ungoverned), _, None | Some(Denial::NoRoutePolicy)) => {
            without_a_warrant(ungoverned, case.now)
        }
        (Found::Nothing, Some(Located { target, .. }), Some(Denial::NoRoutePolicy)) => {
            nothing_matches(policy, target.method.as_str(), target.host.as_str(), target.path)
        }
        (_, _, denial) => {
            let denial = denial.unwrap_or(Denial::Internal);
            Explained::denied(denial, judged.detail.unwrap_or_else(|| denial.meaning().to_owned()))
        }
    }
}

/// Explains a verdict that cannot be computed again, from the reasons in its policies.
pub fn explain_verdict(
    policy: &Policy,
    route: Option<&str>,
    denial: Option<Denial>,
    policies: &[String],
    now: Seconds,
) -> Explained {
    let Some(route) = route.and_then(|name| policy.route_named(name)) else {
        let denial = denial.unwrap_or(Denial::Internal);
        return Explained::denied(denial, denial.meaning());
    };
    let reason = policies.first().and_then(|first| route.slice().reason(first)).map(str::to_owned);
    let judged = JudgedCase {
        route: Some(route.name().to_owned()),
        denial,
        policies: policies.to_vec(),
        detail: reason.filter(|_| denial == Some(Denial::PolicyDenied)),
    };
    on_route(judged, route, now)
}

/// The canonical host; `None` if no proxy serves it.
fn host(policy: &Policy, question: &Question) -> Result<Option<String>, String> {
    if let Some(name) = &question.host {
        return Ok(policy.hosts.canonical(&name.to_ascii_lowercase()).map(str::to_owned));
    }
    let hosts = policy.hosts.aliases();
    let mut names = hosts.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(Some((*only).to_owned())),
        _ => Err(format!("name the host; known hosts: {}", hosts.into_keys().collect::<Vec<_>>().join(", "))),
    }
}

/// Explains a match that is ungoverned, or was until its end.
fn without_a_warrant(ungoverned: &UngovernedMatch, now: Seconds) -> Explained {
    let explained = match ungoverned.until().filter(|_| !ungoverned.is_open(now)) {
        Some(until) => {
            let why = format!("it was ungoverned until {} ({})", rfc3339(until), ungoverned.reason());
            Explained::denied(Denial::NoRoutePolicy, why)
        }
        None => Explained {
            result: "ungoverned",
            status: None,
            cure: None,
            ..Explained::denied(
                Denial::NoRoutePolicy,
                format!("it needs no warrant: {}", ungoverned.reason()),
            )
        },
    };
    explained.by(ungoverned.name(), ungoverned.team())
}

fn nothing_matches(policy: &Policy, method: &str, host: &str, path: RawPath<'_>) -> Explained {
    let segments: Vec<_> = path.segments().map(RawPath::unescaped).collect();
    let mut others: Vec<String> = policy
        .routes
        .iter()
        .flat_map(|route| {
            let methods =
                route.matches().map(|(method, _, _)| method).collect::<std::collections::BTreeSet<_>>();
            methods.into_iter().filter_map(|method| {
                route
                    .declared()
                    .endpoint(host, method, &segments)
                    .map(|_| format!("{method} ({})", route.name()))
            })
        })
        .collect();
    others.sort();
    others.dedup();
    let mut why = format!("no route matches {method} {host}{}", path.as_str());
    if !others.is_empty() {
        why.push_str(&format!("; this path is governed for {}", others.join(", ")));
    }
    Explained::denied(Denial::NoRoutePolicy, why)
}

/// Explains the verdict on a route, with the advice of its policies.
fn on_route(judged: JudgedCase, route: &Route, now: Seconds) -> Explained {
    let observed_until = route.observed_until().filter(|_| route.is_observed(now));
    let explained = match judged.denial {
        None => Explained {
            result: "allow",
            status: None,
            cure: None,
            ..Explained::denied(Denial::PolicyDenied, format!("permitted by {}", judged.policies.join(", ")))
        },
        Some(denial) => {
            let own = judged.policies.first().and_then(|first| route.slice().cure(first)).map(str::to_owned);
            let why = judged.detail.unwrap_or_else(|| denial.meaning().to_owned());
            let denied = Explained::denied(denial, why);
            let cure = own.or_else(|| policy_cure(denial, &judged.policies)).or(denied.cure);
            Explained { cure, ..denied }
        }
    };
    Explained { policies: judged.policies, observed_until, ..explained }.by(route.name(), route.team())
}

/// The advice for a policy without `@cure`: the denial's own cure tells the reader to ask for this
/// explanation.
fn policy_cure(denial: Denial, policies: &[String]) -> Option<String> {
    match (denial, policies.first()) {
        (Denial::PolicyDenied, None) => {
            Some("add the holder to the route's `callers`, or write a permit for it".to_owned())
        }
        (Denial::PolicyDenied | Denial::PolicyError, Some(first)) => Some(format!(
            "change the request, or change the policy `{first}`; if the policy had a `@cure`, it would be shown here"
        )),
        _ => None,
    }
}
