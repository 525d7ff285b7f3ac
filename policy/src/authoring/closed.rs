//! Closed routes: what stands in a bundle for a new route that cannot be built, so that no broader route takes over what its
//! team meant to govern. Nothing satisfies a closed route. It covers the part of the match that is on the team's own ground:
//! nobody closes what belongs to another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::objects::{self, RouteDocuments};
use crate::assembly;
use crate::bundles::Base;
use crate::documents::files::{self, Documents, Form};
use crate::documents::teams::{Ground, Team};
use crate::fault::Faults;
use crate::matching::{Matcher, Pattern};
use crate::routes::Hosts;

/// The policy of every closed route. By it a closed route is known again in what was signed.
const POLICY: &str = "@id(\"not-accepted\")\n@reason(\"this route was not accepted, so nothing may pass here\")\n@cure(\"the status of its GovernedRoute says what is wrong with it\")\nforbid (principal, action, resource);\n";

/// Who owns which part of which host, in a base.
#[derive(Debug)]
pub struct Grounds {
    documents: Documents,
    hosts: Hosts,
    /// The floors of each team, as they are written.
    floors: BTreeMap<String, Value>,
}

/// What a namespace is in a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Team,
    /// Its routes are of the base, and not of the cluster.
    Platform,
    Nobody,
}

/// The matches that other routes have. A closed route takes none of them.
#[derive(Debug, Default)]
pub struct TakenMatches(Matcher<()>);

/// What closes the part of a match on its team's ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedRoute {
    /// `None` if no part of the match is on the team's own ground, or free.
    pub documents: Option<RouteDocuments>,
    /// What is closed, for people: `POST payments.shop/v1/payments/*`.
    pub closed: Vec<String>,
    /// What is not, each with the reason.
    pub dropped: Vec<String>,
}

impl RouteDocuments {
    /// Whether this is a closed route.
    pub fn is_closed(&self) -> bool {
        self.spec().is_some_and(|spec| spec.get("policy").and_then(Value::as_str) == Some(POLICY))
    }
}

impl TakenMatches {
    /// Those of the base's own routes.
    pub fn of_base(grounds: &Grounds) -> TakenMatches {
        let mut taken = TakenMatches::default();
        for item in grounds.documents.routes.iter().flat_map(|route| &route.matches) {
            for host in &item.hosts {
                for (method, path) in item.endpoints() {
                    // A match that is already there is the same for this purpose.
                    let _ = taken.0.insert(&host.value, method, &path.value, ());
                }
            }
        }
        taken
    }

    pub fn add(&mut self, route: &RouteDocuments) {
        let Some(spec) = route.spec() else { return };
        for part in parts(&spec) {
            if let Ok(pattern) = Pattern::parse(&part.path) {
                let _ = self.0.insert(&part.host, &part.method, &pattern, ());
            }
        }
    }

    fn take(&mut self, host: &str, method: &str, pattern: &Pattern) -> bool {
        self.0.insert(host, method, pattern, ()).is_ok()
    }
}

impl Grounds {
    /// `None` if the base is not sound.
    pub fn of(base: &Base) -> Option<Grounds> {
        let faults = Faults::new();
        let documents = files::read(base.files(), Form::Json, &faults);
        let hosts = assembly::hosts_of(&documents, &faults);
        let teams: Value = serde_json::from_slice(base.files().get("teams.json")?).ok()?;
        let floors = teams.get("spec")?.as_object()?.iter();
        let floors =
            floors.filter_map(|(team, terms)| Some((team.clone(), terms.get("floors")?.clone()))).collect();
        faults.is_empty().then_some(Grounds { documents, hosts, floors })
    }

    /// What the namespace of this name is.
    pub fn owner(&self, namespace: &str) -> Owner {
        match self.team(namespace) {
            None => Owner::Nobody,
            Some(team) if team.is_platform => Owner::Platform,
            Some(_) => Owner::Team,
        }
    }

    /// Whether a route of the base has this name.
    pub fn has_route(&self, name: &str) -> bool {
        self.documents.routes.iter().any(|route| route.name.value == name)
    }

    /// The proxies that serve a host of this route, sorted.
    pub fn proxies_of(&self, route: &RouteDocuments) -> BTreeSet<String> {
        let spec = route.spec().unwrap_or_default();
        let hosts: BTreeSet<String> = parts(&spec).into_iter().map(|part| part.host).collect();
        let serves = |proxy: &&str| hosts.iter().any(|host| self.hosts.served(proxy, host).is_some());
        self.hosts.proxies().filter(serves).map(str::to_owned).collect()
    }

