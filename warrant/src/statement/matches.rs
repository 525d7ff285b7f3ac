//! Lists of matches, the most specific first: which requests each one is about, and what it says of them. The first one
//! that matches a request decides. This module does not know what that means.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    formats::{is_host, is_method},
    json::{JsonReader, Malformed, Parsed, required, set_once, text, writer::ObjectWriter},
    paths::{PathPattern, RawPath},
    request::{Host, Method},
};

/// Requests to one host with one of these methods and a path of this pattern, and what is said of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<T> {
    host: Host,
    methods: BTreeSet<Box<str>>,
    path: PathPattern,
    says: T,
}

impl<T> Match<T> {
    /// `None` when there is no method, or one that is not of upper-case letters.
    pub fn new(host: Host, methods: BTreeSet<Box<str>>, path: PathPattern, says: T) -> Option<Self> {
        let good = !methods.is_empty() && methods.iter().all(|method| is_method(method));
        good.then_some(Self { host, methods, path, says })
    }

    /// The canonical host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The methods.
    pub const fn methods(&self) -> &BTreeSet<Box<str>> {
        &self.methods
    }

    /// The pattern of its paths.
    pub const fn path(&self) -> &PathPattern {
        &self.path
    }

    /// What it says of these requests.
    pub const fn says(&self) -> &T {
        &self.says
    }

    /// Writes the members `host`, `methods` and `path`.
    pub(super) fn write_requests(&self, out: &mut ObjectWriter) {
        out.text("host", self.host.as_str());
        let methods: Vec<_> = self.methods.iter().collect();
        out.texts("methods", &methods);
        out.text("path", self.path.as_str());
    }
}

/// The members `host`, `methods` and `path` that were read so far.
#[derive(Default)]
pub(super) struct RequestsRead {
    host: Option<Host>,
    methods: Option<BTreeSet<Box<str>>>,
    path: Option<PathPattern>,
}

impl RequestsRead {
    pub(super) fn member(&mut self, r: &mut JsonReader<'_>, name: &str) -> Parsed<()> {
        match name {
            "host" => set_once(&mut self.host, host(r)?),
            "methods" => {
                let mut methods = BTreeSet::new();
                r.array(|r| {
                    let method = text(r, is_method, "a method that is not of upper-case letters")?;
                    methods.insert(method.to_box());
                    Ok(())
                })?;
                set_once(&mut self.methods, methods)
            }
            "path" => {
                let path = r.string()?.with(PathPattern::parse).flatten();
                set_once(&mut self.path, path.ok_or(Malformed("`path` is not a pattern of paths"))?)
            }
            _ => Err(Malformed("a match has an unknown member")),
        }
    }

    pub(super) fn complete<T>(self, says: T) -> Parsed<Match<T>> {
        let host = required(self.host, "a match lacks `host`")?;
        let methods = required(self.methods, "a match lacks `methods`")?;
        let path = required(self.path, "a match lacks `path`")?;
        Match::new(host, methods, path, says).ok_or(Malformed("a match has no method"))
    }
}

/// Reads a canonical host.
pub(super) fn host(r: &mut JsonReader<'_>) -> Parsed<Host> {
    let host = text(r, is_host, "a host that is not canonical")?;
    host.with(Host::parse).flatten().ok_or(Malformed("a host that is not canonical"))
}

/// Matches in order. Those of other hosts and methods are not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MatchList<T> {
    matches: Vec<Match<T>>,
    places: BTreeMap<Host, BTreeMap<Box<str>, Vec<usize>>>,
}

impl<T> MatchList<T> {
    pub(super) fn new(matches: Vec<Match<T>>) -> Self {
        let mut places: BTreeMap<Host, BTreeMap<Box<str>, Vec<usize>>> = BTreeMap::new();
        for (place, one) in matches.iter().enumerate() {
            let of_host = places.entry(one.host.clone()).or_default();
            for method in &one.methods {
                of_host.entry(method.clone()).or_default().push(place);
            }
        }
        Self { matches, places }
    }

    pub(super) fn all(&self) -> &[Match<T>] {
        &self.matches
    }

    /// What the first match of this request says.
    pub(super) fn first(&self, host: &Host, method: &Method, path: &RawPath<'_>) -> Option<&T> {
        let places = self.places.get(host)?.get(method.as_str())?;
        let mut matches = places.iter().filter_map(|place| self.matches.get(*place));
        matches.find(|one| one.path.matches(path)).map(|one| &one.says)
    }
}
