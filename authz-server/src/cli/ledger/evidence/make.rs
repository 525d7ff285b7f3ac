//! Makes an evidence folder from a ledger's directory, and checks it as its reader would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::note::SignedCheckpoint;
use ledger::part::Part;
use ledger::published_file::PublishedFile;
use ledger::tree::{MerkleTree, published_bytes};
use ledger::{VerifyingKey, durable};
use policy::Digest;
use serde_json::json;

use super::contents::{
    Contents, LIST, MissingBundle, PAGE, RECEIPT_KEYS, Range, SUMS, VKEY, bundle_name, published_name,
    witness_name,
};
use super::{audit, named, page, print_faults};
use crate::bundles::{KeptBundles, KeptError};
use crate::cli::ledger::log::{LogLocation, OpenLog, OptionalKey};
use crate::cli::ledger::progress;
use crate::cli::out::{ExitStatus, Failure, line};
use crate::config;
use crate::keys::{self, KeyRole, NamedSigner};

#[derive(Debug, ClapArgs)]
pub(in crate::cli::ledger) struct EvidenceArgs {
    /// Put entries into this new folder instead, as evidence for an auditor: with the proof that they are in the signed
    /// log, the policy bundles that their decisions name, the public keys, and a page that says how to verify them
    #[arg(long, requires_all = ["from", "to"])]
    #[arg(conflicts_with_all = ["id", "warrant", "lineage", "route", "code", "kind", "since", "until"])]
    evidence: Option<PathBuf>,
    /// The index of the first entry for the evidence
    #[arg(long, requires = "evidence")]
    from: Option<u64>,
    /// The index of the last entry for the evidence
    #[arg(long, requires = "evidence")]
    to: Option<u64>,
    /// The configuration of the server, from which the evidence gets the public keys of receipts and witnesses
    #[arg(long, requires = "evidence")]
    config: Option<PathBuf>,
}

/// What an evidence folder is asked to hold.
struct Wanted<'a> {
    folder: &'a Path,
    asked: Range,
    config: Option<&'a Path>,
}

impl EvidenceArgs {
    fn wanted(&self) -> Option<Wanted<'_>> {
        let asked = Range { first: self.from?, last: self.to? };
        Some(Wanted { folder: self.evidence.as_deref()?, asked, config: self.config.as_deref() })
    }
}

/// Makes the folder, if these arguments ask for one.
pub(in crate::cli::ledger) fn run(
    args: &EvidenceArgs,
    log: &OpenLog,
    key: &OptionalKey,
    as_json: bool,
) -> Result<Option<ExitStatus>, Failure> {
    let Some(wanted) = args.wanted() else { return Ok(None) };
    let key = &key.read(log)?;
    let Some(ledger) = log.directory.as_ref().filter(|_| log.evidence.is_none()) else {
        return Err(Failure::new("evidence is made from the ledger's whole directory: name that directory"));
    };
    let signed = log.checkpoint(key)?;
    let (mut contents, part) = choose(log, &signed, wanted.asked, as_json)?;
    let mut folder = Folder::create(wanted.folder)?;
    folder.put(VKEY, format!("{key}\n").as_bytes())?;
    put_log(&mut folder, log, &signed, &part)?;
    put_bundles(&mut folder, ledger, &mut contents)?;
    if let Some(config) = wanted.config {
        put_keys(&mut folder, config, &mut contents)?;
    }
    folder.put(PAGE, page::text(&contents, &signed).as_bytes())?;
    let list = serde_json::to_string_pretty(&contents).map_err(Failure::new)?;
    folder.put(LIST, format!("{list}\n").as_bytes())?;
    folder.put_sums()?;
    check(&wanted, key, as_json)?;
    report(&contents, wanted.folder, as_json)?;
    Ok(Some(if contents.missing_bundles.is_empty() { ExitStatus::Success } else { ExitStatus::Denied }))
}

/// The part of the log: the bundles with these entries, and those with the entries that their decisions name.
fn choose(
    log: &OpenLog,
    signed: &SignedCheckpoint,
    asked: Range,
    as_json: bool,
) -> Result<(Contents, Part), Failure> {
    let size = signed.checkpoint().size;
    let mut part = Part::around(asked.first, asked.last, size).ok_or_else(|| {
        Failure::new(format!(
            "there are no entries {} to {}: {size} entries are published, from 0 on",
            asked.first, asked.last
        ))
    })?;
    let here = log.entries(size)?;
    let archived = |index: u64| {
        Failure::new(format!("entry {index} was archived: name the archive with --archive to read it too"))
    };
    if part.entries().start < here.start {
        return Err(archived(part.entries().start));
    }
    let tree = MerkleTree::new(log.source.as_ref(), size);
    let named = named::by_decisions(&tree, part.entries(), &progress::bar("reading", size, as_json))?;
    if let Some(archived_entry) = named.earlier.iter().find(|entry| **entry < here.start) {
        return Err(archived(*archived_entry));
    }
    named.earlier.iter().for_each(|entry| part.add_earlier(*entry));
    let mut contents = Contents::new(&signed.checkpoint().origin, asked, &part, named.earlier);
    contents.bundles = named.bundles;
    Ok((contents, part))
}

