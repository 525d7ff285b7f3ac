//! Finds what is probably a mistake in documents, except what depends on today's date.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::documents::files::Documents;
use crate::documents::route::RouteDoc;
use crate::fault::Placed;
use crate::matching::{Pattern, Step};
use crate::routes::Hosts;
use crate::warning::Notice;

pub(super) fn of(documents: &Documents, hosts: &Hosts) -> Vec<(PathBuf, Notice)> {
    let mut notices = Vec::new();
    slash_twins(documents, &mut notices);
    for document in &documents.routes {
        unserved_hosts(document, hosts, &mut notices);
    }
    notices
}

fn unserved_hosts(document: &RouteDoc, hosts: &Hosts, notices: &mut Vec<(PathBuf, Notice)>) {
    for host in document.matches.iter().flat_map(|item| &item.hosts) {
        if hosts.canonical(&host.value).is_none() {
            let what = format!("no proxy serves `{}`", host.value);
            let notice = Notice::new(
                host.at,
                "unserved-host",
                what,
                "add it to a proxy in `proxies`, or correct its spelling",
            );
            notices.push((document.file.clone(), notice));
        }
    }
}

/// `/a` and `/a/` are two paths here, but one path to many upstreams.
fn slash_twins(documents: &Documents, notices: &mut Vec<(PathBuf, Notice)>) {
    let mut plain: BTreeMap<(&str, &str, &[Step]), &RouteDoc> = BTreeMap::new();
    for (document, host, method, path) in every_match(documents) {
        plain.insert((host, method, path.value.steps()), document);
    }
    for (document, host, method, path) in every_match(documents) {
        let Some((last, rest)) = path.value.steps().split_last() else { continue };
        let is_slash = *last == Step::Literal(String::new()) && !path.value.is_open();
        let Some(twin) = plain.get(&(host, method, rest)).filter(|_| is_slash) else { continue };
        if twin.name.value != document.name.value {
            let what = format!(
                "{method} {host}{} matches this route. The same path without the last slash matches route `{}`",
                path.value.text(),
                twin.name.value
            );
            notices.push((
                document.file.clone(),
                Notice::new(path.at, "slash-twins", what, "match both in one route"),
            ));
        }
    }
}

type MatchedPath<'a> = (&'a RouteDoc, &'a str, &'a str, &'a Placed<Pattern>);

fn every_match(documents: &Documents) -> Vec<MatchedPath<'_>> {
    let mut all = Vec::new();
    for document in &documents.routes {
        for item in &document.matches {
            for host in &item.hosts {
                all.extend(
                    item.endpoints()
                        .into_iter()
                        .map(|(method, path)| (document, host.value.as_str(), method, path)),
                );
            }
        }
    }
    all
}
