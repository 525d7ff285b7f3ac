//! One entry of `authorization_details`: a set of requests that may be made.

use super::{
    lists::{filled, set, text},
    read::Reading,
};
use crate::{
    arguments::{Arguments, Constraint, Value},
    json::{Key, Malformed, Reader, all_distinct, once, required},
    paths::PathPattern,
    request::Target,
    rules,
};

type Read<T> = Result<T, Malformed>;

/// A set of requests: on these hosts, by these methods, under these paths, and where it says so only these actions and
/// arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    hosts: Vec<Box<str>>,
    methods: Vec<Box<str>>,
    paths: Vec<PathPattern>,
    actions: Option<Vec<Box<str>>>,
    args: Vec<(Box<str>, Constraint)>,
}

impl Detail {
    /// Canonical hosts.
    pub fn hosts(&self) -> &[Box<str>] {
        &self.hosts
    }

    /// Methods.
    pub fn methods(&self) -> &[Box<str>] {
        &self.methods
    }

    /// Patterns of paths.
    pub fn paths(&self) -> &[PathPattern] {
        &self.paths
    }

    /// The actions that the route may derive; `None` is any.
    pub fn actions(&self) -> Option<&[Box<str>]> {
        self.actions.as_deref()
    }

    /// Each argument that is bounded.
    pub fn args(&self) -> impl Iterator<Item = (&str, &Constraint)> {
        self.args.iter().map(|(name, constraint)| (&**name, constraint))
    }

    /// Whether host, method and path are admitted.
    pub fn admits_target(&self, target: &Target<'_>) -> bool {
        has(&self.hosts, target.host.as_str())
            && has(&self.methods, target.method.as_str())
            && self.paths.iter().any(|pattern| pattern.matches(&target.path))
    }

    /// Whether the action and the arguments that the route read are admitted.
    pub fn admits_call(&self, action: &str, arguments: &Arguments) -> bool {
        self.actions.as_ref().is_none_or(|actions| has(actions, action))
            && self.args.iter().all(|(name, constraint)| constraint.admits(arguments.get(name)))
    }

    /// Whether everything that this admits is, provably, admitted by `parent`.
    pub fn is_within(&self, parent: &Self) -> bool {
        is_subset(&self.hosts, &parent.hosts)
            && is_subset(&self.methods, &parent.methods)
            && self.paths.iter().all(|own| parent.paths.iter().any(|pattern| own.is_within(pattern)))
            && is_narrower(self.actions.as_deref(), parent.actions.as_deref())
            && parent.args.iter().all(|(name, constraint)| {
                self.args.iter().any(|(own, narrower)| own == name && narrower.is_within(constraint))
            })
    }

    pub(super) fn read(reader: &mut Reader<'_>, reading: Reading) -> Read<Self> {
        let mut kind = None;
        let (mut hosts, mut methods, mut paths, mut actions, mut args) = (None, None, None, None, None);
        reader.object(|r, name| match name {
            "type" => once(&mut kind, r.string()?),
            "hosts" => once(&mut hosts, set(r, reading, rules::is_host, "a host that is not canonical")?),
            "methods" => once(&mut methods, set(r, reading, rules::is_method, "a method")?),
            "paths" => once(&mut paths, read_paths(r, reading)?),
            "actions" => once(&mut actions, set(r, reading, rules::is_plain, "an action")?),
            "args" => once(&mut args, read_args(r, reading)?),
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

/// Whether the child's set is inside the parent's, where absent means everything.
pub(crate) fn is_narrower(child: Option<&[Box<str>]>, parent: Option<&[Box<str>]>) -> bool {
    parent.is_none_or(|parent| child.is_some_and(|child| is_subset(child, parent)))
}

/// Whether every element of `child` is one of `parent`.
pub(crate) fn is_subset(child: &[Box<str>], parent: &[Box<str>]) -> bool {
    child.iter().all(|element| has(parent, element))
}

fn has(set: &[Box<str>], wanted: &str) -> bool {
    set.iter().any(|element| &**element == wanted)
}

fn read_paths(reader: &mut Reader<'_>, reading: Reading) -> Read<Vec<PathPattern>> {
    let start = *reader;
    let mut kept = Vec::new();
    let mut unkept = Ok(());
    let count = reader.array(|r| {
        let pattern = text(r, PathPattern::is_pattern, "a pattern of paths that no path can match")?;
        reading.keep(&mut kept, || pattern.with(PathPattern::parse).flatten());
        Ok(())
    })?;
    filled(count)?;
    all_distinct(start, count, Key::string)?;
    let patterns = kept.into_iter().map_while(|pattern| {
        if pattern.is_none() {
            unkept = Err(Malformed("a pattern of paths"));
        }
        pattern
    });
    let patterns = patterns.collect();
    unkept.map(|()| patterns)
}

fn read_args(reader: &mut Reader<'_>, reading: Reading) -> Read<Vec<(Box<str>, Constraint)>> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.object(|r, name| {
        if !rules::is_argument_name(name) {
            return Err(Malformed("the name of an argument"));
        }
        let constraint = read_constraint(r, reading)?;
        reading.keep(&mut kept, || (name.into(), constraint));
        Ok(())
    })?;
    filled(count)?;
    all_distinct(start, count, Key::name)?;
    Ok(kept)
}

fn read_constraint(reader: &mut Reader<'_>, reading: Reading) -> Read<Constraint> {
    let mut constraint = None;
    reader.object(|r, name| {
        let read = match name {
            "exact" => Constraint::Exact(read_value(r, reading)?),
            "one_of" => Constraint::OneOf(read_values(r, reading)?),
            "range" => read_range(r)?,
            "any" if r.boolean()? => Constraint::Any,
            "any" => return Err(Malformed("`any` is not true")),
            _ => return Err(Malformed("a constraint has an unknown member")),
        };
        once(&mut constraint, read)
    })?;
    required(constraint, "an empty constraint")
}

fn read_values(reader: &mut Reader<'_>, reading: Reading) -> Read<Vec<Value>> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.array(|r| {
        let value = read_value(r, reading)?;
        reading.keep(&mut kept, || value);
        Ok(())
    })?;
    filled(count)?;
    all_distinct(start, count, Key::scalar)?;
    Ok(kept)
}

fn read_value(reader: &mut Reader<'_>, reading: Reading) -> Read<Value> {
    match reader.peek() {
        Some(b'"') => {
            let read = text(reader, rules::is_argument_text, "the text of an argument")?;
            Ok(Value::String(if reading == Reading::Keep { read.to_box() } else { Box::default() }))
        }
        Some(b't' | b'f') => reader.boolean().map(Value::Boolean),
        _ => reader.integer().map(Value::Integer),
    }
}

fn read_range(reader: &mut Reader<'_>) -> Read<Constraint> {
    let (mut low, mut high) = (None, None);
    reader.array(|r| {
        let bound = r.integer()?;
        if low.is_none() { once(&mut low, bound) } else { once(&mut high, bound) }
    })?;
    match (low, high) {
        (Some(low), Some(high)) if low <= high => Ok(Constraint::Range(low, high)),
        _ => Err(Malformed("a range that is not two numbers in order")),
    }
}
