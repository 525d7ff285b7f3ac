//! Reads the files of a bundle into documents. A signed bundle holds files of the same names, in JSON.
//!
//! A file with an unexpected name is a fault and never skipped: a misspelt name would silently drop the rules in that file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::identities::{self, Identities};
use super::issuance_tests::{self, IssuanceTestsDoc};
use super::mesh::{self, Mesh, Notes, RoutesBy};
use super::numbered;
use super::operator_tests::{self, OperatorTestsDoc};
use super::proxies::{self, Proxies};
use super::route::{self, PolicyText, RouteDoc};
use super::route_tests::{self, TestsDoc};
use super::scalars;
use super::teams::{self, Teams};
use crate::fault::{Faults, FileFaults, Place};
use crate::strict::{self, Node, NodeValue, Style, canonical, json};
use crate::warning::Notice;

/// The bytes of each file, by its path with `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The format of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As teams write them.
    Yaml,
    /// As a bundle holds them.
    Json,
}

impl Form {
    const fn extension(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
        }
    }

    fn read(self, bytes: &[u8], faults: FileFaults<'_>) -> Option<Node> {
        let node = match self {
            Self::Yaml => strict::yaml(bytes, faults),
            Self::Json => json::read(bytes, faults),
        }?;
        strict::check_characters(&node, faults);
        Some(node)
    }
}

/// All documents of a bundle, each read on its own, as far as it can be read. A document that could not be read has
/// faults.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) form: Form,
    pub(crate) mesh: Option<Mesh>,
    pub(crate) proxies: Option<Proxies>,
    pub(crate) identities: Option<Identities>,
    pub(crate) teams: Option<Teams>,
    pub(crate) mesh_policy: Option<PolicyText>,
    pub(crate) operators: Option<PolicyText>,
    pub(crate) operator_tests: Option<OperatorTestsDoc>,
    pub(crate) issuance: Option<PolicyText>,
    pub(crate) issuance_tests: Option<IssuanceTestsDoc>,
    pub(crate) routes: Vec<RouteDoc>,
    /// The names of the routes that could not be read.
    pub(crate) unread_routes: Vec<String>,
    pub(crate) tests: Vec<TestsDoc>,
    /// Values that occur twice in one list, by file.
    pub(crate) duplicates: Vec<(PathBuf, Notice)>,
    /// Canonical JSON, by the name of the file in a bundle.
    pub(crate) packed: Files,
}

impl Documents {
    /// The name of a top-level file in this format.
    pub(crate) fn top(&self, stem: &str) -> String {
        format!("{stem}.{}", self.form.extension())
    }
}

pub(crate) const MESH_POLICY: &str = "mesh.cedar";
pub(crate) const OPERATORS: &str = "operators.cedar";
/// The name of the tests of operators, without the extension.
const OPERATOR_TESTS: &str = "operators.test";
pub(crate) const ISSUANCE: &str = "issuance.cedar";
/// The name of the tests of issuance, without the extension.
const ISSUANCE_TESTS: &str = "issuance.test";

/// Reads every file, and adds every fault.
pub(crate) fn read(files: &Files, form: Form, faults: &Faults) -> Documents {
    read_over(files, form, None, faults)
}

/// Reads a base, and routes over it if there are any. Only the base has top files.
pub(crate) fn read_over(
    files: &Files,
    form: Form,
    routes: Option<(&Files, Form)>,
    faults: &Faults,
) -> Documents {
    read_all(Reading::of(form, files, faults), routes)
}

/// Reads packed documents as a server needs them. The tests in them are not read: a test of a few bytes can stand for many megabytes,
/// and who signs it has run it.
pub(crate) fn read_without_tests(
    files: &Files,
    routes: Option<(&Files, Form)>,
    faults: &Faults,
) -> Documents {
    read_all(Reading { reads_tests: false, ..Reading::of(Form::Json, files, faults) }, routes)
}

