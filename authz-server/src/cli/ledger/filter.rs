//! Selects entries by the flags of a command.

use clap::Args as ClapArgs;
use ledger::Entry;
use ledger::entry::{Decision, RevocationTarget, Stamps};
use memchr::memmem;

use super::scan::RawEntry;
use super::time;

#[derive(Debug, ClapArgs)]
pub(super) struct Filter {
    // A name in base64url may begin with a hyphen.
    /// One decision and its outcome, by the decision's id
    #[arg(long, allow_hyphen_values = true)]
    id: Option<String>,
    /// A warrant and all that were delegated from it: its `jti`, or the path of `jti`s from the root, joined
    /// by `/`
    #[arg(long, allow_hyphen_values = true)]
    warrant: Option<String>,
    /// A lineage, by its `txn`
    #[arg(long, allow_hyphen_values = true)]
    lineage: Option<String>,
    /// A route
    #[arg(long)]
    route: Option<String>,
    /// A denial's code, or allowed, ungoverned or observed
    #[arg(long)]
    code: Option<String>,
    /// A kind of entry, such as decision/1
    #[arg(long)]
    kind: Option<String>,
    /// From this time on: 2026-11-21T06:00:00Z, seconds since 1970, or 15m (ago)
    #[arg(long, value_parser = time::parse)]
    pub(super) since: Option<u64>,
    /// Up to and including this time
    #[arg(long, value_parser = time::parse)]
    until: Option<u64>,
}

impl Filter {
    /// Selects the entry of one decision.
    pub(super) fn of_decision(id: &str) -> Filter {
        let (id, kind) = (Some(id.to_owned()), Some("decision/1".to_owned()));
        let (warrant, lineage, route, code, since, until) = (None, None, None, None, None, None);
        Filter { id, warrant, lineage, route, code, kind, since, until }
    }

    /// The entry, if it is selected. All names of the filter are searched in the bytes first, because parsing
    /// costs more.
    pub(super) fn find(&self, raw: RawEntry<'_>) -> Result<Option<(Stamps, Entry)>, String> {
        let names = [&self.id, &self.lineage, &self.route, &self.code, &self.kind].into_iter().flatten();
        let parts = self.warrant.iter().flat_map(|path| path.split('/'));
        let mut needles = names.map(String::as_str).chain(parts);
        // A name that needs escapes in JSON has another spelling in the bytes.
        let is_absent = |needle: &str| {
            needle.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
                && memmem::find(raw.bytes, needle.as_bytes()).is_none()
        };
        if needles.any(is_absent) {
            return Ok(None);
        }
        let (stamps, entry) = raw.read()?;
        Ok(self.selects(stamps, &entry).then_some((stamps, entry)))
    }

    /// Whether an entry of this time, and every later entry, is too late.
    pub(super) fn is_over(&self, time: u64) -> bool {
        self.until.is_some_and(|until| time > until)
    }

    fn selects(&self, stamps: Stamps, entry: &Entry) -> bool {
        self.since.is_none_or(|since| stamps.time >= since)
            && !self.is_over(stamps.time)
            && self.kind.as_deref().is_none_or(|kind| entry.kind() == kind)
            && self.id.as_deref().is_none_or(|id| id_of(entry) == Some(id))
            && self.warrant.as_deref().is_none_or(|path| is_of_warrant(entry, path))
            && self.lineage.as_deref().is_none_or(|txn| lineage_of(entry) == Some(txn))
            && self.route.as_deref().is_none_or(|route| route_of(entry) == Some(route))
            && self.code.as_deref().is_none_or(|code| is_of_code(entry, code))
    }
}

fn decision(entry: &Entry) -> Option<&Decision> {
    if let Entry::Decision(decision) = entry { Some(decision) } else { None }
}

fn id_of(entry: &Entry) -> Option<&str> {
    if let Entry::Outcome(outcome) = entry {
        return Some(&outcome.id);
    }
    if let Entry::Ungoverned(ungoverned) = entry {
        return ungoverned.id.as_deref();
    }
    decision(entry).map(|decision| decision.id.as_str())
}

fn is_of_warrant(entry: &Entry, path: &str) -> bool {
    if let Entry::Issued(issued) = entry {
        return issued.jti == path;
    }
    if let Entry::Revocation(revocation) = entry {
        return revocation.what == RevocationTarget::Path && revocation.value == path;
    }
    let Some(decision) = decision(entry) else { return false };
    let mut links = decision.chain.iter();
    !decision.chain.is_empty() && path.split('/').all(|jti| links.next().is_some_and(|link| link.jti == jti))
}

fn lineage_of(entry: &Entry) -> Option<&str> {
    if let Entry::Issued(issued) = entry {
        return Some(&issued.txn);
    }
    if let Entry::Revocation(revocation) = entry {
        return (revocation.what == RevocationTarget::Lineage).then_some(revocation.value.as_str());
    }
    decision(entry)?.chain.first()?.txn.as_deref()
}

fn route_of(entry: &Entry) -> Option<&str> {
    if let Entry::Posture(posture) = entry {
        return Some(&posture.subject);
    }
    decision(entry)?.verdict.route.as_deref()
}

/// Compares the code with the outcome and with the judge's verdict.
fn is_of_code(entry: &Entry, code: &str) -> bool {
    if let Entry::Denials(denials) = entry {
        return denials.reason == code;
    }
    decision(entry)
        .is_some_and(|decision| decision.outcome.word() == code || decision.verdict.code.word() == code)
}
