//! Checks the proof of an entry, and lists every step of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::merkle::{Hash, Side};
use ledger::note::{NoteFault, SignedCheckpoint};
use ledger::proof::{EntryProof, InclusionPath, ProofFault};
use ledger::{Entry, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::keys::{self, KeyName};
use crate::{LeftOpen, Outcome, Part, Proved, Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// The text of the proof.
    proof: String,
    /// The log's key, which the person has from elsewhere.
    log: String,
    /// Keys of witnesses, and how many of them must have cosigned.
    #[serde(default)]
    witnesses: Vec<String>,
    #[serde(default)]
    threshold: usize,
    /// The id of the decision that the person asked for.
    #[serde(default)]
    decision: Option<String>,
}

/// A proof that holds.
#[derive(Debug, Serialize)]
pub(crate) struct ProvedEntry {
    outcome: Outcome,
    key: KeyName,
    entry: EntryShown,
    path: PathShown,
    checkpoint: CheckpointShown,
    proves: Vec<Proved>,
    leaves_open: Vec<LeftOpen>,
}

#[derive(Debug, Serialize)]
struct EntryShown {
    index: String,
    kind: &'static str,
    /// Milliseconds since 1970, by the server's clock.
    time: String,
    /// The canonical bytes, which are JSON.
    text: String,
    decision: Option<DecisionShown>,
}

#[derive(Debug, Serialize)]
struct DecisionShown {
    id: String,
    outcome: &'static str,
}

#[derive(Debug, Serialize)]
struct PathShown {
    leaf: String,
    steps: Vec<StepShown>,
}

#[derive(Debug, Serialize)]
struct StepShown {
    side: &'static str,
    sibling: String,
    node: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct CheckpointShown {
    origin: String,
    size: String,
    root: String,
    /// The witnesses whose cosignatures were checked, and when each cosigned, in seconds since 1970.
    cosigned: Vec<Cosignature>,
}

#[derive(Debug, Serialize)]
struct Cosignature {
    witness: String,
    time: String,
}

impl Question {
    pub(crate) fn answer(&self) -> Result<ProvedEntry, Refusal> {
        let log = keys::of_log(&self.log)?;
        let witnesses = keys::of_witnesses(&self.witnesses)?;
        if self.threshold > witnesses.len() {
            return Err(Refusal::new(Outcome::BadCall, Part::Call));
        }
        let proof = EntryProof::verify(self.proof.as_bytes(), &log, &witnesses)
            .map_err(|fault| refusal(&fault, &log))?;
        let cosigned = cosigned_by(proof.checkpoint(), &witnesses);
        if cosigned < self.threshold {
            return Err(Refusal::new(Outcome::TooFewWitnesses, Part::Witnesses));
        }
        let (stamps, entry) = proof.entry().map_err(|fault| refusal(&fault, &log))?;
        let decision = DecisionShown::of(&entry);
        if let Some(wanted) = &self.decision {
            match &decision {
                Some(found) if found.id == *wanted => {}
                Some(found) => {
                    let wrong = Refusal::new(Outcome::WrongDecision, Part::Decision);
                    return Err(wrong.found(&found.id));
                }
                None => {
                    let wrong = Refusal::new(Outcome::WrongDecision, Part::Decision);
                    return Err(wrong.detail(format!("it is about an entry of the kind {}", entry.kind())));
                }
            }
        }
        let path = proof.path().ok_or_else(|| refusal(&ProofFault::Length, &log))?;
        Ok(ProvedEntry {
            outcome: Outcome::Proved,
            key: KeyName::of(&log),
            proves: self.proves(),
            leaves_open: self.leaves_open(decision.is_some()),
            entry: EntryShown {
                index: proof.index().to_string(),
                kind: entry.kind(),
                time: stamps.time.to_string(),
                text: String::from_utf8_lossy(proof.bytes()).into_owned(),
                decision,
            },
            path: PathShown::of(&path),
            checkpoint: CheckpointShown::of(proof.checkpoint()),
        })
    }

    fn proves(&self) -> Vec<Proved> {
        let mut proves = vec![Proved::EntryInLog, Proved::SignedByLog];
        if self.decision.is_some() {
            proves.push(Proved::DecisionAskedFor);
        }
        if self.threshold > 0 {
            proves.push(Proved::SeenByWitnesses);
        }
        proves
    }

    fn leaves_open(&self, is_decision: bool) -> Vec<LeftOpen> {
        let mut open = Vec::new();
        if is_decision && self.decision.is_none() {
            open.push(LeftOpen::WhichDecision);
        }
        if is_decision {
            open.extend([LeftOpen::JudgedRight, LeftOpen::HowItEnded]);
        }
        if self.threshold == 0 {
            open.push(LeftOpen::SameForAll);
        }
        open.extend([LeftOpen::Times, LeftOpen::OtherEntries]);
        open
    }
}

/// How many of these witnesses cosigned. A second line of one of them adds nothing.
fn cosigned_by(checkpoint: &SignedCheckpoint, witnesses: &[VerifyingKey]) -> usize {
    let has_cosigned =
        |key: &&VerifyingKey| checkpoint.cosigners().iter().any(|line| line.witness == key.name());
    witnesses.iter().filter(has_cosigned).count()
}

fn refusal(fault: &ProofFault, log: &VerifyingKey) -> Refusal {
    match fault {
        ProofFault::Form(what) => Refusal::new(Outcome::NotAProof, Part::Proof).detail(what),
        ProofFault::Checkpoint(fault) => of_note(fault, log, Part::Checkpoint),
        ProofFault::Entry(why) => Refusal::new(Outcome::EntryNotCanonical, Part::Entry).detail(why),
        ProofFault::Length => Refusal::new(Outcome::SizeMismatch, Part::Path),
        ProofFault::Root => Refusal::new(Outcome::AnotherRoot, Part::Path),
    }
}

/// Why this part is not a checkpoint of the log.
pub(crate) fn of_note(fault: &NoteFault, log: &VerifyingKey, part: Part) -> Refusal {
    match fault {
        NoteFault::Form(what) => Refusal::new(Outcome::NotACheckpoint, part).detail(what),
        NoteFault::Origin(origin) => Refusal::new(Outcome::AnotherLog, part).found(origin),
        NoteFault::Unsigned => Refusal::new(Outcome::AnotherKey, part),
        NoteFault::Signature(name) if name == log.name() => Refusal::new(Outcome::CheckpointSignature, part),
        NoteFault::Signature(name) => Refusal::new(Outcome::WitnessSignature, Part::Witnesses).found(name),
    }
}

impl DecisionShown {
    fn of(entry: &Entry) -> Option<Self> {
        let Entry::Decision(decision) = entry else { return None };
        Some(Self { id: decision.id.clone(), outcome: decision.outcome.word() })
    }
}

impl PathShown {
    fn of(path: &InclusionPath) -> Self {
        let steps = path.steps.iter().map(|step| StepShown {
            side: match step.side {
                Side::Left => "left",
                Side::Right => "right",
            },
            sibling: text(&step.sibling),
            node: text(&step.node),
        });
        Self { leaf: text(&path.leaf), steps: steps.collect() }
    }
}

impl CheckpointShown {
    pub(crate) fn of(signed: &SignedCheckpoint) -> Self {
        let checkpoint = signed.checkpoint();
        let cosigned = signed
            .cosigners()
            .iter()
            .map(|line| Cosignature { witness: line.witness.clone(), time: line.time.to_string() });
        Self {
            origin: checkpoint.origin.clone(),
            size: checkpoint.size.to_string(),
            root: text(&checkpoint.root),
            cosigned: cosigned.collect(),
        }
    }
}

/// A hash as it stands in proofs and checkpoints.
fn text(hash: &Hash) -> String {
    STANDARD.encode(hash)
}
