//! One entry of `authorization_details`: a set of requests that the warrant allows.

use super::{
    read::ReadMode,
    strings::{check_not_empty, set},
};
use crate::{
    arguments::{Arguments, Constraint, Value},
    formats,
    json::{JsonReader, Malformed, Parsed, Scalar, check_distinct, required, set_once, text},
    paths::PathPattern,
    request::Target,
};

/// A set of requests: these hosts, these methods and these paths. It may also restrict actions and arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    hosts: Vec<Box<str>>,
    methods: Vec<Box<str>>,
    paths: Vec<PathPattern>,
    actions: Option<Vec<Box<str>>>,
    args: Vec<(Box<str>, Constraint)>,
}

impl Detail {
    /// The canonical hosts.
    pub fn hosts(&self) -> &[Box<str>] {
        &self.hosts
    }

    /// The methods.
    pub fn methods(&self) -> &[Box<str>] {
        &self.methods
    }

    /// The path patterns.
    pub fn paths(&self) -> &[PathPattern] {
        &self.paths
    }

    /// The actions that the route may derive. `None` allows any action.
    pub fn actions(&self) -> Option<&[Box<str>]> {
        self.actions.as_deref()
    }

    /// Each argument that has a constraint.
    pub fn args(&self) -> impl Iterator<Item = (&str, &Constraint)> {
        self.args.iter().map(|(name, constraint)| (&**name, constraint))
    }

    /// The same detail for other hosts.
    #[cfg(feature = "mint")]
    pub(crate) fn with_hosts(&self, hosts: Vec<Box<str>>) -> Self {
        Self { hosts, ..self.clone() }
    }

    /// Whether the host, method and path are allowed.
    pub fn admits_target(&self, target: &Target<'_>) -> bool {
        has(&self.hosts, target.host.as_str())
            && has(&self.methods, target.method.as_str())
            && self.paths.iter().any(|pattern| pattern.matches(&target.path))
    }

    /// Whether the action and the arguments that the route read are allowed.
    pub fn admits_call(&self, action: &str, arguments: &Arguments) -> bool {
        self.actions.as_ref().is_none_or(|actions| has(actions, action))
            && self.args.iter().all(|(name, constraint)| constraint.admits(arguments.get(name)))
    }

    /// Whether `parent` provably allows everything that this detail allows.
    pub fn is_within(&self, parent: &Self) -> bool {
        is_subset(&self.hosts, &parent.hosts)
            && is_subset(&self.methods, &parent.methods)
            && self.paths.iter().all(|own| parent.paths.iter().any(|pattern| own.is_within(pattern)))
            && is_narrower(self.actions.as_deref(), parent.actions.as_deref())
            && parent.args.iter().all(|(name, constraint)| {
                self.args.iter().any(|(own, narrower)| own == name && narrower.is_within(constraint))
            })
    }

    pub(super) fn read(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Self> {
        let mut kind = None;
        let (mut hosts, mut methods, mut paths, mut actions, mut args) = (None, None, None, None, None);
        reader.object(|r, name| match name {
            "type" => set_once(&mut kind, r.string()?),
            "hosts" => set_once(&mut hosts, set(r, mode, formats::is_host, "a host that is not canonical")?),
            "methods" => set_once(
                &mut methods,
                set(r, mode, formats::is_method, "a method that is not upper-case letters")?,
            ),
            "paths" => set_once(&mut paths, read_paths(r, mode)?),
            "actions" => set_once(
                &mut actions,
                set(r, mode, formats::is_plain, "an action that is not a plain string")?,
            ),
            "args" => set_once(&mut args, read_args(r, mode)?),
            _ => Err(Malformed("a detail has an unknown member")),
        })?;
        if !required(kind, "a detail lacks `type`")?.is("execution") {
            return Err(Malformed("a detail of an unknown type"));
        }
        Ok(Self {
            hosts: required(hosts, "a detail lacks `hosts`")?,
            methods: required(methods, "a detail lacks `methods`")?,
            paths: required(paths, "a detail lacks `paths`")?,
            actions,
            args: args.unwrap_or_default(),
        })
    }
}

/// Whether the child's set is inside the parent's. An absent set means everything.
pub(crate) fn is_narrower(child: Option<&[Box<str>]>, parent: Option<&[Box<str>]>) -> bool {
    parent.is_none_or(|parent| child.is_some_and(|child| is_subset(child, parent)))
}

/// Whether every element of `child` is in `parent`.
pub(crate) fn is_subset(child: &[Box<str>], parent: &[Box<str>]) -> bool {
    child.iter().all(|element| has(parent, element))
}

fn has(set: &[Box<str>], wanted: &str) -> bool {
    set.iter().any(|element| &**element == wanted)
}

fn read_paths(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Vec<PathPattern>> {
    let start = *reader;
    let mut kept = Vec::new();
    let mut fault = Ok(());
    let count = reader.array(|r| {
        let pattern = text(r, PathPattern::is_pattern, "a path pattern that no path can match")?;
        mode.keep(&mut kept, || pattern.with(PathPattern::parse).flatten());
        Ok(())
    })?;
    check_not_empty(count)?;
    check_distinct(start, count, Scalar::string)?;
    let patterns = kept.into_iter().map_while(|pattern| {
        if pattern.is_none() {
            fault = Err(Malformed("a path pattern that no path can match"));
        }
        pattern
    });
    let patterns = patterns.collect();
    fault.map(|()| patterns)
}

fn read_args(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Vec<(Box<str>, Constraint)>> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.object(|r, name| {
        if !formats::is_argument_name(name) {
            return Err(Malformed("a name that no argument can have"));
        }
        let constraint = read_constraint(r, mode)?;
        mode.keep(&mut kept, || (name.into(), constraint));
        Ok(())
    })?;
    check_not_empty(count)?;
    check_distinct(start, count, Scalar::name)?;
    Ok(kept)
}

fn read_constraint(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Constraint> {
    let mut constraint = None;
    reader.object(|r, name| {
        let read = match name {
            "exact" => Constraint::Exact(read_value(r, mode)?),
            "one_of" => Constraint::OneOf(read_values(r, mode)?),
            "range" => read_range(r)?,
            "any" if r.boolean()? => Constraint::Any,
            "any" => return Err(Malformed("`any` is not `true`")),
            _ => return Err(Malformed("a constraint has an unknown member")),
        };
        set_once(&mut constraint, read)
    })?;
    required(constraint, "a constraint is empty")
}

fn read_values(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Vec<Value>> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.array(|r| {
        let value = read_value(r, mode)?;
        mode.keep(&mut kept, || value);
        Ok(())
    })?;
    check_not_empty(count)?;
    check_distinct(start, count, Scalar::any)?;
    Ok(kept)
}

fn read_value(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Value> {
    match reader.peek() {
        Some(b'"') => {
            let read = text(reader, formats::is_argument_text, "a text that no argument can have")?;
            Ok(Value::String(if mode == ReadMode::Keep { read.to_box() } else { Box::default() }))
        }
        Some(b't' | b'f') => reader.boolean().map(Value::Boolean),
        _ => reader.integer().map(Value::Integer),
    }
}

fn read_range(reader: &mut JsonReader<'_>) -> Parsed<Constraint> {
    let (mut low, mut high) = (None, None);
    reader.array(|r| {
        let bound = r.integer()?;
        if low.is_none() { set_once(&mut low, bound) } else { set_once(&mut high, bound) }
    })?;
    match (low, high) {
        (Some(low), Some(high)) if low <= high => Ok(Constraint::Range(low, high)),
        _ => Err(Malformed("a range is not two numbers with the smaller one first")),
    }
}
