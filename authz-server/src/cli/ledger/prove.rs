//! `portcullis ledger prove`: makes a proof as a file that can be checked with the log's key alone.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args as ClapArgs};
use ledger::VerifyingKey;
use ledger::consistency::Consistency;
use ledger::note::SignedCheckpoint;
use ledger::proof::EntryProof;
use ledger::tree::MerkleTree;
use serde_json::json;

use super::log::{LogLocation, OpenLog, TrustedKey};
use super::scan::{self, Next};
use super::verify::read_file;
use super::{filter, progress};
use crate::cli::out::{ExitStatus, Failure, line};

#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("what").required(true))]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    location: LogLocation,
    #[command(flatten)]
    key: TrustedKey,
    /// Prove that this entry is in the log (C2SP tlog-proof@v1, with the entry itself)
    #[arg(long, group = "what")]
    index: Option<u64>,
    /// Prove that the entry of this decision is in the log
    #[arg(long, group = "what", allow_hyphen_values = true)]
    id: Option<String>,
    /// Prove that the log continues the older checkpoint in this file (in the form of C2SP tlog-witness)
    #[arg(long, group = "what")]
    since: Option<PathBuf>,
    /// The new file for the proof [default: standard output, unless there is --html]
    #[arg(long)]
    out: Option<PathBuf>,
    /// The new file for a page that checks the proof of an entry in any browser, without a server. It contains the proof, and no
    /// key: who opens it enters the log's key
    #[arg(long, conflicts_with = "since")]
    html: Option<PathBuf>,
    /// Print what was proved as JSON; needs --out or --html
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    if args.json && args.out.is_none() && args.html.is_none() {
        return Err(Failure::new("--json needs --out or --html: the proof itself goes to standard output"));
    }
    let key = args.key.read()?;
    let log = args.location.open()?;
    let checkpoint = log.checkpoint(&key)?;
    let size = checkpoint.checkpoint().size;
    let (text, proved) = match (&args.since, args.index, &args.id) {
        (Some(older), _, _) => {
            let older = SignedCheckpoint::parse(&read_file(older)?, &key, &[])
                .map_err(|fault| Failure::new(format!("{}: {fault}", older.display())))?;
            let old = older.checkpoint().size;
            let made = Consistency::make(log.source.as_ref(), checkpoint, old).map_err(Failure::new)?;
            // Checked again for the same reason as in `make_checked`.
            let text = made.to_string();
            Consistency::verify(text.as_bytes(), &key, older.checkpoint()).map_err(Failure::new)?;
            (text, json!({"old": old, "size": size}))
        }
        (None, index, id) => {
            let index = match (index, id) {
                (Some(index), _) => index,
                (None, Some(id)) => find(&log, size, id)?,
                (None, None) => return Err(Failure::new("choose what to prove: --index, --id or --since")),
            };
            let (text, _) = make_checked(&log, checkpoint, &key, index)?;
            (text, json!({"index": index, "size": size}))
        }
    };
    let mut files = Vec::new();
    if let Some(file) = &args.out {
        write_new(file, &text)?;
        files.push(file.display().to_string());
    }
    if let Some(file) = &args.html {
        write_new(file, &proof_page::page(&text))?;
        files.push(file.display().to_string());
    }
    match files.as_slice() {
        [] => line(text.trim_end())?,
        _ if args.json => line(proved)?,
        files => line(format!("wrote {}: {proved}", files.join(" and ")))?,
    }
    Ok(ExitStatus::Success)
}

fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    ledger::durable::write_new(file, text.as_bytes(), 0o644)
        .map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))
}

/// Makes the proof of an entry, and checks it as a reader would. The proof comes from hashes that anybody
/// could have put there, so one that does not hold is not returned.
pub(super) fn make_checked(
    log: &OpenLog,
    checkpoint: SignedCheckpoint,
    key: &VerifyingKey,
    index: u64,
) -> Result<(String, EntryProof), Failure> {
    let text = EntryProof::make(log.source.as_ref(), checkpoint, index).map_err(Failure::new)?.to_string();
    let proof = EntryProof::verify(text.as_bytes(), key, &[]).map_err(Failure::new)?;
    Ok((text, proof))
}

/// The index of the decision with this id.
pub(super) fn find(log: &OpenLog, size: u64, id: &str) -> Result<u64, Failure> {
    let tree = MerkleTree::new(log.source.as_ref(), size);
    let wanted = filter::Filter::of_decision(id);
    let mut found = None;
    let work = |raw: scan::RawEntry<'_>| wanted.find(raw).map(|hit| hit.map(|_| raw.index));
    let here = log.entries(size)?;
    let from = here.start;
    scan::each(&tree, here, &progress::bar("searching", size, false), work, |hit| {
        found = hit.map_err(Failure::new)?;
        Ok(if found.is_some() { Next::Stop } else { Next::Continue })
    })?;
    found.ok_or_else(|| {
        let archived = if from > 0 {
            format!("; entries below {from} were archived: --archive DIR")
        } else {
            String::new()
        };
        Failure::new(format!("the decision {id} is not among the {size} published entries{archived}"))
    })
}
