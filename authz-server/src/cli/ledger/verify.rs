//! `portcullis ledger verify`: checks whether a log or a proof holds. It trusts only the key that the auditor
//! gives.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::consistency::Consistency;
use ledger::layout::Layout;
use ledger::note::SignedCheckpoint;
use ledger::proof::EntryProof;
use ledger::verify::{AuditFault, AuditReport, Auditor};
use ledger::{Inspection, Ledger, OpenError, ReadError, VerifyingKey};
use serde_json::{Value as Json, json};

use super::log::{LogLocation, OpenLog, TrustedKey, read_key};
use super::{describe, evidence, progress, proves};
use crate::cli::out::{ExitStatus, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A ledger's directory, a published log's directory, its http(s):// prefix, an evidence folder, or a proof file
    #[command(flatten)]
    location: LogLocation,
    #[command(flatten)]
    key: TrustedKey,
    /// A file with an older checkpoint: the log must continue it
    #[arg(long)]
    previous: Option<PathBuf>,
    /// A file with a witness's verification key. If the checkpoint has a line of this witness, it must be valid.
    /// May be given several times
    #[arg(long)]
    witness: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let key = args.key.read()?;
    let witnesses = args.witness.iter().map(|file| read_key(file)).collect::<Result<Vec<_>, _>>()?;
    let file = Path::new(&args.location.place);
    if !args.location.is_remote() && file.is_file() {
        return verify_proof(args, &read_file(file)?, &key, &witnesses);
    }
    let log = args.location.open()?;
    if let Some(contents) = &log.evidence {
        if args.previous.is_some() {
            return Err(Failure::new(
                "--previous needs the whole log, or a proof that it only grew: `portcullis ledger prove --since`",
            ));
        }
        return evidence::verify(&log, contents, &key, &witnesses, args.json);
    }
    let mut report = audit(args, &log, &key, &witnesses)?;
    report.faults.extend(foreign_names(&log)?);
    let verification = Verification { inspection: inspect(&log, &key)?, report };
    verification.print(args.json)?;
    Ok(if verification.holds() { ExitStatus::Success } else { ExitStatus::Denied })
}

/// The result for a log.
struct Verification {
    report: AuditReport,
    /// For a whole ledger: the state of its unpublished part, or the contradiction that was found in it.
    inspection: Option<Result<Inspection, String>>,
}

pub(super) fn read_file(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::new(format!("{}: cannot be read: {e}", file.display())))
}

fn audit(
    args: &Args,
    log: &OpenLog,
    key: &VerifyingKey,
    witnesses: &[VerifyingKey],
) -> Result<AuditReport, Failure> {
    let previous = args.previous.as_deref().map(read_file).transpose()?;
    // Without a checkpoint, the log cannot be read at all.
    log.note()?;
    let bar = progress::bar("auditing", 0, args.json);
    let auditor = Auditor {
        log: key,
        witnesses,
        previous: previous.as_deref(),
        threads: 0,
        progress: &|done, all| {
            bar.set_length(all);
            bar.set_position(done);
        },
    };
    let audited = auditor.audit(log.source.as_ref());
    bar.finish_and_clear();
    match audited {
        Ok(report) => Ok(report),
        Err(ReadError::Corrupt(path, what)) => {
            let fault = AuditFault { place: path.display().to_string(), what };
            Ok(AuditReport { origin: key.name().to_owned(), faults: vec![fault], ..AuditReport::default() })
        }
        Err(error @ ReadError::Io(..)) => Err(Failure::new(error)),
    }
}

/// Names in a whole ledger that are not part of its layout. The audit lists those in the published log.
fn foreign_names(log: &OpenLog) -> Result<Vec<AuditFault>, Failure> {
    let Some(directory) = &log.directory else { return Ok(Vec::new()) };
    let names = Layout::new(directory).foreign_names().map_err(Failure::new)?;
    let fault = |path: PathBuf| AuditFault {
        place: path.display().to_string(),
        what: "this name is not part of a ledger's layout".to_owned(),
    };
    Ok(names.into_iter().map(fault).collect())
}

/// Compares a whole ledger with its write-ahead log and with the acknowledged entries, as a start of the
/// server does.
fn inspect(log: &OpenLog, key: &VerifyingKey) -> Result<Option<Result<Inspection, String>>, Failure> {
    let Some(directory) = &log.directory else { return Ok(None) };
    let own = read_key(&directory.join("log.vkey"))?;
    if own != *key {
        return Ok(Some(Err("log.vkey in the ledger's directory differs from the key in --vkey".to_owned())));
    }
    match Ledger::inspect(directory) {
        Ok(inspection) => Ok(Some(Ok(inspection))),
        Err(
            error @ (OpenError::Io(..)
            | OpenError::NoLedger(_)
            | OpenError::Locked(_)
            | OpenError::Marked(..)),
        ) => Err(Failure::new(error)),
        Err(error @ (OpenError::Corrupt(..) | OpenError::EntriesMissing { .. } | OpenError::WrongKey(_))) => {
            Ok(Some(Err(error.to_string())))
        }
    }
}

