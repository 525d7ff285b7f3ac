//! Checks an evidence folder: its entries against the signed checkpoint, its policy bundles against the digests that decisions
//! name, and that no file is missing or was added.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ledger::tree::MerkleTree;
use ledger::verify::{AuditFault, AuditReport, Auditor};
use ledger::{ReadError, VerifyingKey};
use serde_json::{Value as Json, json};

use super::contents::{Contents, LIST, VKEY};
use super::named;
use crate::bundles::KeptBundles;
use crate::cli::ledger::log::{OpenLog, read_key};
use crate::cli::ledger::{progress, proves};
use crate::cli::out::{ExitStatus, Failure, line};
use policy::Digest;

/// `portcullis ledger verify` of an evidence folder.
pub(in crate::cli::ledger) fn run(
    log: &OpenLog,
    contents: &Contents,
    key: &VerifyingKey,
    witnesses: &[VerifyingKey],
    as_json: bool,
) -> Result<ExitStatus, Failure> {
    let report = audit(log, contents, key, witnesses, as_json)?;
    if as_json {
        line(to_json(contents, &report))?;
    } else {
        print(contents, &report)?;
    }
    Ok(if report.holds() { ExitStatus::Success } else { ExitStatus::Denied })
}

/// Audits all that is in the folder.
pub(in crate::cli::ledger) fn audit(
    log: &OpenLog,
    contents: &Contents,
    key: &VerifyingKey,
    witnesses: &[VerifyingKey],
    as_json: bool,
) -> Result<AuditReport, Failure> {
    let (Some(part), Some(folder)) = (contents.part(), &log.directory) else {
        return Err(Failure::new("this is not an evidence folder"));
    };
    let found = files(folder)?;
    // The list is not signed: one that claims far more than is here must not cost time and memory.
    let claimed = contents.range().end.saturating_sub(contents.range().start) / 256;
    if usize::try_from(claimed).unwrap_or(usize::MAX) > found.len() {
        let faults = vec![fault(LIST, "it lists far more entries than are here")];
        return Ok(AuditReport { origin: key.name().to_owned(), faults, ..AuditReport::default() });
    }
    let bar = progress::bar("auditing", 0, as_json);
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let auditor = Auditor { log: key, witnesses, previous: None, threads: 0, progress: &progress };
    let audited = auditor.audit_part(log.source.as_ref(), &part);
    bar.finish_and_clear();
    let mut report = match audited {
        Ok(report) => report,
        Err(ReadError::Corrupt(path, what)) => {
            let faults = vec![AuditFault { place: path.display().to_string(), what }];
            AuditReport { origin: key.name().to_owned(), faults, ..AuditReport::default() }
        }
        Err(error @ ReadError::Io(..)) => return Err(Failure::new(error)),
    };
    report.faults.extend(other_key(folder, key)?);
    let expected = contents.files(&part);
    report.faults.extend(expected.difference(&found).map(|name| fault(name, "the file is missing")));
    report
        .faults
        .extend(found.difference(&expected).map(|name| fault(name, "evidence.json does not list this file")));
    // What entries say counts only if they are the log's.
    if report.faults.is_empty() {
        let tree = MerkleTree::new(log.source.as_ref(), contents.size);
        let bar = progress::bar("reading", contents.size, as_json);
        let named = named::by_decisions(&tree, contents.range(), &bar)?;
        report.faults.extend(bundle_faults(folder, contents, &named.bundles));
        if named.earlier != contents.earlier {
            report.faults.push(fault(LIST, "its list `earlier` is not what the decisions name"));
        }
    }
    Ok(report)
}

fn fault(place: &str, what: &str) -> AuditFault {
    AuditFault { place: place.to_owned(), what: what.to_owned() }
}

fn other_key(folder: &Path, key: &VerifyingKey) -> Result<Option<AuditFault>, Failure> {
    let file = folder.join(VKEY);
    let differs = file.is_file() && read_key(&file)? != *key;
    Ok(differs.then(|| fault(VKEY, "this key differs from the key in --vkey")))
}

/// Each bundle that a decision names must be here, or be listed as missing.
fn bundle_faults(folder: &Path, contents: &Contents, named: &BTreeSet<Digest>) -> Vec<AuditFault> {
    let kept = KeptBundles::of_ledger(folder);
    let missing = |digest| contents.missing_bundles.iter().any(|bundle| bundle.digest == digest);
    let mut faults = Vec::new();
    for digest in named.union(&contents.bundles) {
        let place = format!("bundle {digest}");
        match kept.read(digest) {
            Err(error) => faults.push(fault(&place, &error.to_string())),
            Ok(Some(_)) if named.contains(digest) => {}
            Ok(Some(_)) => faults.push(fault(&place, "no decision here names it")),
            Ok(None) if missing(*digest) => {}
            Ok(None) => faults.push(fault(&place, "a decision names it, and it is not here")),
        }
    }
    faults
}

/// The names of all files below the folder. What is neither a file nor a directory counts as a file.
fn files(folder: &Path) -> Result<BTreeSet<String>, Failure> {
    let mut names = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        let unreadable = |e| Failure::new(format!("{}: cannot be read: {e}", directory.display()));
        for entry in fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_type().map_err(unreadable)?.is_dir() {
                open.push(entry.path());
            } else {
                let path = entry.path();
                names.insert(path.strip_prefix(folder).unwrap_or(&path).display().to_string());
            }
        }
    }
    Ok(names)
}

pub(in crate::cli::ledger) fn print_faults(report: &AuditReport) -> Result<(), Failure> {
    report.faults.iter().try_for_each(|fault| line(format!("fault: {}: {}", fault.place, fault.what)))
}

fn print(contents: &Contents, report: &AuditReport) -> Result<(), Failure> {
    print_faults(report)?;
    let verdict = if report.holds() { "holds" } else { "DOES NOT HOLD" };
    let (first, last) = (contents.entries.first, contents.entries.last);
    line(format!(
        "{verdict}: entries {first} to {last} of {}, in its checkpoint of {} entries",
        report.origin, report.size
    ))?;
    let kinds: Vec<String> = report.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    line(format!("  {}; {} bytes", kinds.join(", "), report.bytes))?;
    line(format!("  {} earlier entries say terms of warrants", contents.earlier.len()))?;
    line(format!(
        "  {} policy bundles are here, {} are missing",
        contents.bundles.len(),
        contents.missing_bundles.len()
    ))?;
    for missing in &contents.missing_bundles {
        line(format!("  missing: bundle {}: {}", missing.digest, missing.why))?;
    }
    let witnesses = if report.witnesses.is_empty() { "no witness" } else { &report.witnesses.join(", ") };
    line(format!("  cosigned by {witnesses}"))?;
    line(format!(
        "  `verify` of evidence proves: {}. Only `verify` of the whole log proves: {}",
        proves::BY_VERIFY_OF_EVIDENCE,
        proves::ONLY_BY_VERIFY_OF_THE_LOG
    ))
}

fn to_json(contents: &Contents, report: &AuditReport) -> Json {
    let faults: Vec<Json> =
        report.faults.iter().map(|fault| json!({"place": fault.place, "what": fault.what})).collect();
    json!({
        "holds": report.holds(), "origin": report.origin, "size": report.size, "bytes": report.bytes,
        "kinds": report.kinds, "witnesses": report.witnesses, "evidence": contents, "faults": faults,
        "proves": proves::BY_VERIFY_OF_EVIDENCE, "only_the_whole_log_proves": proves::ONLY_BY_VERIFY_OF_THE_LOG,
    })
}
