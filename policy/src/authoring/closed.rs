//! Closed routes: what stands in a bundle for a new route that cannot be built, so that no broader route takes over what its
//! team meant to govern. Nothing satisfies a closed route. It covers the part of the match that is on the team's own ground:
//! nobody closes what belongs to another.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::objects::{self, ObjectFault, RouteDocuments};
use crate::assembly;
use crate::bundles::Base;
use crate::documents::files::{self, Documents, Form};
use crate::documents::matches;
use crate::documents::teams::{Ground, Team};
use crate::fault::Faults;
use crate::matching::{Matcher, Pattern};
use crate::routes::Hosts;

/// The policy of every closed route. By it a closed route is known again in what was signed.
const POLICY: &str = "@id(\"not-accepted\")\n@reason(\"this route was not accepted, so nothing may pass here\")\n@cure(\"the status of its GovernedRoute says what is wrong with it\")\nforbid (principal, action, resource);\n";

/// How many parts of a match are told; behind them stands how many more there are.
const MOST_TOLD: usize = 8;
/// How long the text of one of them is at most.
const LONGEST_TOLD: usize = 300;
/// The longest path that is closed. A valid one is shorter, unless it has many long names.
const LONGEST_PATH: usize = 4 * 1024;
/// What a closed route may be together. A document of twice as much is refused by every server.
const LONGEST: usize = 200 * 1024;

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
    /// What is closed, for people: `POST payments.shop/v1/payments/*`. Only the first parts are named.
    pub closed: Vec<String>,
    /// What is not, each with the reason. Only the first parts are named.
    pub dropped: Vec<String>,
}

/// A host with a path on it, as they stand in a closed route.
pub type ClosedPlace = (String, String);

impl ClosedRoute {
    /// What in it this fault is about; nothing if it is about all of it.
    pub fn places_of(&self, fault: &ObjectFault) -> Vec<ClosedPlace> {
        let spec = self.documents.as_ref().and_then(RouteDocuments::spec).unwrap_or_default();
        let number = |text: &str| text.split_once(']')?.0.parse::<usize>().ok();
        let item = fault.path.strip_prefix("spec.match[").and_then(number);
        let Some(item) = item.and_then(|item| spec.get("match")?.get(item)) else { return Vec::new() };
        let wanted = fault.path.split_once(".paths[").and_then(|(_, rest)| number(rest));
        let Item { hosts, paths, .. } = Item::of(item);
        let meant = paths.iter().enumerate().filter(|(at, _)| wanted.is_none_or(|wanted| wanted == *at));
        let place = |host: &&str, path: &str| ((*host).to_owned(), path.to_owned());
        meant.flat_map(|(_, path)| hosts.iter().map(move |host| place(host, path))).collect()
    }
}

/// The first texts of many, and how many there are.
#[derive(Default)]
struct Told {
    first: Vec<String>,
    count: usize,
}

impl Told {
    fn add(&mut self, text: impl FnOnce() -> String) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < MOST_TOLD {
            let text = text();
            let end = (0..=LONGEST_TOLD.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
            self.first.push(end.and_then(|end| text.get(..end)).unwrap_or_default().to_owned());
        }
    }

