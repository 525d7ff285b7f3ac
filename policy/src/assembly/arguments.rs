//! Checks the arguments and the action of a route against what the route matches.

use crate::arguments::reads_body;
use crate::documents::route::RouteDoc;
use crate::fault::{FileFaults, Place, Placed};
use crate::matching::Pattern;

pub(super) fn check_arguments(document: &RouteDoc, faults: FileFaults<'_>) {
    check_segment_names(document, faults);
    for argument in &document.args {
        if let Some(name) = argument.from.path_name() {
            check_is_in_every_pattern(document, name, argument.from_at, faults);
        }
    }
    if let Some(action) = &document.action {
        if let Some(name) = action.from.path_name() {
            check_is_in_every_pattern(document, name, action.at, faults);
        }
        if document.matches.iter().any(|item| item.is_grpc) {
            faults.fault(
                action.at,
                "`action` on a route with a `grpc` match",
                "the full name of the method is the action: leave `action` out, or split the route",
            );
        }
    }
    if reads_body(&document.args, document.action.as_ref()) {
        check_methods_have_bodies(document, faults);
    } else if let Some(limit) = &document.body_limit
        && !document.broken.has("args")
        && !document.broken.has("action")
    {
        faults.fault(
            limit.at,
            "a limit for the body on a route that reads no body",
            "leave `body` out, or read an argument from the body",
        );
    }
}

/// With both `/{a}/{b}` and `/{b}/{a}` it would be unclear which segment is `a`.
fn check_segment_names(document: &RouteDoc, faults: FileFaults<'_>) {
    let paths: Vec<_> = document.matches.iter().flat_map(|item| &item.paths).collect();
    for (position, path) in paths.iter().enumerate() {
        let (text, steps) = (path.value.text(), path.value.steps());
        let is_other = |earlier: &&&Placed<Pattern>| {
            let same = earlier.value.steps() == steps && earlier.value.is_open() == path.value.is_open();
            same && earlier.value.text() != text
        };
        if let Some(earlier) = paths.iter().take(position).find(is_other) {
            let what = format!("`{text}` is the same pattern as `{}` with other names", earlier.value.text());
            faults.fault(path.at, what, "use the same names, or remove one of the two");
        }
    }
}

fn check_is_in_every_pattern(document: &RouteDoc, name: &str, at: Place, faults: FileFaults<'_>) {
    for path in document.matches.iter().flat_map(|item| &item.paths) {
        if path.value.position(name).is_none() {
            faults.fault(
                at,
                format!("`{}` has no segment `{{{name}}}`", path.value.text()),
                format!("write `{{{name}}}` in every path of the route"),
            );
        }
    }
}

/// A GET has no body: a proxy would wait for a body that never comes, or send one that the upstream ignores.
fn check_methods_have_bodies(document: &RouteDoc, faults: FileFaults<'_>) {
    const WITHOUT: &[&str] = &["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    for method in document.matches.iter().filter(|item| !item.is_grpc).flat_map(|item| &item.methods) {
        if WITHOUT.contains(&method.value.as_str()) {
            faults.fault(
                method.at,
                format!("{} on a route that reads the body", method.value),
                "read no argument from the body, or give this method a route of its own",
            );
        }
    }
    if let Some(item) = document.matches.iter().find(|item| item.is_grpc) {
        let at = item.hosts.first().map_or(document.spec, |host| host.at);
        faults.fault(
            at,
            "a gRPC match on a route that reads the body",
            "a gRPC message is not JSON: read no argument from the body",
        );
    }
}
