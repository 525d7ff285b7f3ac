//! Computes what a child may do from its parent and from the request: never more than the parent, and never
//! silently less than asked.

use warrant::mint::GrantDetail;
use warrant::{Claims, Constraint, PathPattern};

use super::describe;
use super::scope::ScopeArgs;
use crate::cli::out::Failure;

/// Each of the parent's details, with the given values in place of its own. A detail that does not cover them
/// is left out.
pub(super) fn narrowed(parent: &Claims, asked: &ScopeArgs) -> Result<Vec<GrantDetail>, Failure> {
    let parents = parent.details();
    let somewhere = |holds: &dyn Fn(&warrant::Detail) -> bool| parents.iter().any(holds);
    for host in &asked.hosts {
        let had =
            || listed(parents.iter().flat_map(|detail| detail.hosts().iter().map(|host| host.to_string())));
        within("hosts", host, somewhere(&|detail| has(detail.hosts(), host)), had)?;
    }
    for method in &asked.methods {
        let had =
            || listed(parents.iter().flat_map(|detail| detail.methods().iter().map(|one| one.to_string())));
        within("methods", method, somewhere(&|detail| has(detail.methods(), method)), had)?;
    }
    for path in &asked.paths {
        let had = || listed(parents.iter().flat_map(|d| d.paths().iter().map(|one| one.as_str().to_owned())));
        let pattern = PathPattern::parse(path)
            .ok_or_else(|| Failure::new(format!("--path {path}: is not a valid path pattern")))?;
        within("paths", path, somewhere(&|detail| covers(detail, &pattern)), had)?;
    }
    for action in &asked.actions {
        let had = || {
            listed(parents.iter().flat_map(|d| d.actions().unwrap_or(&[]).iter().map(|one| one.to_string())))
        };
        within("actions", action, somewhere(&|detail| may_act(detail, action)), had)?;
    }
    for (name, bound) in &asked.args {
        let had = || listed(parents.iter().filter_map(|d| bound_of(d, name)).map(describe::constraint));
        let own = format!("{name} {}", describe::constraint(bound));
        within(
            "args",
            &own,
            somewhere(&|detail| bound_of(detail, name).is_none_or(|wider| bound.is_within(wider))),
            had,
        )?;
    }
    let mut details: Vec<GrantDetail> = Vec::new();
    for detail in parents.iter().filter_map(|detail| inside(detail, asked)) {
        if !details.contains(&detail) {
            details.push(detail);
        }
    }
    if kept_all(&details, asked) { Ok(details) } else { Err(nothing_left()) }
}

fn nothing_left() -> Failure {
    Failure::new(
        "nothing is left: no detail of the parent allows all the given values together; \
         `portcullis warrant inspect` shows the details",
    )
}

fn within(dimension: &str, asked: &str, holds: bool, had: impl Fn() -> String) -> Result<(), Failure> {
    let wider = || format!("`{dimension}` would be wider than the parent's: {asked} is not within {}", had());
    if holds { Ok(()) } else { Err(Failure::new(wider())) }
}

/// One of the parent's details, narrowed to the given values that it covers. `None` if nothing is left of it.
fn inside(detail: &warrant::Detail, asked: &ScopeArgs) -> Option<GrantDetail> {
    let paths: Vec<String> = if asked.paths.is_empty() {
        detail.paths().iter().map(|path| path.as_str().to_owned()).collect()
    } else {
        let parsed =
            |path: &&String| PathPattern::parse(path).is_some_and(|pattern| covers(detail, &pattern));
        asked.paths.iter().filter(parsed).cloned().collect()
    };
    let actions = match (detail.actions(), asked.actions.as_slice()) {
        (own, []) => own.map(strings),
        (_, named) => Some(named.iter().filter(|action| may_act(detail, action)).cloned().collect()),
    };
    let mut args: Vec<(String, Constraint)> =
        detail.args().map(|(name, bound)| (name.to_owned(), bound.clone())).collect();
    for (name, bound) in &asked.args {
        if bound_of(detail, name).is_some_and(|wider| !bound.is_within(wider)) {
            return None;
        }
        args.retain(|(own, _)| own != name);
        args.push((name.clone(), bound.clone()));
    }
    let narrowed = GrantDetail {
        hosts: common(&asked.hosts, detail.hosts()),
        methods: common(&asked.methods, detail.methods()),
        paths,
        actions,
        args,
    };
    let nothing = narrowed.hosts.is_empty()
        || narrowed.methods.is_empty()
        || narrowed.paths.is_empty()
        || narrowed.actions.as_ref().is_some_and(Vec::is_empty);
    (!nothing).then_some(narrowed)
}

/// Whether every given value is in at least one remaining detail.
fn kept_all(details: &[GrantDetail], asked: &ScopeArgs) -> bool {
    let kept = |named: &[String], of: &dyn Fn(&GrantDetail) -> Vec<String>| {
        named.iter().all(|one| details.iter().any(|detail| of(detail).contains(one)))
    };
    !details.is_empty()
        && kept(&asked.hosts, &|detail| detail.hosts.clone())
        && kept(&asked.methods, &|detail| detail.methods.clone())
        && kept(&asked.paths, &|detail| detail.paths.clone())
        && kept(&asked.actions, &|detail| detail.actions.clone().unwrap_or_default())
}

fn common(named: &[String], parents: &[Box<str>]) -> Vec<String> {
    if named.is_empty() {
        return strings(parents);
    }
    named.iter().filter(|one| has(parents, one)).cloned().collect()
}

fn has(set: &[Box<str>], wanted: &str) -> bool {
    set.iter().any(|one| **one == *wanted)
}

fn covers(detail: &warrant::Detail, pattern: &PathPattern) -> bool {
    detail.paths().iter().any(|wider| pattern.is_within(wider))
}

fn may_act(detail: &warrant::Detail, action: &str) -> bool {
    detail.actions().is_none_or(|actions| has(actions, action))
}

fn bound_of<'d>(detail: &'d warrant::Detail, name: &str) -> Option<&'d Constraint> {
    detail.args().find(|(own, _)| *own == name).map(|(_, bound)| bound)
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all.join(" or ")
}

pub(super) fn strings(values: &[Box<str>]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}
