//! What callers read of the past: decisions, lineages and proofs. It asks the policy for operators, answers from the history
//! and the entries, and counts who read. Everything here blocks, because it reads the disk, but for waiting for a turn.

mod permits;
#[cfg(test)]
mod tests;
mod turn;

use ledger::Ledger;
use ledger::proof::EntryProof;
use policy::OperatorAction;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::warn;
use utoipa::ToSchema;

use super::callers::Caller;
use super::fact_recorder::FactRecorder;
use super::problem::{ApiError, ApiErrorCode};
use crate::clock::Clock;
use crate::history::{Found, History, Lineage, Span, Summary, Wanted};
use crate::recorder::Recorder;
use crate::schema::{LinkTerms, RecordedDecision, RecordedOutcome};
use permits::Permits;
use turn::ReadingTurns;

/// Answers from the past. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reading {
    ledger: Ledger,
    history: History,
    facts: FactRecorder,
    recorder: Recorder,
    turns: ReadingTurns,
}

/// One decision.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionAnswer {
    #[serde(flatten)]
    pub span: Span,
    #[serde(flatten)]
    #[schema(value_type = RecordedDecision)]
    pub decision: RecordedBytes,
    /// The terms of its warrant, if the entry names an earlier one that says them; `null` if it says them itself, or if the
    /// earlier one was moved to an archive.
    #[schema(required, value_type = Option<Vec<LinkTerms>>)]
    pub terms: Option<Box<RawValue>>,
    /// How the request ended; `null` if that is not known.
    #[schema(required, value_type = Option<RecordedOutcome>)]
    pub outcome: Option<RecordedBytes>,
}

/// The member of a decision's entry that says its terms, or the index of the entry that does.
#[derive(Deserialize)]
struct TermsMember<'a> {
    #[serde(borrow)]
    terms: &'a RawValue,
}

/// An entry as it is recorded.
#[derive(Debug, Serialize)]
pub struct RecordedBytes {
    pub index: u64,
    pub entry: Box<RawValue>,
}

/// A page of decisions, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionsAnswer {
    #[serde(flatten)]
    pub span: Span,
    pub decisions: Vec<Summary>,
    /// What `from` is for the next page; `null` after the oldest decision.
    #[schema(required)]
    pub next: Option<u64>,
}

/// A lineage, as far as the caller may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineageAnswer {
    #[serde(flatten)]
    pub span: Span,
    #[serde(flatten)]
    pub lineage: Lineage,
}

impl Reading {
    pub fn new(
        ledger: Ledger,
        history: History,
        facts: FactRecorder,
        recorder: Recorder,
        clock: Clock,
    ) -> Reading {
        Reading { ledger, history, facts, recorder, turns: ReadingTurns::of_this_machine(clock) }
    }

