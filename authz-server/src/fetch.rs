//! Asking once by HTTP or HTTPS: bounded in bytes and in time, and nowhere else than where it was asked for.
//!
//! What is fetched is signed, or weighed by whoever asked: nothing here needs to be believed. The bounds keep a hostile or
//! broken server from filling memory or hanging whoever waits. Redirects are not followed: a header that is a secret would
//! go along. Knows nothing of what the bytes mean.

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How much an answer may have, and how long it may take, from the first connection to the last byte.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: usize,
    pub time: Duration,
}

/// A whole answer, whatever its status: what a 404 or a 304 means is for whoever asked.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why there is no answer: one line with the address, the fault and, where there is one, the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    url: String,
    what: String,
}

/// A client with its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fetcher(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Fetcher {
    /// Trusts the certificate authorities of the system (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
    pub fn new() -> Result<Fetcher, FetchError> {
        let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(|e| FetchError {
            url: "https".to_owned(),
            what: format!("no certificate authority can be read: {e}; name a file of them by SSL_CERT_FILE"),
        })?;
        Ok(Fetcher::over(connector.https_or_http().enable_http1().build()))
    }

    fn over(connector: HttpsConnector<HttpConnector>) -> Fetcher {
        Fetcher(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// GET, with these headers.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        limits: Limits,
    ) -> Result<Fetched, FetchError> {
        self.ask(Method::GET, url, headers, Full::default(), limits).await
    }

    /// POST, with this body and no header of ours.
    pub async fn post(&self, url: &str, body: String, limits: Limits) -> Result<Fetched, FetchError> {
        self.ask(Method::POST, url, &[], Full::from(body), limits).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Full<Bytes>,
        limits: Limits,
    ) -> Result<Fetched, FetchError> {
        let failed = |what: String| FetchError { url: url.to_owned(), what };
        let uri: Uri = url.parse().map_err(|e| failed(format!("is no address: {e}")))?;
        keeps_secrets(&uri, headers).map_err(failed)?;
        let request = Request::builder().method(method).uri(uri).body(body);
        let mut request = request.map_err(|e| failed(e.to_string()))?;
        request.headers_mut().extend(headers.iter().cloned());
        let answer = tokio::time::timeout(limits.time, self.answer(request, limits.bytes)).await;
        answer.unwrap_or_else(|_| Err(format!("no whole answer within {:?}", limits.time))).map_err(failed)
    }

    async fn answer(&self, request: Request<Full<Bytes>>, most: usize) -> Result<Fetched, String> {
        let (head, body) = self.0.request(request).await.map_err(|e| chain(&e))?.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|e| {
            if e.is::<LengthLimitError>() {
                format!("the answer has more than {most} bytes")
            } else {
                chain(&*e)
            }
        })?;
        let (status, body) = (head.status.as_u16(), body.to_bytes().to_vec());
        Ok(Fetched { status, headers: head.headers, body })
    }
}

/// A bearer token in the clear is for everybody on the way; on loopback there is nobody.
fn keeps_secrets(uri: &Uri, headers: &[(HeaderName, HeaderValue)]) -> Result<(), String> {
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(host) => Ok(()),
        Some("http") if headers.iter().all(|(name, _)| *name != AUTHORIZATION) => Ok(()),
        Some("http") => Err("a token is sent in the clear to loopback only: use https://".to_owned()),
        Some(_) | None => Err("is neither http:// nor https://".to_owned()),
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

/// What went wrong is at the end of the chain; "error sending request" alone helps nobody.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.what)
    }
}

impl std::error::Error for FetchError {}

#[cfg(test)]
mod tests;