impl Verification {
    fn holds(&self) -> bool {
        self.report.holds() && !matches!(self.inspection, Some(Err(_)))
    }

    fn faults(&self) -> Vec<(String, String)> {
        let inspected = match &self.inspection {
            Some(Err(what)) => Some(("the ledger".to_owned(), what.clone())),
            Some(Ok(_)) | None => None,
        };
        let audited = self.report.faults.iter().map(|fault| (fault.place.clone(), fault.what.clone()));
        audited.chain(inspected).collect()
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        let (report, faults) = (&self.report, self.faults());
        if json {
            return line(self.to_json(&faults));
        }
        for (place, what) in &faults {
            line(format!("fault: {place}: {what}"))?;
        }
        let verdict = if self.holds() { "holds" } else { "DOES NOT HOLD" };
        line(format!("{verdict}: {}, {} entries, {} bytes", report.origin, report.size, report.bytes))?;
        let kinds: Vec<String> = report.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        line(format!(
            "  {}; {} allows checked against the facts before them",
            kinds.join(", "),
            report.allows
        ))?;
        let witnesses = if report.witnesses.is_empty() { "no witness" } else { &report.witnesses.join(", ") };
        line(format!("  cosigned by {witnesses}"))?;
        if let Some(Ok(inspection)) = &self.inspection {
            let (durable, promised) = (inspection.durable.size, inspection.handed_out.size);
            line(format!("  {durable} entries are durable, others were told of {promised}"))?;
        }
        line(proves::line("verify", proves::BY_VERIFY, "replay", proves::ONLY_BY_REPLAY))
    }

    fn to_json(&self, faults: &[(String, String)]) -> Json {
        let report = &self.report;
        let faults: Vec<Json> =
            faults.iter().map(|(place, what)| json!({"place": place, "what": what})).collect();
        let inspected = match &self.inspection {
            Some(Ok(found)) => json!({
                "durable": found.durable.size, "promised": found.handed_out.size, "torn": found.torn,
            }),
            Some(Err(_)) | None => Json::Null,
        };
        json!({
            "holds": self.holds(), "origin": report.origin, "size": report.size, "bytes": report.bytes,
            "kinds": report.kinds, "allows": report.allows, "witnesses": report.witnesses,
            "ledger": inspected, "faults": faults,
            "proves": proves::BY_VERIFY, "only_replay_proves": proves::ONLY_BY_REPLAY,
        })
    }
}

/// Checks a proof of either kind. Its first line says which kind it is.
fn verify_proof(
    args: &Args,
    bytes: &[u8],
    key: &VerifyingKey,
    witnesses: &[VerifyingKey],
) -> Result<ExitStatus, Failure> {
    if bytes.starts_with(b"old ") {
        return verify_consistency(args, bytes, key);
    }
    let (holds, result) = match EntryProof::verify(bytes, key, witnesses) {
        Ok(proof) => {
            let (stamps, entry) = proof.entry().map_err(Failure::new)?;
            let (index, size) = (proof.index(), proof.checkpoint().checkpoint().size);
            if !args.json {
                line(format!("holds: entry {index} of {}, in its checkpoint of {size}", key.name()))?;
                line(describe::lines(index, stamps, &entry))?;
            }
            let entry: Json = serde_json::from_slice(proof.bytes()).map_err(Failure::new)?;
            (true, json!({"holds": true, "index": index, "size": size, "entry": entry}))
        }
        Err(fault) => report_failure(args, &fault)?,
    };
    finish(args, holds, &result)
}

fn verify_consistency(args: &Args, bytes: &[u8], key: &VerifyingKey) -> Result<ExitStatus, Failure> {
    let previous = args.previous.as_deref().ok_or_else(|| {
        Failure::new(
            "this proof shows that a log only grew, so it needs the older checkpoint: --previous FILE",
        )
    })?;
    let older = SignedCheckpoint::parse(&read_file(previous)?, key, &[]);
    let proved = older.map_err(|fault| format!("{}: {fault}", previous.display())).and_then(|older| {
        Consistency::verify(bytes, key, older.checkpoint()).map_err(|fault| fault.to_string())
    });
    let (holds, result) = match proved {
        Ok(proof) => {
            let (old, size) = (proof.old(), proof.checkpoint().checkpoint().size);
            if !args.json {
                line(format!("holds: {} only grew, from {old} entries to {size}", key.name()))?;
            }
            (true, json!({"holds": true, "old": old, "size": size}))
        }
        Err(fault) => report_failure(args, &fault)?,
    };
    finish(args, holds, &result)
}

fn report_failure(args: &Args, fault: &impl std::fmt::Display) -> Result<(bool, Json), Failure> {
    if !args.json {
        line(format!("DOES NOT HOLD: {}: {fault}", args.location.place))?;
    }
    let faults = json!([{"place": args.location.place, "what": fault.to_string()}]);
    Ok((false, json!({"holds": false, "faults": faults})))
}

fn finish(args: &Args, holds: bool, result: &Json) -> Result<ExitStatus, Failure> {
    if args.json {
        line(result)?;
    }
    Ok(if holds { ExitStatus::Success } else { ExitStatus::Denied })
}