fn read_all<'a>(mut reading: Reading<'a>, routes: Option<(&'a Files, Form)>) -> Documents {
    let form = reading.form;
    let mesh = reading.top("mesh", mesh::read);
    let proxies = reading.top("proxies", proxies::read);
    let identities = reading.top("identities", identities::read);
    let teams = reading.top("teams", teams::read);
    let mesh_policy = reading.cedar(MESH_POLICY);
    let operators = reading.cedar(OPERATORS);
    let operator_tests = reading.optional(OPERATOR_TESTS, operator_tests::read);
    let issuance = reading.cedar(ISSUANCE);
    let issuance_tests = reading.optional(ISSUANCE_TESTS, issuance_tests::read);
    let mut read = ReadRoutes::default();
    reading.routes(&mut read);
    if let Some((files, form)) = routes {
        (reading.files, reading.form) = (files, form);
        reading.routes(&mut read);
    }
    let ReadRoutes { routes, unread_routes, tests } = read;
    let Reading { packed, duplicates, .. } = reading;
    Documents {
        form,
        mesh,
        proxies,
        identities,
        teams,
        mesh_policy,
        operators,
        operator_tests,
        issuance,
        issuance_tests,
        routes,
        unread_routes,
        tests,
        duplicates,
        packed,
    }
}

/// The packed documents of one route of a team, with the names of the files that a bundle holds them in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteFiles<'a> {
    pub(crate) team: &'a str,
    pub(crate) name: &'a str,
    pub(crate) route: &'a [u8],
    pub(crate) tests: Option<&'a [u8]>,
}

/// Reads a base, and routes over it in this order: where two collide, the fault is of the later one. The places in these routes are
/// those that [`numbered::at`] gives.
pub(crate) fn read_in_order(base: &Files, routes: &[RouteFiles<'_>], faults: &Faults) -> Documents {
    let mut documents = read_over(base, Form::Json, None, faults);
    let mut reading = Reading {
        packed: std::mem::take(&mut documents.packed),
        duplicates: std::mem::take(&mut documents.duplicates),
        ..Reading::of(Form::Json, base, faults)
    };
    for RouteFiles { team, name, route, tests } in routes {
        let file = format!("routes/{team}/{name}.json");
        let node = Form::Json.read(route, faults.in_file(Path::new(&file)));
        match node.and_then(|node| reading.route_of(&file, &numbered::node(&node), team, name)) {
            Some(route) => documents.routes.push(route),
            None => documents.unread_routes.push((*name).to_owned()),
        }
        let Some(tests) = tests else { continue };
        let file = format!("routes/{team}/{name}.test.json");
        let node = Form::Json.read(tests, faults.in_file(Path::new(&file)));
        let tests = node.and_then(|node| reading.tests_of(&file, &numbered::node(&node), team, name));
        documents.tests.extend(tests);
    }
    documents.packed = reading.packed;
    documents.duplicates = reading.duplicates;
    documents
}

/// What the base of a bundle says about the routes of teams.
#[derive(Debug)]
pub(crate) struct BaseTerms {
    pub(crate) routes_by: Option<RoutesBy>,
    pub(crate) notes: Notes,
    /// The teams whose routes are of the base.
    pub(crate) platform: BTreeSet<String>,
}

/// Reads these terms from the files of a bundle. `None` if they have faults.
pub(crate) fn base_terms(files: &Files) -> Option<BaseTerms> {
    let faults = Faults::new();
    let mut reading = Reading::of(Form::Json, files, &faults);
    let Mesh { routes_by, notes, .. } = reading.top("mesh", mesh::read)?;
    let teams = reading.top("teams", teams::read)?.list.into_iter();
    let platform = teams.filter(|team| team.is_platform).map(|team| team.name.value).collect();
    faults.is_empty().then_some(BaseTerms { routes_by, notes, platform })
}

/// Reports each of these files, as they are written in a directory, that does not say what the file of a signed base says.
pub(crate) fn check_same(written: &Files, signed: &Files, faults: &Faults) {
    for (name, bytes) in written {
        let in_file = faults.in_file(Path::new(name));
        let (name, now) = match name.strip_suffix(".yaml") {
            None => (name.clone(), Some(bytes.clone())),
            Some(stem) => {
                let node = Form::Yaml.read(bytes, in_file).map(|node| {
                    let is_tests = stem.ends_with(".test") && team_of(name).is_some();
                    if is_tests { route_tests::with_json_values(&node) } else { node }
                });
                (format!("{stem}.json"), node.map(|node| packed(&node)))
            }
        };
        if now.is_some_and(|now| signed.get(&name) != Some(&now)) {
            in_file.fault(
                Place::NONE,
                "it is not as the base was signed",
                "sign a new base with the offline key first, or take this file out of the directory",
            );
        }
    }
}

const NAMES: &str = "name it `routes/<team>/<name>.yaml` or `routes/<team>/<name>.test.yaml`, or begin its name with a dot if it does not belong to the bundle";

enum Role<'a> {
    Top,
    Route { team: &'a str, stem: &'a str },
    Tests { team: &'a str, stem: &'a str },
}

