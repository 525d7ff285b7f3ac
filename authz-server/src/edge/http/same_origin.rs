//! Refuses what a browser sends for another site, on every page of the API: the log is read with a bearer token or a
//! certificate too.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::refused::Refused;
use crate::authority::api::check_same_origin;

pub(super) async fn same_origin(request: Request, next: Next) -> Result<Response, Refused> {
    let own = request.uri().authority().map(ToString::to_string);
    check_same_origin(request.headers(), own.as_deref())?;
    Ok(next.run(request).await)
}
