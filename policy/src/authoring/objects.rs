//! Routes that come as objects of Kubernetes: the namespace is the team. An object says the same as the file
//! `routes/<team>/<name>.yaml`, and the tests that a directory has in a file of their own are in its `spec.tests`.

use std::path::Path;

use serde_json::{Map, Value, json};
use warrant::Digest;

use super::built::Tested;
use crate::assembly;
use crate::bundles::Base;
use crate::documents::files::{self, Files};
use crate::documents::numbered;
use crate::fault::{Fault, Faults, Place};
use crate::strict::canonical;
use crate::strict::json as strict_json;

/// The longest document of an object, packed. A file in YAML may have as much.
const LONGEST: usize = 256 * 1024;
/// How many test cases one object may have.
pub(super) const MOST_CASES: usize = 200;
/// What its test cases may be together, each with what is `given` to all of them.
const LONGEST_CASES: usize = 4 * 1024 * 1024;
/// What the items of a `match` may be together: each host with each method and each path.
const MOST_ENDPOINTS: usize = 4096;

/// The documents of one route, in the form that a bundle contains. Nothing is known about them yet but their size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteDocuments {
    team: String,
    name: String,
    route: Vec<u8>,
    tests: Option<Vec<u8>>,
}

/// What is wrong with an object: where in it, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFault {
    /// A path like `spec.match[0].hosts[1]`; empty if the whole object is meant.
    pub path: String,
    pub what: String,
    pub instead: String,
}

impl std::fmt::Display for ObjectFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        write!(out, "{}; {}", self.what, self.instead)
    }
}

impl RouteDocuments {
    /// The documents that this object says.
    pub fn of_object(team: &str, name: &str, spec: &Value) -> Result<RouteDocuments, ObjectFault> {
        let mut spec = spec.clone();
        let tests = spec.as_object_mut().and_then(|members| members.remove("tests"));
        check_size(&spec)?;
        if let Some(tests) = &tests {
            check_tests(tests)?;
        }
        let metadata = json!({"name": name});
        let head = |kind: &str| {
            let mut members = Map::new();
            members.insert("apiVersion".to_owned(), json!("portcullis.dev/v1alpha1"));
            members.insert("kind".to_owned(), json!(kind));
            members.insert("metadata".to_owned(), metadata.clone());
            members
        };
        let mut route = head("GovernedRoute");
        route.insert("spec".to_owned(), spec);
        let tests = tests.map(|tests| {
            let mut document = head("RouteTests");
            match tests {
                Value::Object(members) => document.extend(members),
                other @ (Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)) => drop(document.insert("cases".to_owned(), other)),
            }
            packed(document, "spec.tests")
        });
        let route = packed(route, "spec")?;
        Ok(RouteDocuments { team: team.to_owned(), name: name.to_owned(), route, tests: tests.transpose()? })
    }

    /// The documents of this route in the files of a bundle.
    pub fn of_files(team: &str, name: &str, files: &Files) -> Option<RouteDocuments> {
        let route = files.get(&route_file(team, name))?.clone();
        let tests = files.get(&tests_file(team, name)).cloned();
        Some(RouteDocuments { team: team.to_owned(), name: name.to_owned(), route, tests })
    }

    /// A route that was made here.
    pub(super) fn made(team: &str, name: &str, document: &Value) -> RouteDocuments {
        let route = canonical::of_json(document).into_bytes();
        RouteDocuments { team: team.to_owned(), name: name.to_owned(), route, tests: None }
    }

    /// The same route without its tests.
    #[must_use]
    pub fn without_tests(&self) -> RouteDocuments {
        RouteDocuments { tests: None, ..self.clone() }
    }

    pub fn team(&self) -> &str {
        &self.team
    }

    /// The name of the route.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn has_tests(&self) -> bool {
        self.tests.is_some()
    }

    /// How many test cases it has.
    pub fn cases(&self) -> usize {
        let tests = self.tests_value();
        tests.as_ref().and_then(|tests| tests.get("cases")?.as_array()).map_or(0, Vec::len)
    }

    /// Its name in a bundle, and its tests' if it has any, with their bytes.
    pub fn files(&self) -> Files {
        let route = (route_file(&self.team, &self.name), self.route.clone());
        let tests = self.tests.clone().map(|tests| (tests_file(&self.team, &self.name), tests));
        std::iter::once(route).chain(tests).collect()
    }

    pub fn digest(&self) -> Digest {
        let mut all = self.route.clone();
        all.extend_from_slice(self.tests.as_deref().unwrap_or_default());
        Digest::of(&all)
    }

    /// Whether it lets requests through without a warrant.
    pub fn is_ungoverned(&self) -> bool {
        self.spec().is_some_and(|spec| spec.get("ungoverned").is_some())
    }

    /// What the document says, to be written as YAML: `spec`, as it is.
    pub fn route_value(&self) -> Value {
        serde_json::from_slice(&self.route).unwrap_or_default()
    }

    pub fn tests_value(&self) -> Option<Value> {
        self.tests.as_ref().map(|tests| serde_json::from_slice(tests).unwrap_or_default())
    }

    pub(super) fn spec(&self) -> Option<Value> {
        self.route_value().get("spec").cloned()
    }

    /// The place of a fault in one of its files, as a path in the object.
    fn path(&self, is_of_tests: bool, place: Place) -> String {
        let bytes = if is_of_tests { self.tests.as_deref().unwrap_or_default() } else { &self.route };
        let node = strict_json::parse(bytes).ok();
        let path = node.and_then(|node| numbered::at(&node, place)).unwrap_or_default();
        match (is_of_tests, path.is_empty()) {
            (false, _) => path,
            (true, true) => "spec.tests".to_owned(),
            (true, false) => format!("spec.tests.{path}"),
        }
    }

    /// A fault of a build that is about these documents.
    pub fn fault(&self, fault: &Fault) -> Option<ObjectFault> {
        let is_of_tests = match fault.file.to_str()? {
            file if file == route_file(&self.team, &self.name) => false,
            file if file == tests_file(&self.team, &self.name) => true,
            _ => return None,
        };
        let place = Place { line: fault.line, column: fault.column };
        Some(ObjectFault {
            path: self.path(is_of_tests, place),
            what: fault.what.clone(),
            instead: fault.instead.clone(),
        })
    }
}