fn role(name: &str, form: Form) -> Option<Role<'_>> {
    if matches!(name, MESH_POLICY | OPERATORS | ISSUANCE) {
        return Some(Role::Top);
    }
    let stem = name.strip_suffix(form.extension())?.strip_suffix('.')?;
    if matches!(stem, "mesh" | "proxies" | "identities" | "teams" | OPERATOR_TESTS | ISSUANCE_TESTS) {
        return Some(Role::Top);
    }
    let (team, stem) = stem.strip_prefix("routes/")?.split_once('/')?;
    let (stem, is_tests) = stem.strip_suffix(".test").map_or((stem, false), |stem| (stem, true));
    let role = if is_tests { Role::Tests { team, stem } } else { Role::Route { team, stem } };
    (scalars::is_label(team) && scalars::is_label(stem)).then_some(role)
}

/// Whose a file is. `None` for one that is not in the directory of a team.
fn team_of(name: &str) -> Option<&str> {
    Some(name.strip_prefix("routes/")?.split_once('/')?.0)
}

/// Whether this is a file of a team that is not among these: a route or its tests.
pub(crate) fn is_of_a_team(name: &str, platform: &BTreeSet<String>) -> bool {
    team_of(name).is_some_and(|team| !platform.contains(team))
}

/// The routes and their tests, as far as they are read.
#[derive(Default)]
struct ReadRoutes {
    routes: Vec<RouteDoc>,
    unread_routes: Vec<String>,
    tests: Vec<TestsDoc>,
}

struct Reading<'a> {
    form: Form,
    faults: &'a Faults,
    files: &'a Files,
    packed: Files,
    duplicates: Vec<(PathBuf, Notice)>,
    reads_tests: bool,
}

