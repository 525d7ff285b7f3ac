//! The calls that read the past: `/v1/decisions` and `/v1/lineages`. Who may see what is decided in `authority`.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::refused::Refused;
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::Reading;
use crate::history::Wanted;

/// So many calls are answered at once. The others wait, so that reading leaves the processors to decisions.
const AT_ONCE: usize = 2;

const LISTED: usize = 50;
const LISTED_AT_MOST: usize = 200;

#[derive(Clone, Debug)]
struct Reader {
    reading: Reading,
    turns: Arc<Semaphore>,
}

pub(super) fn router(reading: Reading) -> Router {
    Router::new()
        .route("/v1/decisions", get(decisions))
        .route("/v1/decisions/{id}", get(decision))
        .route("/v1/decisions/{id}/proof", get(proof))
        .route("/v1/lineages/{txn}", get(lineage))
        .with_state(Reader { reading, turns: Arc::new(Semaphore::new(AT_ONCE)) })
}

type Answered = Result<Response, Refused>;

impl Reader {
    /// Reads on a thread that makes no decisions.
    async fn answer<T: Send + 'static>(
        self,
        read: impl FnOnce(&Reading) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, Refused> {
        let stopping = || ApiError::new(ApiErrorCode::Unavailable, "this server is stopping");
        let turn = self.turns.acquire_owned().await.map_err(|_| stopping())?;
        let made = tokio::task::spawn_blocking(move || {
            let answer = read(&self.reading);
            // The turn is held until here, also if the client has gone.
            drop(turn);
            answer
        });
        Ok(made.await.map_err(|_| stopping())??)
    }
}

async fn decision(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let answer = reader.answer(move |reading| reading.decision(&caller, &id)).await?;
    Ok(Json(answer).into_response())
}

async fn proof(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let text = reader.answer(move |reading| reading.proof(&caller, &id)).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    route: Option<String>,
    code: Option<String>,
    lineage: Option<String>,
    holder: Option<String>,
    from: Option<u64>,
    limit: Option<usize>,
}

async fn decisions(
    State(reader): State<Reader>,
    query: Result<Query<ListQuery>, QueryRejection>,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let ListQuery { route, code, lineage, holder, from, limit } = parameters(query)?;
    let wanted = Wanted { route, code, lineage, holder };
    let limit = limit.unwrap_or(LISTED).clamp(1, LISTED_AT_MOST);
    let answer = reader.answer(move |reading| reading.decisions(&caller, &wanted, from, limit)).await?;
    Ok(Json(answer).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineageQuery {
    iss: Option<String>,
}

async fn lineage(
    State(reader): State<Reader>,
    Path(txn): Path<String>,
    query: Result<Query<LineageQuery>, QueryRejection>,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let LineageQuery { iss } = parameters(query)?;
    // Thousands of warrants are written here too, not on a thread that makes decisions.
    let made = reader.answer(move |reading| {
        let answer = reading.lineage(&caller, &txn, iss.as_deref())?;
        Ok(Json(answer).into_response())
    });
    made.await
}

fn parameters<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(query)| query).map_err(|error| ApiError::new(ApiErrorCode::Malformed, error.body_text()))
}
