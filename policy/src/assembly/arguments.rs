//! Arguments and actions against the matches of their route.

use crate::arguments::reads_body;
use crate::documents::route::RouteDoc;
use crate::fault::{Page, Place, Placed};
use crate::matching::Pattern;

pub(super) fn can_be_read(document: &RouteDoc, page: Page<'_>) {
    segments_have_one_name(document, page);
    for argument in &document.args {
        if let Some(name) = argument.from.path_name() {
            is_in_every_pattern(document, name, argument.from_at, page);
        }
    }
    if let Some(action) = &document.action {
        if let Some(name) = action.from.path_name() {
            is_in_every_pattern(document, name, action.at, page);
        }
        if document.matches.iter().any(|item| item.is_grpc) {
            page.fault(
                action.at,
                "`action` on a route with a `grpc` match",
                "the method's full name is the action: leave `action` out, or split the route",
            );
        }
    }
    if reads_body(&document.args, document.action.as_ref()) {
        has_bodies(document, page);
    }
}

/// `/{a}/{b}` beside `/{b}/{a}`: which segment is `a` would be chance.
fn segments_have_one_name(document: &RouteDoc, page: Page<'_>) {
    let paths: Vec<_> = document.matches.iter().flat_map(|item| &item.paths).collect();
    for (position, path) in paths.iter().enumerate() {
        let (text, steps) = (path.value.text(), path.value.steps());
        let is_other = |earlier: &&&Placed<Pattern>| {
            let same = earlier.value.steps() == steps && earlier.value.is_open() == path.value.is_open();
            same && earlier.value.text() != text
        };
        if let Some(earlier) = paths.iter().take(position).find(is_other) {
            let what =
                format!("`{text}` is the same pattern as `{}`, with other names", earlier.value.text());
            page.fault(path.at, what, "name its segments in one way, or drop one of the two");
        }
    }
}

fn is_in_every_pattern(document: &RouteDoc, name: &str, at: Place, page: Page<'_>) {
    for path in document.matches.iter().flat_map(|item| &item.paths) {
        if path.value.position(name).is_none() {
            page.fault(
                at,
                format!("`{}` has no segment `{{{name}}}`", path.value.text()),
                format!("write `{{{name}}}` in every path of the route"),
            );
        }
    }
}

/// A proxy that waits for the body of a GET waits for what never comes, or reads what an upstream ignores.
fn has_bodies(document: &RouteDoc, page: Page<'_>) {
    const WITHOUT: &[&str] = &["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    for method in document.matches.iter().filter(|item| !item.is_grpc).flat_map(|item| &item.methods) {
        if WITHOUT.contains(&method.value.as_str()) {
            page.fault(
                method.at,
                format!("{} on a route that reads the body", method.value),
                "read no argument from the body, or give this method a route of its own",
            );
        }
    }
    if let Some(item) = document.matches.iter().find(|item| item.is_grpc) {
        let at = item.hosts.first().map_or(document.spec, |host| host.at);
        page.fault(
            at,
            "a gRPC match on a route that reads the body",
            "a gRPC message is no JSON: read no argument from the body",
        );
    }
}