/// The checkpoint, and the files of the part at the size of the checkpoint: a running server may have replaced a partial file by
/// the full one meanwhile.
fn put_log(
    folder: &mut Folder,
    log: &OpenLog,
    signed: &SignedCheckpoint,
    part: &Part,
) -> Result<(), Failure> {
    let checkpoint = published_name(PublishedFile::Checkpoint);
    folder.put(&checkpoint, signed.note().as_bytes())?;
    for file in part.files() {
        let bytes = published_bytes(log.source.as_ref(), file).map_err(Failure::new)?;
        folder.put(&published_name(file), &bytes)?;
    }
    Ok(())
}

/// The bundles that the decisions name, as they are kept beside the log. One that is not kept is listed as missing.
fn put_bundles(folder: &mut Folder, ledger: &Path, contents: &mut Contents) -> Result<(), Failure> {
    let kept = KeptBundles::of_ledger(ledger);
    for digest in std::mem::take(&mut contents.bundles) {
        let why = match kept.read(&digest) {
            Ok(Some(parcel)) => {
                let bytes = KeptBundles::to_bytes(&parcel).map_err(Failure::new)?;
                folder.put(&bundle_name(&digest), &bytes)?;
                contents.bundles.insert(digest);
                continue;
            }
            Ok(None) => "it is not kept beside the log".to_owned(),
            Err(error @ KeptError::Damaged(..)) => error.to_string(),
            Err(error @ KeptError::Io(..)) => return Err(Failure::new(error)),
        };
        contents.missing_bundles.push(MissingBundle { digest, why });
    }
    Ok(())
}

/// The public keys that only the configuration knows.
fn put_keys(folder: &mut Folder, config: &Path, contents: &mut Contents) -> Result<(), Failure> {
    let config = config::load(config).map_err(|faults| Failure::all(&faults))?;
    let own = config.keys.of(KeyRole::Receipt);
    let receipt_keys = format!("{}\n", keys::jwks(own.iter().map(NamedSigner::public)));
    folder.put(RECEIPT_KEYS, receipt_keys.as_bytes())?;
    contents.receipt_keys = true;
    for witness in &config.ledger.witnesses {
        folder.put(&witness_name(contents.witnesses.len()), format!("{}\n", witness.key).as_bytes())?;
        contents.witnesses.push(witness.key.name().to_owned());
    }
    Ok(())
}

/// Reads the folder as an auditor would. What does not hold must not be handed over.
fn check(wanted: &Wanted<'_>, key: &VerifyingKey, as_json: bool) -> Result<(), Failure> {
    let place = wanted.folder.display().to_string();
    let log = LogLocation::new(place.clone(), Vec::new(), None).open()?;
    let Some(contents) = &log.evidence else {
        return Err(Failure::new(format!("{place} cannot be read back")));
    };
    let report = audit(&log, contents, key, &[], as_json)?;
    if report.holds() {
        return Ok(());
    }
    print_faults(&report)?;
    Err(Failure::new(format!(
        "the ledger does not hold, so {place} cannot serve as evidence: audit the ledger"
    )))
}

fn report(contents: &Contents, folder: &Path, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return line(json!({"folder": folder.display().to_string(), "evidence": contents}));
    }
    let (first, last) = (contents.entries.first, contents.entries.last);
    line(format!(
        "wrote {}: entries {first} to {last} of {}, {} earlier entries, {} policy bundles",
        folder.display(),
        contents.origin,
        contents.earlier.len(),
        contents.bundles.len()
    ))?;
    for missing in &contents.missing_bundles {
        line(format!(
            "MISSING: bundle {}: {}; the decisions by it cannot be judged again",
            missing.digest, missing.why
        ))?;
    }
    if !contents.receipt_keys {
        line("the public keys of receipts and witnesses are not in it: name the server's --config")?;
    }
    line(format!("its README.md says how to verify it; begin with: cd {} && cat {PAGE}", folder.display()))
}

/// The folder as it is filled, and the digest of each file in it.
struct Folder {
    path: PathBuf,
    sums: BTreeMap<String, Digest>,
}

impl Folder {
    /// Only its owner may read it: entries are not public.
    fn create(path: &Path) -> Result<Folder, Failure> {
        durable::create_dir(path, 0o700)
            .map_err(|e| Failure::new(format!("cannot make the new folder {}: {e}", path.display())))?;
        Ok(Folder { path: path.to_owned(), sums: BTreeMap::new() })
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.write(name, bytes)?;
        self.sums.insert(name.to_owned(), Digest::of(bytes));
        Ok(())
    }

    /// A folder without this file was never finished.
    fn put_sums(&self) -> Result<(), Failure> {
        let lines: String =
            self.sums.iter().map(|(name, digest)| format!("{}  {name}\n", digest.to_hex())).collect();
        self.write(SUMS, lines.as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        let directory = path.parent().unwrap_or(&self.path);
        durable::create_dir_all(directory, 0o700)
            .and_then(|()| durable::write_new(&path, bytes, 0o644))
            .map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))
    }
}
