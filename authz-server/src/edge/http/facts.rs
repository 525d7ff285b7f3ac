//! The calls that feed facts and read them: `/v1/revocations`, `/v1/reinstatements`, `/v1/posture`, `/v1/attestations` and
//! `/v1/conditions`. Whether a caller may do it is decided in `authority`.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use ledger::FactReceipt;
use ledger::entry::{AttestationStatement, ConditionStatement, PostureChange, Revocation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refused::Refused;
use crate::authority::FactRecorder;
use crate::authority::api::read_body;
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::facts::{Known, Recorded};

pub(super) fn router(recorder: FactRecorder) -> Router {
    Router::new()
        .route("/v1/revocations", post(revoke).get(revocations))
        .route("/v1/revocations/{index}", get(revocation))
        .route("/v1/reinstatements", post(reinstate))
        .route("/v1/posture", put(set_posture).get(postures))
        .route("/v1/attestations", post(attest).get(attestations))
        .route("/v1/conditions", post(state_condition).get(conditions))
        .with_state(recorder)
}

type Answered = Result<Response, Refused>;

async fn revoke(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.revoke(&caller, &body).await?))
}

async fn reinstate(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.reinstate(&caller, &body).await?))
}

async fn set_posture(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.set_posture(&caller, &body).await?))
}

async fn attest(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.attest(&caller, &body).await?))
}

async fn state_condition(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.state_condition(&caller, &body).await?))
}

/// Who calls, and the body.
async fn called(request: Request) -> Result<(Caller, Vec<u8>), ApiError> {
    let (parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| ApiError::of(ApiErrorCode::NotAuthenticated))?;
    Ok((caller, read_body(body).await?))
}

/// The entry on record, and a size of the log that contains it. The same call again is answered with the first entry.
fn recorded(FactReceipt { receipt, repeats }: FactReceipt) -> Response {
    let status = if repeats { StatusCode::OK } else { StatusCode::CREATED };
    let body = json!({"index": receipt.index(), "seq": receipt.size(), "repeats": repeats});
    (status, Json(body)).into_response()
}

/// Lists are read in pieces: the facts from this index on, at most so many.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    #[serde(default)]
    from: u64,
    #[serde(default = "Piece::most")]
    limit: usize,
}

impl Piece {
    const fn most() -> usize {
        1000
    }

    /// `next` is where the following piece begins; `null` after the last.
    fn of<'a, F: 'a>(
        self,
        known: &Known,
        name: &str,
        facts: impl Iterator<Item = &'a Recorded<F>>,
        shown: impl Fn(&F) -> Value,
    ) -> Value {
        let limit = self.limit.min(Piece::most());
        // There may be a million, so only those that are shown are kept, and one more.
        let mut first = BTreeMap::new();
        for recorded in facts.filter(|recorded| recorded.index >= self.from) {
            first.insert(recorded.index, recorded);
            if first.len() > limit.saturating_add(1) {
                first.pop_last();
            }
        }
        let next = if first.len() > limit { first.pop_last().map(|(index, _)| index) } else { None };
        let facts: Vec<Value> =
            first.values().map(|recorded| with_entry(recorded, shown(&recorded.fact))).collect();
        json!({"as_of": known.as_of(), name: facts, "next": next})
    }
}

/// Makes a long answer on a thread that makes no decisions.
async fn listed(
    facts: &FactRecorder,
    caller: &Caller,
    of: PieceOf,
    list: impl FnOnce(Piece, &Known) -> Value + Send + 'static,
) -> Answered {
    let known = facts.read(caller)?;
    let piece = piece(of)?;
    let made = tokio::task::spawn_blocking(move || Json(list(piece, &known)).into_response()).await;
    Ok(made.map_err(|_| ApiError::new(ApiErrorCode::Unavailable, "this server is stopping"))?)
}

/// The members of a fact, with what the log says about its entry.
fn with_entry<F>(recorded: &Recorded<F>, mut members: Value) -> Value {
    if let Some(members) = members.as_object_mut() {
        members.insert("index".to_owned(), json!(recorded.index));
        members.insert("time".to_owned(), json!(recorded.time));
    }
    members
}

type PieceOf = Result<Query<Piece>, axum::extract::rejection::QueryRejection>;

fn piece(piece: PieceOf) -> Result<Piece, ApiError> {
    piece.map(|Query(piece)| piece).map_err(|error| ApiError::new(ApiErrorCode::Malformed, error.body_text()))
}

async fn revocations(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        piece.of(known, "revocations", known.tables().revocations.iter(), revocation_members)
    };
    listed(&facts, &caller, of, list).await
}

async fn revocation(
    State(facts): State<FactRecorder>,
    Path(index): Path<u64>,
    caller: axum::Extension<Caller>,
) -> Answered {
    let known = facts.read(&caller)?;
    let found = known.tables().revocations.at(index);
    let found =
        found.ok_or_else(|| ApiError::new(ApiErrorCode::Unknown, "no revocation in force has this index"))?;
    Ok(Json(with_entry(found, revocation_members(&found.fact))).into_response())
}

async fn postures(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        piece.of(known, "postures", known.tables().postures.iter(), posture_members)
    };
    listed(&facts, &caller, of, list).await
}

async fn attestations(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        piece.of(known, "attestations", known.tables().attestations.iter(), attestation_members)
    };
    listed(&facts, &caller, of, list).await
}

async fn conditions(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        piece.of(known, "conditions", known.tables().conditions.iter(), condition_members)
    };
    listed(&facts, &caller, of, list).await
}

fn revocation_members(fact: &Revocation) -> Value {
    json!({
        "what": fact.what, "value": fact.value, "iss": fact.iss, "until": fact.until, "by": fact.by, "reason": fact.reason,
    })
}

fn posture_members(fact: &PostureChange) -> Value {
    json!({
        "scope": fact.scope, "subject": fact.subject, "stance": fact.stance, "by": fact.by, "reason": fact.reason,
    })
}

fn attestation_members(fact: &AttestationStatement) -> Value {
    json!({
        "iss": fact.iss, "sub": fact.subject, "key": fact.key, "iat": fact.iat, "exp": fact.exp,
        "positive": fact.positive, "debug": fact.debug, "measurement": fact.measurement,
    })
}

fn condition_members(fact: &ConditionStatement) -> Value {
    json!({
        "iss": fact.iss, "name": fact.name, "value": fact.value, "scope": fact.scope, "subject": fact.subject,
        "iat": fact.iat, "exp": fact.exp,
    })
}
