//! The files of a bundle, by name, into documents. The same names, in JSON, are what a signed bundle holds.
//!
//! A name that is not expected is a fault, never skipped: a misspelt file would drop its rules silently.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::identities::{self, Identities};
use super::mesh::{self, Mesh};
use super::proxies::{self, Proxies};
use super::route::{self, PolicyText, RouteDoc};
use super::route_tests::{self, TestsDoc};
use super::teams::{self, Teams};
use super::words;
use crate::fault::{Faults, Page, Place};
use crate::strict::{self, Node, Style, Value, canonical, json};
use crate::warning::Notice;

/// Each file's name, `/` between folders, and its bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What the documents are written in.
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

    fn read(self, bytes: &[u8], page: Page<'_>) -> Option<Node> {
        let node = match self {
            Self::Yaml => strict::yaml(bytes, page),
            Self::Json => json::read(bytes, page),
        }?;
        strict::note_strange(&node, page);
        Some(node)
    }
}

/// All documents of a bundle, each read alone.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) form: Form,
    pub(crate) mesh: Mesh,
    pub(crate) proxies: Proxies,
    pub(crate) identities: Identities,
    pub(crate) teams: Teams,
    pub(crate) mesh_policy: PolicyText,
    pub(crate) routes: Vec<RouteDoc>,
    pub(crate) tests: Vec<TestsDoc>,
    /// Values that stand twice in one list, by file.
    pub(crate) doubles: Vec<(PathBuf, Notice)>,
    /// Canonical JSON by the name that a bundle gives it.
    pub(crate) packed: Files,
}

impl Documents {
    /// What a top file is called here.
    pub(crate) fn top(&self, stem: &str) -> String {
        format!("{stem}.{}", self.form.extension())
    }
}

pub(crate) const MESH_POLICY: &str = "mesh.cedar";

/// Reads every file, notes every fault, and gives the documents only where each could be read.
pub(crate) fn read(files: &Files, form: Form, faults: &Faults) -> Option<Documents> {
    let before = faults.count();
    let mut reading = Reading { form, faults, files, packed: Files::new(), doubles: Vec::new() };
    let mesh = reading.top("mesh", mesh::read);
    let proxies = reading.top("proxies", proxies::read);
    let identities = reading.top("identities", identities::read);
    let teams = reading.top("teams", teams::read);
    let mesh_policy = reading.mesh_policy();
    let (mut routes, mut tests) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        match role(name, form) {
            Some(Role::Top) => {}
            Some(Role::Route { team, stem }) => routes.extend(reading.route(name, bytes, team, stem)),
            Some(Role::Tests { team, stem }) => tests.extend(reading.tests(name, bytes, team, stem)),
            None => {
                faults.page(Path::new(name)).fault(Place::NONE, "no file of a bundle has this name", NAMES)
            }
        }
    }
    let documents = Documents {
        form,
        mesh: mesh?,
        proxies: proxies?,
        identities: identities?,
        teams: teams?,
        mesh_policy: mesh_policy?,
        routes,
        tests,
        doubles: reading.doubles,
        packed: reading.packed,
    };
    (faults.count() == before).then_some(documents)
}

const NAMES: &str = "name it `routes/<team>/<name>.yaml` or `routes/<team>/<name>.test.yaml`, or begin it with a dot if it is none of the bundle's";

enum Role<'a> {
    Top,
    Route { team: &'a str, stem: &'a str },
    Tests { team: &'a str, stem: &'a str },
}

fn role(name: &str, form: Form) -> Option<Role<'_>> {
    if name == MESH_POLICY {
        return Some(Role::Top);
    }
    let stem = name.strip_suffix(form.extension())?.strip_suffix('.')?;
    if matches!(stem, "mesh" | "proxies" | "identities" | "teams") {
        return Some(Role::Top);
    }
    let (team, stem) = stem.strip_prefix("routes/")?.split_once('/')?;
    let (stem, is_tests) = stem.strip_suffix(".test").map_or((stem, false), |stem| (stem, true));
    let role = if is_tests { Role::Tests { team, stem } } else { Role::Route { team, stem } };
    (words::is_label(team) && words::is_label(stem)).then_some(role)
}

struct Reading<'a> {
    form: Form,
    faults: &'a Faults,
    files: &'a Files,
    packed: Files,
    doubles: Vec<(PathBuf, Notice)>,
}

impl Reading<'_> {
    fn top<T>(&mut self, stem: &str, read: impl FnOnce(&Node, Page<'_>) -> Option<T>) -> Option<T> {
        let name = format!("{stem}.{}", self.form.extension());
        let page = self.faults.page(Path::new(&name));
        let Some(bytes) = self.files.get(&name) else {
            page.fault(
                Place::NONE,
                "the file is missing",
                "every bundle has it: `portcullis init` writes one",
            );
            return None;
        };
        let node = self.form.read(bytes, page)?;
        self.pack(format!("{stem}.json"), &node);
        self.note_doubles(&name, &node);
        read(&node, page)
    }

    fn mesh_policy(&mut self) -> Option<PolicyText> {
        let page = self.faults.page(Path::new(MESH_POLICY));
        let Some(bytes) = self.files.get(MESH_POLICY) else {
            page.fault(Place::NONE, "the file is missing", "every bundle has it: it may hold a comment only");
            return None;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            page.fault(Place::NONE, "the file is no UTF-8", "save it as UTF-8");
            return None;
        };
        self.packed.insert(MESH_POLICY.to_owned(), bytes.clone());
        Some(PolicyText {
            at: Place { line: 1, column: 1 },
            text: text.to_owned(),
            style: Style::Literal { first: 1, indent: 0 },
        })
    }

    fn route(&mut self, name: &str, bytes: &[u8], team: &str, stem: &str) -> Option<RouteDoc> {
        let page = self.faults.page(Path::new(name));
        let node = self.form.read(bytes, page)?;
        self.pack(format!("routes/{team}/{stem}.json"), &node);
        self.note_doubles(name, &node);
        route::read(&node, team, stem, page)
    }

    fn tests(&mut self, name: &str, bytes: &[u8], team: &str, stem: &str) -> Option<TestsDoc> {
        let page = self.faults.page(Path::new(name));
        let extension = self.form.extension();
        if !self.files.contains_key(&format!("routes/{team}/{stem}.{extension}")) {
            page.fault(
                Place::NONE,
                "tests without their route",
                format!("write `{stem}.{extension}` beside it, or take the tests out"),
            );
        }
        let node = route_tests::with_json_values(&self.form.read(bytes, page)?);
        self.pack(format!("routes/{team}/{stem}.test.json"), &node);
        route_tests::read(&node, stem, page)
    }

    fn note_doubles(&mut self, name: &str, node: &Node) {
        for (at, text) in strict::doubles(node) {
            let notice = Notice::new(
                at,
                "duplicate",
                format!("`{text}` stands twice in this list"),
                "keep one of them",
            );
            self.doubles.push((PathBuf::from(name), notice));
        }
    }

    fn pack(&mut self, name: String, node: &Node) {
        self.packed.insert(name, canonical::of(&without_notes(node)).into_bytes());
    }
}

/// The document without what is read by nobody (labels, annotations) and what its folder says already (the namespace).
fn without_notes(node: &Node) -> Node {
    let mut kept = node.clone();
    let Value::Map(members) = &mut kept.value else { return kept };
    for (key, member) in members {
        if let (true, Value::Map(metadata)) = (key.text == "metadata", &mut member.value) {
            metadata.retain(|(key, _)| key.text == "name");
        }
    }
    kept
}
