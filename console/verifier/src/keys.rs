//! Verification keys as the person gives them, and the name by which a person compares one.

use ledger::VerifyingKey;
use ledger::entry::Digest;
use ledger::note::KeyFault;
use serde::{Deserialize, Serialize};

use crate::{Outcome, Part, Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    key: String,
}

/// A key that can be pinned.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KnownKey {
    outcome: Outcome,
    #[serde(flatten)]
    key: KeyName,
    is_witness: bool,
}

/// What a person sees of a key.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyName {
    name: String,
    /// SHA-256 of the key's line. The id in the line has four bytes only, so another key can be made that has it too.
    fingerprint: Digest,
}

impl KeyName {
    pub(crate) fn of(key: &VerifyingKey) -> Self {
        Self { name: key.name().to_owned(), fingerprint: Digest::of(key.to_string().as_bytes()) }
    }
}

impl Question {
    pub(crate) fn answer(&self) -> Result<KnownKey, Refusal> {
        let key = read(&self.key, Part::LogKey)?;
        Ok(KnownKey { outcome: Outcome::Key, key: KeyName::of(&key), is_witness: key.is_witness() })
    }
}

/// The key of a log.
pub(crate) fn of_log(line: &str) -> Result<VerifyingKey, Refusal> {
    let key = read(line, Part::LogKey)?;
    if key.is_witness() {
        return Err(Refusal::new(Outcome::BadKey, Part::LogKey).detail("it is the key of a witness"));
    }
    Ok(key)
}

/// The keys of witnesses, each once: nobody counts twice.
pub(crate) fn of_witnesses(lines: &[String]) -> Result<Vec<VerifyingKey>, Refusal> {
    let mut keys: Vec<VerifyingKey> = Vec::new();
    for line in lines {
        let key = read(line, Part::WitnessKey)?;
        let fault = |why: &str| Refusal::new(Outcome::BadKey, Part::WitnessKey).detail(why);
        if !key.is_witness() {
            return Err(fault("it is the key of a log"));
        }
        if keys.iter().any(|known| known.name() == key.name()) {
            return Err(fault("two witnesses have the same name"));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn read(line: &str, part: Part) -> Result<VerifyingKey, Refusal> {
    let unreadable = |fault: KeyFault| Refusal::new(Outcome::BadKey, part).detail(fault);
    line.trim().parse().map_err(unreadable)
}
