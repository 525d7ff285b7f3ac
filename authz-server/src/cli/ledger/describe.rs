//! Describes entries in words: in one line, or in a few.

use std::fmt::Write as _;

use ledger::Entry;
use ledger::entry::{Decision, RecordedLink, RequestText, Stamps};

use super::time::rfc3339;

/// An entry in one line.
pub(super) fn line(index: u64, stamps: Stamps, entry: &Entry) -> String {
    format!("#{index} {} {}", rfc3339(stamps.time), what(entry))
}

/// A decision with its grounds in several lines; any other entry in one line.
pub(super) fn lines(index: u64, stamps: Stamps, entry: &Entry) -> String {
    let mut text = line(index, stamps, entry);
    if let Entry::Decision(decision) = entry {
        grounds(&mut text, decision);
    }
    text
}

fn grounds(text: &mut String, decision: &Decision) {
    let verdict = &decision.verdict;
    let policies = if verdict.policies.is_empty() { "none" } else { &verdict.policies.join(", ") };
    let route = verdict.route.as_deref().unwrap_or("none");
    // Writing to a String cannot fail.
    let _ = write!(text, "\n    verdict {}, route {route}, policies {policies}", verdict.code);
    if let Some(identity) = &decision.identity {
        let _ = write!(text, "\n    asked by {identity}");
    }
    for (depth, link) in decision.chain.iter().enumerate() {
        let _ = write!(text, "\n    {}{}", "  ".repeat(depth), holder(link));
    }
    if let Some(index) = decision.terms.said_at() {
        let _ = write!(text, "\n    the terms of the warrant are those of entry {index}");
    }
    if let Some(bundle) = &decision.bundle {
        let _ = write!(text, "\n    bundle {} version {}", bundle.digest, bundle.version);
    }
    for burned in decision.burns() {
        let _ = write!(text, "\n    burned: {} {} of {}", burned.what.word(), burned.name, burned.max);
    }
}

fn holder(link: &RecordedLink) -> String {
    let iss = link.iss.as_ref().map(|iss| format!(", issued by {iss}")).unwrap_or_default();
    let txn = link.txn.as_ref().map(|txn| format!(", lineage {txn}")).unwrap_or_default();
    format!("held by {} as {}{iss}{txn}", link.sub, link.jti)
}

fn what(entry: &Entry) -> String {
    let kind = entry.kind();
    match entry {
        Entry::Decision(d) => {
            let request = &d.request;
            let (method, host, path) = (text(&request.method), text(&request.host), text(&request.path));
            format!("{} {method} {host} {path} ({})", d.outcome, d.id)
        }
        Entry::Denials(d) => format!("{} more times {}, from {}", d.count, d.reason, d.source),
        Entry::Init(init) => format!("{kind} {}", init.origin),
        Entry::Start(start) => format!("{kind} version {}{}", start.version, previous_run(start.cut)),
        Entry::Stop(_) => kind.to_owned(),
        Entry::Issued(issued) => format!("{kind} {} to {}", issued.jti, issued.sub),
        Entry::Revocation(r) => format!("{kind} {} {}: {}", r.what.word(), r.value, r.reason),
        Entry::Reinstate(r) => {
            format!("{kind} {} {}, revoked by entry {}: {}", r.what.word(), r.value, r.revocation, r.reason)
        }
        Entry::Attestation(a) => format!("{kind} {} of {}", a.iss, a.subject),
        Entry::Condition(c) => format!("{kind} {}={} by {}", c.name, c.value, c.iss),
        Entry::Posture(p) => {
            format!(
                "{kind} {} for {} {} by {}: {}",
                p.stance.word(),
                p.scope.word(),
                p.subject,
                p.by,
                p.reason
            )
        }
        Entry::Activation(a) => format!("{kind} bundle {} version {}", a.bundle, a.version),
        Entry::Outcome(o) => format!("{kind} {} in {} ms ({})", status(o.status), o.duration, o.id),
        Entry::Ungoverned(u) => {
            format!("{kind} ALARM: {} reached {}", u.id.as_deref().unwrap_or("no decision"), u.upstream)
        }
        Entry::Gap(gap) => format!("{kind} {} entries could not be recorded: {}", gap.count, gap.reason),
        Entry::Archived(archived) => format!("{kind} entries below {}", archived.below),
        Entry::Reads(r) => format!("{kind} {} times {} by {}", r.count, r.what, r.by),
        Entry::Restored(r) => format!("{kind} {} facts of the log before", r.facts),
    }
}

/// A text of a request, safe for a terminal. `…` at its end means that only the beginning is recorded.
fn text(text: &RequestText) -> String {
    let end = if text.whole().is_some() { "" } else { "…" };
    format!("{}{end}", String::from_utf8_lossy(text.kept()).escape_debug())
}

fn previous_run(was_cut: bool) -> &'static str {
    if was_cut { ", the previous run did not stop cleanly" } else { "" }
}

fn status(status: Option<u64>) -> String {
    status.map_or_else(|| "no status".to_owned(), |status| status.to_string())
}
