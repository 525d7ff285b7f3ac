//! The console's verifier: checks a decision's proof, or two checkpoints, for a person who has the log's key.
//!
//! It runs in the person's browser as a Wasm module (`module/`), so that the server that sends a proof is not asked
//! whether the proof holds. All cryptography, hashing and reading of formats is the crate `ledger`. Here is what the
//! person gets: one of a closed list of outcomes, every step for drawing, and what is proved and what is not. There are
//! codes only: their words are in `verifier.js`.

mod checkpoints;
mod codes;
mod keys;
mod proof;

use serde::{Deserialize, Serialize};

pub use codes::{LeftOpen, Outcome, Part, Proved};

/// The longest call: an entry has 64 KB at most, and so has a checkpoint.
pub const BYTES_AT_MOST: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    /// Does this proof hold, and is it about this decision?
    Proof(proof::Question),
    /// Does the log of the newer checkpoint continue the log of the older one?
    Checkpoints(checkpoints::Question),
    /// Is this a key, and which one?
    Key(keys::Question),
}

/// Answers a call. Both are JSON. Numbers in the answer are decimal texts, because JavaScript rounds large ones.
#[must_use]
pub fn answer(call: &[u8]) -> Vec<u8> {
    let parsed = serde_json::from_slice(call).ok().filter(|_| call.len() <= BYTES_AT_MOST);
    let Some(call) = parsed else { return to_json(&Refusal::new(Outcome::BadCall, Part::Call)) };
    match call {
        Call::Proof(question) => either(question.answer()),
        Call::Checkpoints(question) => to_json(&question.answer()),
        Call::Key(question) => either(question.answer()),
    }
}

/// Why something is not proved.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Refusal {
    outcome: Outcome,
    part: Part,
    /// What exactly is wrong, in the ledger's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The name that was found in place of the wanted one: of a log, a witness or a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

impl Refusal {
    fn new(outcome: Outcome, part: Part) -> Self {
        Self { outcome, part, detail: None, found: None }
    }

    fn detail(mut self, detail: impl ToString) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }
}

fn either<T: Serialize>(answer: Result<T, Refusal>) -> Vec<u8> {
    match answer {
        Ok(proved) => to_json(&proved),
        Err(refusal) => to_json(&refusal),
    }
}

fn to_json<T: Serialize>(answer: &T) -> Vec<u8> {
    // Texts and lists always have a JSON form. An empty answer would be an error for whoever reads it.
    serde_json::to_vec(answer).unwrap_or_default()
}
