//! Who looks at a page. It is the caller of the API; only the refusal is a page.

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::page;
use super::text::text;
use crate::authority::api::check_same_origin;
use crate::authority::problem::ApiError;
use crate::edge::http::Authenticator;

/// A refusal on its way to a person.
#[derive(Debug)]
pub(super) struct Refused(ApiError);

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Refused {
        Refused(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refused(error) = self;
        let code = error.code();
        let content = html! {
            section.refusal {
                h1 { (code.title()) }
                p { (code.meaning()) }
                @if let Some(detail) = error.detail() { p.detail { (text(detail)) } }
                p.cure { strong { "What to do: " } (code.cure()) }
            }
        };
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, page::without_caller(code.title(), &content)).into_response();
        // What is in it is a page, and not the API's document.
        for (name, value) in error.headers().into_iter().filter(|(name, _)| *name != CONTENT_TYPE.as_str()) {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    }
}

/// Gives the request its `Caller`, or refuses it.
pub(super) async fn authenticate(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refused> {
    check_from_here(&request)?;
    let caller = authenticator.caller_of(&request).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Another site may lead a person to a page, since an address can be shared, and nothing more: not fetch one in the background with the
/// person's certificate.
fn check_from_here(request: &Request) -> Result<(), ApiError> {
    let says = |name: &str, value: &str| request.headers().get(name).is_some_and(|found| found == value);
    if says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document") {
        return Ok(());
    }
    let own = request.uri().authority().map(ToString::to_string);
    check_same_origin(request.headers(), own.as_deref())
}
