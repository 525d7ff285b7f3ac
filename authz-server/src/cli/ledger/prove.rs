//! `portcullis ledger prove`: a proof as a file that needs nothing else to be checked but the log's key.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs};
use ledger::VerifyingKey;
use ledger::consistency::Consistency;
use ledger::note::SignedCheckpoint;
use ledger::proof::EntryProof;
use ledger::tree::MerkleTree;
use serde_json::json;

use super::opened::{Opened, Trusted, Where};
use super::scan::{self, Then};
use super::verify::read;
use super::{filter, progress};
use crate::cli::out::{Done, Failure, line};

#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("what").required(true))]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    trusted: Trusted,
    /// That this entry is in the log (C2SP tlog-proof@v1, with the entry itself)
    #[arg(long, group = "what")]
    index: Option<u64>,
    /// The same for the entry of this decision
    #[arg(long, group = "what", allow_hyphen_values = true)]
    id: Option<String>,
    /// That the log continues this older checkpoint (as C2SP tlog-witness takes it)
    #[arg(long, group = "what")]
    since: Option<PathBuf>,
    /// Where to write it [default: standard output]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Say as JSON what was proved; needs --out
    #[arg(long, requires = "out")]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let key = args.trusted.key()?;
    let opened = args.at.open()?;
    let checkpoint = opened.checkpoint(&key)?;
    let size = checkpoint.checkpoint().size;
    let (text, said) = match (&args.since, args.index, &args.id) {
        (Some(older), _, _) => {
            let older = SignedCheckpoint::parse(&read(older)?, &key, &[])
                .map_err(|fault| Failure::new(format!("{}: {fault}", older.display())))?;
            let old = older.checkpoint().size;
            let made = Consistency::make(opened.source.as_ref(), checkpoint, old).map_err(Failure::new)?;
            // As in `held`.
            let text = made.to_string();
            Consistency::verify(text.as_bytes(), &key, older.checkpoint()).map_err(Failure::new)?;
            (text, json!({"old": old, "size": size}))
        }
        (None, index, id) => {
            let index = match (index, id) {
                (Some(index), _) => index,
                (None, Some(id)) => find(&opened, size, id)?,
                (None, None) => return Err(Failure::new("say what to prove: --index, --id or --since")),
            };
            let (text, _) = held(&opened, checkpoint, &key, index)?;
            (text, json!({"index": index, "size": size}))
        }
    };
    match &args.out {
        None => line(text.trim_end())?,
        Some(file) => {
            ledger::durable::write_new(file, text.as_bytes(), 0o644)
                .map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))?;
            let plain = || format!("wrote {}: {said}", file.display());
            line(if args.json { said.to_string() } else { plain() })?;
        }
    }
    Ok(Done::Well)
}

/// The proof of an entry, as a file and read back from it. Made from hashes that anybody could have put there: what does not
/// hold is not handed out.
pub(super) fn held(
    opened: &Opened,
    checkpoint: SignedCheckpoint,
    key: &VerifyingKey,
    index: u64,
) -> Result<(String, EntryProof), Failure> {
    let text = EntryProof::make(opened.source.as_ref(), checkpoint, index).map_err(Failure::new)?.to_string();
    let proof = EntryProof::verify(text.as_bytes(), key, &[]).map_err(Failure::new)?;
    Ok((text, proof))
}

/// Which entry is the decision of that id.
pub(super) fn find(opened: &Opened, size: u64, id: &str) -> Result<u64, Failure> {
    let tree = MerkleTree::new(opened.source.as_ref(), size);
    let wanted = filter::Filter::of_decision(id);
    let mut found = None;
    let work = |raw: scan::Raw<'_>| wanted.find(raw).map(|hit| hit.map(|_| raw.index));
    scan::each(&tree, 0..size, &progress::bar("searching", size, false), work, |hit| {
        found = hit.map_err(Failure::new)?;
        Ok(if found.is_some() { Then::Stop } else { Then::GoOn })
    })?;
    found.ok_or_else(|| Failure::new(format!("no decision {id} is among the {size} published entries")))
}