    /// Reads when it is the caller's turn, on a thread that makes no decisions.
    pub async fn in_turn<T: Send + 'static>(
        self,
        caller: Caller,
        read: impl FnOnce(&Reading, &Caller) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.turns.wait(&caller.id.to_string()).await?;
        let made = tokio::task::spawn_blocking(move || {
            let answer = read(&self, &caller);
            // The turn is held until here, also if the client has gone.
            drop(turn);
            answer
        });
        made.await.map_err(|_| ApiError::new(ApiErrorCode::Unavailable, "this server is stopping"))?
    }

    /// Which entries answers are made from now, for a caller who may read decisions anywhere.
    pub fn span(&self, caller: &Caller) -> Result<Span, ApiError> {
        self.permits(caller, OperatorAction::ReadDecisions).check_any()?;
        Ok(self.history.span())
    }

    /// The entry of a decision. Who may not see it is told the same as about an id that does not exist.
    pub fn decision(&self, caller: &Caller, id: &str) -> Result<DecisionAnswer, ApiError> {
        let mut permits = self.permits(caller, OperatorAction::ReadDecisions);
        let (span, found) = self.history.decision(id);
        // Asked in either case: the time of the answer must not tell them apart either.
        let may_see = permits.may(found.as_ref().and_then(|found| found.route.as_deref()));
        let Some(found) = found.filter(|_| may_see) else { return Err(unknown(span)) };
        let indices = [Some(found.index), found.outcome].into_iter().flatten();
        let mut entries = self.entries(indices.clone())?.into_iter().zip(indices);
        let mut next = || entries.next().map(|(bytes, index)| RecordedBytes::new(index, bytes)).transpose();
        let decision = next()?.ok_or_else(|| unknown(span))?;
        let outcome = next()?;
        let terms = self.terms_elsewhere(&decision)?;
        self.count(caller, OperatorAction::ReadDecisions);
        Ok(DecisionAnswer { span, decision, terms, outcome })
    }

    fn terms_elsewhere(&self, decision: &RecordedBytes) -> Result<Option<Box<RawValue>>, ApiError> {
        let member = |entry: &str| {
            serde_json::from_str(entry)
                .map(|TermsMember { terms }| terms.to_owned())
                .map_err(|error| unreadable(&error))
        };
        // Whole terms are a list, which is not a number.
        let Ok(index) = member(decision.entry.get())?.get().parse() else { return Ok(None) };
        let entry = self.history.entry_if_kept(index).map_err(|error| unreadable(&error))?;
        let earlier = entry.map(|bytes| RecordedBytes::new(index, bytes)).transpose()?;
        earlier.map(|earlier| member(earlier.entry.get())).transpose()
    }

    /// The text of a C2SP `tlog-proof` of the entry of a decision, against the published checkpoint. It holds the entry, so
    /// the caller needs `read-entries`, which covers every entry.
    pub fn proof(&self, caller: &Caller, id: &str) -> Result<String, ApiError> {
        self.facts.permit_reading(caller, OperatorAction::ReadEntries)?;
        let (span, found) = self.history.decision(id);
        let Found { index, .. } = found.ok_or_else(|| unknown(span))?;
        let made = self.ledger.checkpoint().and_then(|checkpoint| {
            // The history reads only what is published.
            EntryProof::make(&self.ledger.log(), checkpoint, index)
        });
        let proof = made.map_err(|error| unreadable(&error))?;
        self.count(caller, OperatorAction::ReadEntries);
        Ok(proof.to_string())
    }

    /// The newest decisions that are wanted, without those that the caller may not see.
    pub fn decisions(
        &self,
        caller: &Caller,
        wanted: &Wanted,
        from: Option<u64>,
        limit: usize,
    ) -> Result<DecisionsAnswer, ApiError> {
        let mut permits = self.permits(caller, OperatorAction::ReadDecisions);
        // A caller who may see nothing is not told that nothing was found, and nothing is looked through for him.
        permits.check_any()?;
        let (span, page) = self.history.decisions(wanted, from, limit, &mut |route| permits.may(route));
        let indices: Vec<u64> = page.decisions.iter().map(|found| found.index).collect();
        let entries = self.entries(indices.iter().copied())?;
        let summaries = indices.iter().zip(&entries).map(|(index, bytes)| Summary::of_entry(*index, bytes));
        let decisions = summaries.collect::<Result<_, _>>().map_err(|error| unreadable(&error))?;
        self.count(caller, OperatorAction::ReadDecisions);
        Ok(DecisionsAnswer { span, decisions, next: page.next })
    }

    /// The warrants of a lineage, and the decisions under each that the caller may see.
    pub fn lineage(&self, caller: &Caller, txn: &str, iss: Option<&str>) -> Result<LineageAnswer, ApiError> {
        let mut permits = self.permits(caller, OperatorAction::ReadLineages);
        permits.check_any()?;
        let (span, mut lineages) = self.history.lineages(txn, iss, &mut |route| permits.may(route));
        let lineage = lineages.pop().ok_or_else(|| unknown(span))?;
        if !lineages.is_empty() {
            let issuers: Vec<&str> =
                lineages.iter().chain([&lineage]).map(|lineage| lineage.iss.as_str()).collect();
            let detail = format!(
                "several issuers have a lineage of this name: {}; name one with `iss`",
                issuers.join(", ")
            );
            return Err(ApiError::new(ApiErrorCode::Malformed, detail));
        }
        self.count(caller, OperatorAction::ReadLineages);
        Ok(LineageAnswer { span, lineage })
    }

    fn permits<'a>(&self, caller: &'a Caller, action: OperatorAction) -> Permits<'a> {
        Permits::new(self.facts.asking(caller), action)
    }

    fn entries(&self, indices: impl Iterator<Item = u64>) -> Result<Vec<Vec<u8>>, ApiError> {
        self.history.entries(indices).map_err(|error| unreadable(&error))
    }

    fn count(&self, caller: &Caller, action: OperatorAction) {
        self.recorder.count_read(&caller.id.to_string(), action.word());
    }
}

impl RecordedBytes {
    fn new(index: u64, bytes: Vec<u8>) -> Result<RecordedBytes, ApiError> {
        let text = String::from_utf8(bytes).map_err(|error| unreadable(&error))?;
        let entry = RawValue::from_string(text).map_err(|error| unreadable(&error))?;
        Ok(RecordedBytes { index, entry })
    }
}

fn unknown(Span { from, as_of, size }: Span) -> ApiError {
    let detail = format!(
        "nothing of this name that you may see is among the entries from {from} up to {as_of}, and {size} are on \
         record; a new entry can be read about a second after it was recorded"
    );
    ApiError::new(ApiErrorCode::Unknown, detail)
}

fn unreadable(error: &impl std::fmt::Display) -> ApiError {
    warn!(%error, "cannot read entries for a caller of the API");
    ApiError::new(ApiErrorCode::Unavailable, "the entries cannot be read; the server's log says why")
}
