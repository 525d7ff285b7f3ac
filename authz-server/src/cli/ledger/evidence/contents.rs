//! The list of an evidence folder, `evidence.json`: which part of which log is in it, and what is missing. It also knows the
//! names of all files. It is not signed: it says what to look for, and the checkpoint proves it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use ledger::part::Part;
use ledger::published_file::PublishedFile;
use policy::Digest;
use serde::{Deserialize, Serialize};

use crate::cli::out::Failure;

pub(super) const LIST: &str = "evidence.json";
pub(super) const PAGE: &str = "README.md";
pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const VKEY: &str = "log.vkey";
pub(super) const RECEIPT_KEYS: &str = "keys/receipt-jwks.json";
const FORM: &str = "portcullis.dev/evidence/1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::cli::ledger) struct Contents {
    form: String,
    /// The log's name.
    pub(super) origin: String,
    /// The size of the log in the checkpoint.
    pub(super) size: u64,
    /// The range that was asked for.
    pub(super) asked: Range,
    /// The range that is here: all entries of the bundles in which the range lies.
    pub(super) entries: Range,
    /// The entries before the range that its decisions name for the terms of their warrants.
    pub(super) earlier: BTreeSet<u64>,
    /// The policy bundles that its decisions name, and that are here.
    pub(super) bundles: BTreeSet<Digest>,
    /// The ones that are not here.
    pub(super) missing_bundles: Vec<MissingBundle>,
    /// The names of the witnesses whose keys are here.
    pub(super) witnesses: Vec<String>,
    /// Whether the keys of receipts are here.
    pub(super) receipt_keys: bool,
}

/// Entries from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli::ledger) struct Range {
    pub(super) first: u64,
    pub(super) last: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli::ledger) struct MissingBundle {
    pub(super) digest: Digest,
    pub(super) why: String,
}

impl Contents {
    /// The list of a folder without any bundles and keys yet.
    pub(super) fn new(origin: &str, asked: Range, part: &Part, earlier: BTreeSet<u64>) -> Contents {
        let entries = part.entries();
        Contents {
            form: FORM.to_owned(),
            origin: origin.to_owned(),
            size: part.size(),
            asked,
            entries: Range { first: entries.start, last: entries.end.saturating_sub(1) },
            earlier,
            bundles: BTreeSet::new(),
            missing_bundles: Vec::new(),
            witnesses: Vec::new(),
            receipt_keys: false,
        }
    }

    /// The list in this folder. `None` if the folder is not evidence.
    pub(in crate::cli::ledger) fn read(folder: &Path) -> Result<Option<Contents>, Failure> {
        let file = folder.join(LIST);
        let wrong = |what: String| Failure::new(format!("{}: {what}", file.display()));
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
        };
        let contents: Contents = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("is not the list of an evidence folder: {error}")))?;
        if contents.form != FORM {
            return Err(wrong(format!("has the form {}, but this version reads {FORM}", contents.form)));
        }
        contents.part().ok_or_else(|| wrong("names entries that its log does not have".to_owned()))?;
        Ok(Some(contents))
    }

    /// The part of the log; `None` if the log does not have these entries.
    pub(super) fn part(&self) -> Option<Part> {
        let mut part = Part::around(self.entries.first, self.entries.last, self.size)?;
        self.earlier.iter().for_each(|entry| part.add_earlier(*entry));
        Some(part)
    }

    /// The entries of this evidence, as a range.
    pub(in crate::cli::ledger) fn range(&self) -> std::ops::Range<u64> {
        self.entries.first..self.entries.last.saturating_add(1)
    }

    /// The name of every file that is in the folder, and no other.
    pub(super) fn files(&self, part: &Part) -> BTreeSet<String> {
        let own = [LIST, PAGE, SUMS, VKEY].into_iter().chain(self.receipt_keys.then_some(RECEIPT_KEYS));
        let published = part.files().into_iter().chain([PublishedFile::Checkpoint]);
        own.map(str::to_owned)
            .chain(published.map(published_name))
            .chain(self.bundles.iter().map(bundle_name))
            .chain((0..self.witnesses.len()).map(witness_name))
            .collect()
    }
}

/// The name of a file of the published log.
pub(super) fn published_name(file: PublishedFile) -> String {
    format!("log/{}", file.path())
}

/// The name of a policy bundle: the same as in a ledger's directory.
pub(super) fn bundle_name(digest: &Digest) -> String {
    format!("bundles/{}.json", digest.to_hex())
}

/// The name of the key of a witness, counted from 0.
pub(super) fn witness_name(number: usize) -> String {
    format!("keys/witness-{}.vkey", number.saturating_add(1))
}