/// Why routes cannot be built together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbuilt {
    /// All faults.
    pub faults: Vec<Fault>,
    /// Those of them that are between two routes: without the earlier one, the later one may be good.
    pub collisions: Vec<Fault>,
}

impl Tested {
    /// Reads and tests routes over a base. Where two collide, the fault is of the later one.
    pub fn of_objects(base: &Base, routes: &[&RouteDocuments]) -> Result<Tested, Unbuilt> {
        let faults = Faults::new();
        let files: Vec<_> = routes
            .iter()
            .map(|one| files::RouteFiles {
                team: &one.team,
                name: &one.name,
                route: &one.route,
                tests: one.tests.as_deref(),
            })
            .collect();
        for one in routes.iter().filter(|one| !base.is_of_a_team(&route_file(&one.team, &one.name))) {
            let file = route_file(&one.team, &one.name);
            faults.in_file(Path::new(&file)).fault(
                Place::NONE,
                format!("`{}` is the platform team, whose routes are signed offline", one.team),
                "write it into a file of the base, or into the namespace of another team",
            );
        }
        let documents = files::read_in_order(base.files(), &files, &faults);
        let collisions = assembly::collisions(&documents);
        Tested::over_signed(base, documents, faults).map_err(|faults| Unbuilt { faults, collisions })
    }
}

/// The file of a route in a bundle.
pub fn route_file(team: &str, name: &str) -> String {
    format!("routes/{team}/{name}.json")
}

fn tests_file(team: &str, name: &str) -> String {
    format!("routes/{team}/{name}.test.json")
}

fn packed(document: Map<String, Value>, path: &str) -> Result<Vec<u8>, ObjectFault> {
    let bytes = canonical::of_json(&Value::Object(document)).into_bytes();
    if bytes.len() <= LONGEST {
        return Ok(bytes);
    }
    Err(ObjectFault {
        path: path.to_owned(),
        what: format!("it has {} bytes, and the maximum is {LONGEST}", bytes.len()),
        instead: "split it into several routes".to_owned(),
    })
}

/// What is `given` is copied into each case, so a few hundred kilobytes could stand for gigabytes.
fn check_tests(tests: &Value) -> Result<(), ObjectFault> {
    let cases = tests.get("cases").unwrap_or(tests).as_array().map_or(0, Vec::len);
    let given = tests.get("given").map_or(0, |given| given.to_string().len());
    let fault = |what: String| ObjectFault {
        path: "spec.tests".to_owned(),
        what,
        instead: "keep the cases that say most, or write less under `given`".to_owned(),
    };
    if cases > MOST_CASES {
        return Err(fault(format!("there are {cases} cases, and the maximum is {MOST_CASES}")));
    }
    let all = given.saturating_mul(cases);
    if all > LONGEST_CASES {
        return Err(fault(format!(
            "`given` times the number of cases is {all} bytes, and the maximum is {LONGEST_CASES}"
        )));
    }
    Ok(())
}

/// A few kilobytes of hosts, methods and paths could otherwise stand for millions of matches.
pub(super) fn check_size(spec: &Value) -> Result<(), ObjectFault> {
    let items = spec.get("match").and_then(Value::as_array).into_iter().flatten();
    let length = |item: &Value, key: &str| item.get(key).and_then(Value::as_array).map_or(1, Vec::len).max(1);
    let all = items.fold(0_usize, |sum, item| {
        let endpoints = ["hosts", "methods", "paths"]
            .iter()
            .fold(1_usize, |product, key| product.saturating_mul(length(item, key)));
        sum.saturating_add(endpoints)
    });
    if all <= MOST_ENDPOINTS {
        return Ok(());
    }
    Err(ObjectFault {
        path: "spec.match".to_owned(),
        what: format!("hosts times methods times paths is {all}, and the maximum is {MOST_ENDPOINTS}"),
        instead: "split it into several routes, or write broader patterns".to_owned(),
    })
}