impl<'a> Reading<'a> {
    fn of(form: Form, files: &'a Files, faults: &'a Faults) -> Reading<'a> {
        Reading { form, faults, files, packed: Files::new(), duplicates: Vec::new(), reads_tests: true }
    }

    fn top<T>(&mut self, stem: &str, read: impl FnOnce(&Node, FileFaults<'_>) -> Option<T>) -> Option<T> {
        let name = format!("{stem}.{}", self.form.extension());
        let faults = self.faults.in_file(Path::new(&name));
        let Some(bytes) = self.files.get(&name) else {
            faults.fault(
                Place::NONE,
                "the file is missing",
                "every bundle needs it: `portcullis init` writes an example",
            );
            return None;
        };
        let node = self.form.read(bytes, faults)?;
        self.pack(format!("{stem}.json"), &node);
        self.note_duplicates(&name, &node);
        read(&node, faults)
    }

    /// A top file of policies.
    fn cedar(&mut self, name: &str) -> Option<PolicyText> {
        let faults = self.faults.in_file(Path::new(name));
        let Some(bytes) = self.files.get(name) else {
            faults.fault(
                Place::NONE,
                "the file is missing",
                "every bundle needs it: it may contain only a comment",
            );
            return None;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            faults.fault(Place::NONE, "the file is not UTF-8", "save it as UTF-8");
            return None;
        };
        self.packed.insert(name.to_owned(), bytes.clone());
        Some(PolicyText {
            at: Place { line: 1, column: 1 },
            text: text.to_owned(),
            style: Style::Literal { first: 1, indent: 0 },
        })
    }

    /// A top file of tests, which may be left out.
    fn optional<T>(
        &mut self,
        stem: &str,
        read: impl FnOnce(&Node, FileFaults<'_>) -> Option<T>,
    ) -> Option<T> {
        let name = format!("{stem}.{}", self.form.extension());
        let is_wanted = self.reads_tests && self.files.contains_key(&name);
        is_wanted.then(|| self.top(stem, read)).flatten()
    }

    /// Every file that is not a top file.
    fn routes(&mut self, read: &mut ReadRoutes) {
        for (name, bytes) in self.files {
            match role(name, self.form) {
                Some(Role::Top) => {}
                Some(Role::Route { team, stem }) => match self.route(name, bytes, team, stem) {
                    Some(route) => read.routes.push(route),
                    None => read.unread_routes.push(stem.to_owned()),
                },
                Some(Role::Tests { .. }) if !self.reads_tests => {}
                Some(Role::Tests { team, stem }) => read.tests.extend(self.tests(name, bytes, team, stem)),
                None => self.faults.in_file(Path::new(name)).fault(
                    Place::NONE,
                    "a bundle has no file with this name",
                    NAMES,
                ),
            }
        }
    }

    fn route(&mut self, name: &str, bytes: &[u8], team: &str, stem: &str) -> Option<RouteDoc> {
        let faults = self.faults.in_file(Path::new(name));
        let node = self.form.read(bytes, faults)?;
        self.route_of(name, &node, team, stem)
    }

    fn route_of(&mut self, name: &str, node: &Node, team: &str, stem: &str) -> Option<RouteDoc> {
        self.pack(format!("routes/{team}/{stem}.json"), node);
        self.note_duplicates(name, node);
        route::read(node, team, stem, self.faults.in_file(Path::new(name)))
    }

    fn tests(&mut self, name: &str, bytes: &[u8], team: &str, stem: &str) -> Option<TestsDoc> {
        let faults = self.faults.in_file(Path::new(name));
        let extension = self.form.extension();
        if !self.files.contains_key(&format!("routes/{team}/{stem}.{extension}")) {
            faults.fault(
                Place::NONE,
                "there is no route for these tests",
                format!("write `{stem}.{extension}` in the same directory, or remove the tests"),
            );
        }
        let node = route_tests::with_json_values(&self.form.read(bytes, faults)?);
        self.tests_of(name, &node, team, stem)
    }

    fn tests_of(&mut self, name: &str, node: &Node, team: &str, stem: &str) -> Option<TestsDoc> {
        self.pack(format!("routes/{team}/{stem}.test.json"), node);
        route_tests::read(node, stem, self.faults.in_file(Path::new(name)))
    }

    fn note_duplicates(&mut self, name: &str, node: &Node) {
        for (at, text) in strict::duplicates(node) {
            let notice = Notice::new(
                at,
                "duplicate",
                format!("`{text}` occurs twice in this list"),
                "keep one of them",
            );
            self.duplicates.push((PathBuf::from(name), notice));
        }
    }

    fn pack(&mut self, name: String, node: &Node) {
        self.packed.insert(name, packed(node));
    }
}

/// A document as a bundle holds it.
fn packed(node: &Node) -> Vec<u8> {
    canonical::of(&without_metadata(node)).into_bytes()
}

/// The document without what is not read (labels, annotations) and without what its directory already says (the namespace).
fn without_metadata(node: &Node) -> Node {
    let mut kept = node.clone();
    let NodeValue::Map(members) = &mut kept.value else { return kept };
    for (key, member) in members {
        if let (true, NodeValue::Map(metadata)) = (key.text == "metadata", &mut member.value) {
            metadata.retain(|(key, _)| key.text == "name");
        }
    }
    kept
}
