//! `portcullis ledger verify`: whether a log, or a proof, holds. Nothing is believed but the key that the auditor brings.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::consistency::Consistency;
use ledger::note::SignedCheckpoint;
use ledger::proof::EntryProof;
use ledger::verify::{AuditFault, AuditReport, Auditor};
use ledger::{Inspection, Ledger, OpenError, ReadError, VerifyingKey};
use serde_json::{Value as Json, json};

use super::opened::{Opened, Trusted, Where, read_key};
use super::{describe, progress};
use crate::cli::out::{Done, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A ledger's folder, a published log's, its http(s):// prefix, or a proof file
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    trusted: Trusted,
    /// A checkpoint from before: the log must continue it
    #[arg(long)]
    previous: Option<PathBuf>,
    /// A file with a witness's verification key: its line must hold where it is; may be given several times
    #[arg(long)]
    witness: Vec<PathBuf>,
    /// For machines
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let key = args.trusted.key()?;
    let witnesses = args.witness.iter().map(|file| read_key(file)).collect::<Result<Vec<_>, _>>()?;
    let file = Path::new(&args.at.place);
    if !args.at.is_remote() && file.is_file() {
        return proof(args, &read(file)?, &key, &witnesses);
    }
    let opened = args.at.open()?;
    let report = audit(args, &opened, &key, &witnesses)?;
    let found = Found { inspection: inspect(&opened, &key)?, report };
    found.tell(args.json)?;
    Ok(if found.holds() { Done::Well } else { Done::Denied })
}

/// What a log is found to be.
struct Found {
    report: AuditReport,
    /// What of a whole ledger is beside its published part; or what contradicts itself there.
    inspection: Option<Result<Inspection, String>>,
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::new(format!("{}: cannot be read: {e}", file.display())))
}

fn audit(
    args: &Args,
    opened: &Opened,
    key: &VerifyingKey,
    witnesses: &[VerifyingKey],
) -> Result<AuditReport, Failure> {
    let previous = args.previous.as_deref().map(read).transpose()?;
    // A log without a checkpoint is unreadable, whatever else is there.
    opened.note()?;
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
    let audited = auditor.audit(opened.source.as_ref());
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

/// A whole ledger is held against its write-ahead log and what was promised, as a start would.
fn inspect(opened: &Opened, key: &VerifyingKey) -> Result<Option<Result<Inspection, String>>, Failure> {
    let Some(home) = &opened.home else { return Ok(None) };
    let own = read_key(&home.join("log.vkey"))?;
    if own != *key {
        return Ok(Some(Err("log.vkey in the ledger's folder is another key than --vkey".to_owned())));
    }
    match Ledger::inspect(home) {
        Ok(inspection) => Ok(Some(Ok(inspection))),
        Err(error @ (OpenError::Io(..) | OpenError::NoLedger(_) | OpenError::Locked(_))) => {
            Err(Failure::new(error))
        }
        Err(error @ (OpenError::Corrupt(..) | OpenError::EntriesMissing { .. } | OpenError::WrongKey(_))) => {
            Ok(Some(Err(error.to_string())))
        }
    }
}

impl Found {
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

    fn tell(&self, json: bool) -> Result<(), Failure> {
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
            "  {}; {} allows held against what was revoked before them",
            kinds.join(", "),
            report.allows
        ))?;
        let witnesses = if report.witnesses.is_empty() { "nobody" } else { &report.witnesses.join(", ") };
        line(format!("  cosigned by {witnesses}"))?;
        if let Some(Ok(inspection)) = &self.inspection {
            let (durable, promised) = (inspection.durable.size, inspection.handed_out.size);
            line(format!("  {durable} entries are durable, {promised} were promised never to be forgotten"))?;
        }
        Ok(())
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
        })
    }
}

/// A proof of either kind, by its first line.
fn proof(args: &Args, bytes: &[u8], key: &VerifyingKey, witnesses: &[VerifyingKey]) -> Result<Done, Failure> {
    if bytes.starts_with(b"old ") {
        return consistency(args, bytes, key);
    }
    let (holds, said) = match EntryProof::verify(bytes, key, witnesses) {
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
        Err(fault) => no(args, &fault)?,
    };
    told(args, holds, &said)
}

fn consistency(args: &Args, bytes: &[u8], key: &VerifyingKey) -> Result<Done, Failure> {
    let previous = args.previous.as_deref().ok_or_else(|| {
        Failure::new("this proves that a log only grew: give the older checkpoint, --previous FILE")
    })?;
    let older = SignedCheckpoint::parse(&read(previous)?, key, &[]);
    let proved = older.map_err(|fault| format!("{}: {fault}", previous.display())).and_then(|older| {
        Consistency::verify(bytes, key, older.checkpoint()).map_err(|fault| fault.to_string())
    });
    let (holds, said) = match proved {
        Ok(proof) => {
            let (old, size) = (proof.old(), proof.checkpoint().checkpoint().size);
            if !args.json {
                line(format!("holds: {} only grew, from {old} entries to {size}", key.name()))?;
            }
            (true, json!({"holds": true, "old": old, "size": size}))
        }
        Err(fault) => no(args, &fault)?,
    };
    told(args, holds, &said)
}

fn no(args: &Args, fault: &impl std::fmt::Display) -> Result<(bool, Json), Failure> {
    if !args.json {
        line(format!("DOES NOT HOLD: {}: {fault}", args.at.place))?;
    }
    let faults = json!([{"place": args.at.place, "what": fault.to_string()}]);
    Ok((false, json!({"holds": false, "faults": faults})))
}

fn told(args: &Args, holds: bool, said: &Json) -> Result<Done, Failure> {
    if args.json {
        line(said)?;
    }
    Ok(if holds { Done::Well } else { Done::Denied })
}