    fn into_texts(mut self) -> Vec<String> {
        if self.count > MOST_TOLD {
            self.first.truncate(MOST_TOLD.saturating_sub(1));
            self.first.push(format!("and {} more", self.count.saturating_sub(self.first.len())));
        }
        self.first
    }
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
        for Item { hosts, methods, paths } in items(&spec) {
            for pattern in paths.iter().filter_map(|path| Pattern::parse(path).ok()) {
                for host in &hosts {
                    for method in &methods {
                        let _ = self.0.insert(host, method, &pattern, ());
                    }
                }
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
        let hosts: BTreeSet<&str> = items(&spec).into_iter().flat_map(|item| item.hosts).collect();
        let serves = |proxy: &&str| hosts.iter().any(|host| self.hosts.served(proxy, host).is_some());
        self.hosts.proxies().filter(serves).map(str::to_owned).collect()
    }

    /// A route of this name that closes what this `spec` means to match, as far as it is on the team's ground and free. `except` are
    /// places that it must leave out, because a build has refused them.
    pub fn closed(
        &self,
        team: &str,
        name: &str,
        spec: &Value,
        taken: &mut TakenMatches,
        except: &BTreeSet<ClosedPlace>,
    ) -> ClosedRoute {
        // It is refused for its size, and to close it all the same would take as long as to build it.
        if let Err(fault) = objects::check_size(spec) {
            return ClosedRoute { documents: None, closed: Vec::new(), dropped: vec![fault.what] };
        }
        let (mut closed, mut dropped, mut length) = (Told::default(), Told::default(), 0_usize);
        let mut all: BTreeMap<ClosedPlace, BTreeSet<&str>> = BTreeMap::new();
        let items = items(spec);
        for item in &items {
            for host in &item.hosts {
                for path in &item.paths {
                    let place = match self.on_ground(team, host, path) {
                        Ok((host, pattern))
                            if except.contains(&(host.clone(), pattern.text().to_owned())) =>
                        {
                            Err(format!("{host}{} cannot be closed", pattern.text()))
                        }
                        other => other,
                    };
                    let (host, pattern) = match place {
                        Ok(place) => place,
                        Err(why) => {
                            for method in &item.methods {
                                dropped.add(|| format!("{method} {host}{path}: {why}"));
                            }
                            continue;
                        }
                    };
                    for method in &item.methods {
                        let own = [host.len(), method.len(), pattern.text().len(), 64];
                        let longer = own.iter().fold(length, |sum, part| sum.saturating_add(*part));
                        if longer > LONGEST {
                            dropped.add(|| format!("{method} {host}{path}: there is too much to close"));
                        } else if taken.take(&host, method, &pattern) {
                            length = longer;
                            all.entry((host.clone(), pattern.text().to_owned())).or_default().insert(method);
                        } else {
                            dropped.add(|| format!("{method} {host}{path}: another route has this match"));
                        }
                    }
                }
            }
        }
        for ((host, path), methods) in &all {
            methods.iter().for_each(|method| closed.add(|| format!("{method} {host}{path}")));
        }
        let documents =
            (!all.is_empty()).then(|| RouteDocuments::made(team, name, &self.document(team, name, all)));
        ClosedRoute { documents, closed: closed.into_texts(), dropped: dropped.into_texts() }
    }

    fn document(&self, team: &str, name: &str, matches: BTreeMap<ClosedPlace, BTreeSet<&str>>) -> Value {
        // What has the same host and methods is one item.
        let mut grouped: BTreeMap<(String, BTreeSet<&str>), Vec<String>> = BTreeMap::new();
        for ((host, path), methods) in matches {
            grouped.entry((host, methods)).or_default().push(path);
        }
        let items: Vec<Value> = grouped
            .into_iter()
            .map(|((host, methods), paths)| json!({"hosts": [host], "methods": methods, "paths": paths}))
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
    fn on_ground(&self, team: &str, host: &str, path: &str) -> Result<(String, Pattern), String> {
        let host = self.hosts.canonical(host).unwrap_or(host);
        let pattern = Pattern::parse(path).map_err(|broken| broken.why)?;
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
            // With the prefix of the ground it may have become too long.
            None => match Pattern::parse(narrowed.text()) {
                Ok(narrowed) => Ok((host.to_owned(), narrowed)),
                Err(broken) => Err(broken.why),
            },
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

/// What can be read of one item of a `match`: each host with each method and each path. Nothing is copied: a long path may stand
/// beside thousands of methods.
struct Item<'a> {
    hosts: Vec<&'a str>,
    methods: Vec<&'a str>,
    paths: Vec<Cow<'a, str>>,
}

/// Everything in a `match` that can be read as a host, a method and a path. The rest of it has a fault of its own.
fn items(spec: &Value) -> Vec<Item<'_>> {
    let all = spec.get("match").and_then(Value::as_array).into_iter().flatten();
    all.map(Item::of).collect()
}

impl Item<'_> {
    fn of(item: &Value) -> Item<'_> {
        let texts = |key: &str| -> Vec<&str> {
            let list = item.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).collect()
        };
        let mut hosts = texts("hosts");
        hosts.retain(|host| warrant::Host::parse(host).is_some());
        let mut methods = texts("methods");
        match item.get("grpc").and_then(Value::as_str) {
            Some(service) => {
                let path = |method: &&str| format!("/{service}/{method}");
                let is_short = |method: &&str| {
                    service.len().saturating_add(method.len()).saturating_add(2) <= LONGEST_PATH
                };
                let paths = methods.iter().copied().filter(|method| is_short(method));
                Item {
                    hosts,
                    methods: vec!["POST"],
                    paths: paths.map(|method| path(&method).into()).collect(),
                }
            }
            None => {
                methods.retain(|method| matches::is_http_method(method));
                let paths = texts("paths").into_iter().filter(|path| path.len() <= LONGEST_PATH);
                Item { hosts, methods, paths: paths.map(Cow::Borrowed).collect() }
            }
        }
    }
}