    /// A route of this name that closes what this `spec` means to match, as far as it is on the team's ground and free.
    pub fn closed(&self, team: &str, name: &str, spec: &Value, taken: &mut TakenMatches) -> ClosedRoute {
        // It is refused for its size, and to close it all the same would take as long as to build it.
        if let Err(fault) = objects::check_size(spec) {
            return ClosedRoute { documents: None, closed: Vec::new(), dropped: vec![fault.what] };
        }
        let mut dropped = Vec::new();
        let mut all: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for part in parts(spec) {
            match self.on_ground(team, &part) {
                Ok((host, pattern)) if taken.take(&host, &part.method, &pattern) => {
                    all.entry((host, pattern.text().to_owned())).or_default().insert(part.method);
                }
                Ok(_) => dropped.push(format!("{part}: another route has this match")),
                Err(why) => dropped.push(format!("{part}: {why}")),
            }
        }
        let closed = all.iter().flat_map(|((host, path), methods)| {
            methods.iter().map(move |method| format!("{method} {host}{path}"))
        });
        let closed: Vec<String> = closed.collect();
        let documents =
            (!all.is_empty()).then(|| RouteDocuments::made(team, name, &self.document(team, name, &all)));
        ClosedRoute { documents, closed, dropped }
    }

    fn document(
        &self,
        team: &str,
        name: &str,
        matches: &BTreeMap<(String, String), BTreeSet<String>>,
    ) -> Value {
        let items: Vec<Value> = matches
            .iter()
            .map(|((host, path), methods)| json!({"hosts": [host], "methods": methods, "paths": [path]}))
            .collect();
        // As strict as can be said, and never below the floors of the team.
        let mut require = Map::new();
        for (key, floor) in self.floors.get(team).and_then(Value::as_object).into_iter().flatten() {
            require.insert(key.clone(), floor.clone());
        }
        for (key, strictest) in [
            ("holder", json!("both")),
            ("use", json!("once")),
            ("maxLifetime", json!("1s")),
            ("maxDepth", json!(0)),
            ("issued", json!(true)),
        ] {
            require.insert(key.to_owned(), strictest);
        }
        json!({
            "apiVersion": "portcullis.dev/v1alpha1",
            "kind": "GovernedRoute",
            "metadata": {"name": name},
            "spec": {"match": items, "require": require, "policy": POLICY},
        })
    }

    /// The part of this match on the team's own ground, under the canonical name of its host.
    fn on_ground(&self, team: &str, part: &Part) -> Result<(String, Pattern), String> {
        let host = self.hosts.canonical(&part.host).unwrap_or(&part.host);
        let pattern = Pattern::parse(&part.path).map_err(|broken| broken.why)?;
        let owner = self.team(team).ok_or_else(|| format!("`{team}` is not a team"))?;
        let own = owner.ground.iter().filter(|ground| self.is_on(ground, host));
        let within = own.filter_map(|ground| Some((ground, pattern.within(&ground.prefix.value)?)));
        let (ground, narrowed) = within
            .max_by_key(|(ground, _)| ground.prefix.value.steps().len())
            .ok_or_else(|| format!("it is not on the ground of team `{team}`"))?;
        let teams = self.documents.teams.iter().flat_map(|teams| &teams.list);
        let others = teams.filter(|other| other.name.value != team).flat_map(|other| &other.ground);
        let inner = others.filter(|other| self.is_on(other, host)).find(|other| {
            other.prefix.value.steps().len() > ground.prefix.value.steps().len()
                && narrowed.reaches(&other.prefix.value)
        });
        match inner {
            None => Ok((host.to_owned(), narrowed)),
            Some(inner) => {
                Err(format!("it reaches into {}, the ground of another team", inner.prefix.value.text()))
            }
        }
    }

    fn is_on(&self, ground: &Ground, host: &str) -> bool {
        let canonical = |name| self.hosts.canonical(name).unwrap_or(name).to_owned();
        canonical(&ground.host.value) == canonical(host)
    }

    fn team(&self, name: &str) -> Option<&Team> {
        self.documents.teams.as_ref()?.list.iter().find(|team| team.name.value == name)
    }
}

/// One host with one method and one path of a `match`, as it is written.
struct Part {
    host: String,
    method: String,
    path: String,
}

impl std::fmt::Display for Part {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}{}", self.method, self.host, self.path)
    }
}

/// Everything in a `match` that can be read as a host, a method and a path. The rest of it has a fault of its own.
fn parts(spec: &Value) -> Vec<Part> {
    let mut all = Vec::new();
    for item in spec.get("match").and_then(Value::as_array).into_iter().flatten() {
        let texts = |key: &str| -> Vec<&str> {
            let list = item.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).collect()
        };
        let hosts: Vec<&str> =
            texts("hosts").into_iter().filter(|host| warrant::Host::parse(host).is_some()).collect();
        let service = item.get("grpc").and_then(Value::as_str);
        for host in hosts {
            for method in texts("methods") {
                match service {
                    Some(service) => all.push(Part {
                        host: host.to_owned(),
                        method: "POST".to_owned(),
                        path: format!("/{service}/{method}"),
                    }),
                    None if !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                        all.extend(texts("paths").into_iter().map(|path| Part {
                            host: host.to_owned(),
                            method: method.to_owned(),
                            path: path.to_owned(),
                        }));
                    }
                    None => {}
                }
            }
        }
    }
    all
}
