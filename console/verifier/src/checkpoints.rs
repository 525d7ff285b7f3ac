//! Compares two checkpoints of one log: whether the log only grew between them.

use ledger::VerifyingKey;
use ledger::consistency::{Consistency, ConsistencyFault};
use ledger::merkle::{Continuation, continuation};
use ledger::note::SignedCheckpoint;
use serde::{Deserialize, Serialize};

use crate::keys::{self, KeyName};
use crate::proof::{CheckpointShown, of_note};
use crate::{LeftOpen, Outcome, Part, Proved, Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// The log's key, which the person has from elsewhere.
    log: String,
    /// The older checkpoint.
    older: String,
    /// The newer checkpoint. Without it, it is the one in the proof.
    #[serde(default)]
    newer: Option<String>,
    /// The proof that connects them. Two checkpoints of one size need none.
    #[serde(default)]
    proof: Option<String>,
}

/// What came out, with as much of both checkpoints as their log signed.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    #[serde(flatten)]
    result: ComparisonResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<CheckpointShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newer: Option<CheckpointShown>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ComparisonResult {
    Shown { outcome: Outcome, proves: Vec<Proved>, leaves_open: Vec<LeftOpen> },
    Refused(Refusal),
}

impl Question {
    pub(crate) fn answer(&self) -> Comparison {
        let mut comparison = Comparison {
            result: ComparisonResult::Refused(Refusal::new(Outcome::Unproved, Part::Proof)),
            key: None,
            older: None,
            newer: None,
        };
        comparison.result = match self.compare(&mut comparison) {
            Ok(()) => ComparisonResult::Shown {
                outcome: Outcome::Consistent,
                proves: vec![Proved::OnlyGrew, Proved::SignedByLog],
                leaves_open: vec![LeftOpen::SameForAll, LeftOpen::OtherEntries],
            },
            Err(refusal) if refusal.outcome == Outcome::Forked => ComparisonResult::Shown {
                outcome: Outcome::Forked,
                proves: vec![Proved::TwoHistories, Proved::SignedByLog],
                leaves_open: vec![],
            },
            Err(refusal) => ComparisonResult::Refused(refusal),
        };
        comparison
    }

    fn compare(&self, shown: &mut Comparison) -> Result<(), Refusal> {
        let log = keys::of_log(&self.log)?;
        shown.key = Some(KeyName::of(&log));
        let mut older = read(&self.older, &log, Part::Older)?;
        shown.older = Some(CheckpointShown::of(&older));
        let proof = self.proof.as_deref().map(|text| read_proof(text, &log)).transpose()?;
        let newer = self.newer.as_deref().map(|text| read(text, &log, Part::Newer)).transpose()?;
        let in_proof = proof.as_ref().map(|proof| proof.checkpoint().clone());
        let Some(mut newer) = newer.or(in_proof) else {
            return Err(Refusal::new(Outcome::ProofNeeded, Part::Proof));
        };
        // Whoever has two checkpoints need not know which one is older.
        if older.checkpoint().size > newer.checkpoint().size {
            std::mem::swap(&mut older, &mut newer);
            shown.older = Some(CheckpointShown::of(&older));
        }
        shown.newer = Some(CheckpointShown::of(&newer));
        let (from, to) = (older.checkpoint(), newer.checkpoint());
        let fork = || Refusal::new(Outcome::Forked, Part::Newer);
        if from.size == to.size {
            // Two roots of one size contradict each other: that needs no proof.
            return match continuation(from.size, &from.root, to.size, &to.root, &[]) {
                Continuation::Continues => Ok(()),
                Continuation::Forked | Continuation::Unproved => Err(fork()),
            };
        }
        let proof = proof.ok_or_else(|| Refusal::new(Outcome::ProofNeeded, Part::Proof))?;
        if proof.checkpoint().checkpoint() != to {
            return Err(Refusal::new(Outcome::ProofOfOthers, Part::Proof));
        }
        proof.check_continues(from).map_err(|fault| match fault {
            ConsistencyFault::Forked => fork(),
            ConsistencyFault::Unproved => Refusal::new(Outcome::Unproved, Part::Proof),
            ConsistencyFault::Size => Refusal::new(Outcome::ProofOfOthers, Part::Proof),
            ConsistencyFault::Form(what) => Refusal::new(Outcome::NotAProof, Part::Proof).detail(what),
            ConsistencyFault::Checkpoint(fault) => of_note(&fault, &log, Part::Proof),
        })
    }
}

fn read(note: &str, log: &VerifyingKey, part: Part) -> Result<SignedCheckpoint, Refusal> {
    SignedCheckpoint::parse(note.as_bytes(), log, &[]).map_err(|fault| of_note(&fault, log, part))
}

fn read_proof(text: &str, log: &VerifyingKey) -> Result<Consistency, Refusal> {
    Consistency::read(text.as_bytes(), log).map_err(|fault| match fault {
        ConsistencyFault::Form(what) => Refusal::new(Outcome::NotAProof, Part::Proof).detail(what),
        ConsistencyFault::Checkpoint(fault) => of_note(&fault, log, Part::Proof),
        ConsistencyFault::Size | ConsistencyFault::Forked | ConsistencyFault::Unproved => {
            Refusal::new(Outcome::Unproved, Part::Proof)
        }
    })
}
