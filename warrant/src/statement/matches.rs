//! Lists of matches, the most specific first: which requests each one is about, and what it says of them. The first one
//! that matches a request decides. This module does not know what that means.

use std::collections::BTreeSet;

use crate::{
    formats::{is_host, is_method},
    json::{JsonReader, Malformed, Parsed, required, set_once, text, writer::ObjectWriter},
    paths::{PathPattern, RawPath},
    request::{Host, Method},
    sorted::{Pair, is_rising, sort},
};

/// Requests to one host with one of these methods and a path of this pattern, and what is said of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<T> {
    host: Host,
    /// Strictly rising.
    methods: Box<[Box<str>]>,
    path: PathPattern,
    says: T,
}

impl<T> Match<T> {
    /// `None` when there is no method, or one that is not of upper-case letters.
    pub fn new(host: Host, methods: BTreeSet<Box<str>>, path: PathPattern, says: T) -> Option<Self> {
        Self::of(host, methods.into_iter().collect(), path, says)
    }

    /// The same with methods that rise strictly.
    fn of(host: Host, methods: Box<[Box<str>]>, path: PathPattern, says: T) -> Option<Self> {
        let good =
            !methods.is_empty() && is_rising(&methods) && methods.iter().all(|method| is_method(method));
        good.then_some(Self { host, methods, path, says })
    }

    /// The canonical host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The methods.
    pub const fn methods(&self) -> &[Box<str>] {
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
        out.texts("methods", &self.methods);
        out.text("path", self.path.as_str());
    }
}

/// The members `host`, `methods` and `path` that were read so far.
#[derive(Default)]
pub(super) struct RequestsRead {
    host: Option<Host>,
    methods: Option<Vec<Box<str>>>,
    path: Option<PathPattern>,
}

impl RequestsRead {
    pub(super) fn member(&mut self, r: &mut JsonReader<'_>, name: &str) -> Parsed<()> {
        match name {
            "host" => set_once(&mut self.host, host(r)?),
            "methods" => {
                let mut methods = Vec::new();
                r.array(|r| {
                    let method = text(r, is_method, "a method that is not of upper-case letters")?;
                    methods.push(method.to_box());
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
        let methods = methods.into_boxed_slice();
        Match::of(host, methods, path, says)
            .ok_or(Malformed("a match has no method, or its methods are not in order"))
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
    /// The numbers of a match and of one of its methods: by host and method, and for these in the order of the matches.
    places: Vec<Pair>,
}

impl<T> MatchList<T> {
    pub(super) fn new(matches: Vec<Match<T>>) -> Self {
        let mut places = Vec::new();
        for (place, one) in matches.iter().enumerate() {
            places.extend((0..one.methods.len()).map(|method| Pair(place, method)));
        }
        let named = |Pair(place, method): &Pair| {
            let one: Option<&Match<T>> = matches.get(*place);
            (one.map(|one| &one.host), one.and_then(|one| one.methods.get(*method)), *place)
        };
        sort(&mut places, &|one, two| named(one).cmp(&named(two)));
        Self { matches, places }
    }

    /// What the first match of this request says.
    pub(super) fn first(&self, host: &Host, method: &Method, path: &RawPath<'_>) -> Option<&T> {
        let is_before = |pair: &Pair| self.name(pair) < Some((host.as_str(), method.as_str()));
        let begin = self.places.partition_point(is_before);
        let of_both = self.places.get(begin..)?.iter();
        of_both
            .take_while(|pair| self.name(pair) == Some((host.as_str(), method.as_str())))
            .filter_map(|Pair(place, _)| self.matches.get(*place))
            .find(|one| one.path.matches(path))
            .map(|one| &one.says)
    }

    fn name(&self, Pair(place, method): &Pair) -> Option<(&str, &str)> {
        let one = self.matches.get(*place)?;
        Some((one.host.as_str(), one.methods.get(*method)?))
    }
}
