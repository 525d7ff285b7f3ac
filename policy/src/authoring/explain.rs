//! What a request would meet: which route, which policies, which answer, why, and what to do about it.

use warrant::{Denial, Host, Method, RawPath, Seconds, Target};

use super::judge::{Judged, judge, judged};
use super::question::Question;
use crate::decision::{Case, Evidence};
use crate::documents::scalars::rfc3339;
use crate::routes::{Found, Located, Opening, Policy, Route};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Explained {
    /// `allow`, `ungoverned`, or the code of the denial.
    pub result: &'static str,
    /// Of a denial.
    pub status: Option<u16>,
    /// Which route matched, or which match that needs no warrant.
    pub route: Option<String>,
    pub team: Option<String>,
    /// Which policies decided.
    pub policies: Vec<String>,
    pub why: String,
    pub cure: Option<String>,
    /// Until then it is forwarded whatever the result; seconds since 1970.
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

/// Explains a request; else why what is asked is no request.
pub(crate) fn explain(policy: &Policy, question: &Question, now: Seconds) -> Result<Explained, String> {
    let Some(host) = host(policy, question)? else {
        let known: Vec<_> = policy.hosts.aliases().into_keys().collect();
        let why = format!("no proxy serves this host; hosts are: {}", known.join(", "));
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
        Found::Opening(opening) => without_a_warrant(opening, now),
        Found::Route(route) => {
            told(judge(policy, route, &question.situation(route, &host)?, now)?, route, now)
        }
    })
}

/// Explains a case that was gathered elsewhere, such as one out of the record.
pub fn explain_case<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Explained {
    let located = case.http.as_ref().ok().and_then(|http| http.located.as_ref().ok());
    let found = located.map_or(Found::Nothing, |located| located.found);
    let judged = judged(case, policy, found.route().map(Route::name));
    match (found, located, judged.denial) {
        (Found::Route(route), ..) => told(judged, route, case.now),
        (Found::Opening(opening), _, None | Some(Denial::NoRoutePolicy)) => {
            without_a_warrant(opening, case.now)
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

/// Explains a verdict that cannot be asked for again: by what its policies say of themselves.
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
    let judged = Judged {
        route: Some(route.name().to_owned()),
        denial,
        policies: policies.to_vec(),
        detail: reason.filter(|_| denial == Some(Denial::PolicyDenied)),
    };
    told(judged, route, now)
}

/// The canonical host; `None` where nobody serves it.
fn host(policy: &Policy, question: &Question) -> Result<Option<String>, String> {
    if let Some(name) = &question.host {
        return Ok(policy.hosts.canonical(&name.to_ascii_lowercase()).map(str::to_owned));
    }
    let hosts = policy.hosts.aliases();
    let mut names = hosts.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(Some((*only).to_owned())),
        _ => Err(format!("which host? There are: {}", hosts.into_keys().collect::<Vec<_>>().join(", "))),
    }
}

/// A match that is declared ungoverned, or was.
fn without_a_warrant(opening: &Opening, now: Seconds) -> Explained {
    let told = match opening.until().filter(|_| !opening.is_open(now)) {
        Some(until) => {
            let why = format!("it was ungoverned until {} ({})", rfc3339(until), opening.reason());
            Explained::denied(Denial::NoRoutePolicy, why)
        }
        None => Explained {
            result: "ungoverned",
            status: None,
            cure: None,
            ..Explained::denied(Denial::NoRoutePolicy, format!("it needs no warrant: {}", opening.reason()))
        },
    };
    told.by(opening.name(), opening.team())
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

/// What the judge said on a route, with what its policies advise.
fn told(judged: Judged, route: &Route, now: Seconds) -> Explained {
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
            let said = Explained::denied(denial, why);
            let cure = own.or_else(|| mend(denial, &judged.policies)).or(said.cure);
            Explained { cure, ..said }
        }
    };
    Explained { policies: judged.policies, observed_until, ..explained }.by(route.name(), route.team())
}

/// A policy without `@cure`, for whoever can change it: the code's own cure leads here.
fn mend(denial: Denial, policies: &[String]) -> Option<String> {
    match (denial, policies.first()) {
        (Denial::PolicyDenied, None) => {
            Some("name the holder in the route's `callers`, or write a permit for it".to_owned())
        }
        (Denial::PolicyDenied | Denial::PolicyError, Some(first)) => {
            Some(format!("change the request, or `{first}`; a `@cure` in it would be told here"))
        }
        _ => None,
    }
}
