//! One HTTP request, over TLS, TCP or a Unix socket, with a limit of bytes and of time. Redirects are not followed.
//!
//! The caller checks what was fetched (most of it is signed), so nothing here has to be trusted. The limits
//! keep a hostile or broken server from filling the memory or blocking the caller. A redirect would send
//! secret headers to another server. This file does not know what the bytes mean.

mod unix;

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The maximum size of the answer's body, and the maximum time from the first connection to the last byte.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: usize,
    pub time: Duration,
}

/// A complete answer with any status. The caller decides what a 404 or a 304 means.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why there is no answer: one line with the URL, the fault and, where there is one, the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    url: String,
    what: String,
}

/// An HTTP client with its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fetcher(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Fetcher {
    /// Trusts the certificate authorities of the system. `SSL_CERT_FILE` and `SSL_CERT_DIR` choose others.
    pub fn new() -> Result<Fetcher, FetchError> {
        let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(|e| FetchError {
            url: "https".to_owned(),
            what: format!(
                "cannot read any CA certificate: {e}; set SSL_CERT_FILE to a file with CA certificates"
            ),
        })?;
        Ok(Fetcher::with_connector(connector.https_or_http().enable_http1().build()))
    }

    fn with_connector(connector: HttpsConnector<HttpConnector>) -> Fetcher {
        Fetcher(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Trusts a test's own server, and only https.
    #[cfg(test)]
    pub(crate) fn trusting(roots: tokio_rustls::rustls::RootCertStore) -> Fetcher {
        use tokio_rustls::rustls::{ClientConfig, crypto};
        let provider = std::sync::Arc::new(crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(client).https_only().enable_http1();
        Fetcher::with_connector(connector.build())
    }

    /// GET with these headers.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        limits: Limits,
    ) -> Result<Fetched, FetchError> {
        self.request(Method::GET, url, headers, Full::default(), limits).await
    }

    /// POST with this body, without additional headers.
    pub async fn post(&self, url: &str, body: String, limits: Limits) -> Result<Fetched, FetchError> {
        self.request(Method::POST, url, &[], Full::from(body), limits).await
    }

    /// A request with this method, these headers and this body.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: String,
        limits: Limits,
    ) -> Result<Fetched, FetchError> {
        self.request(method, url, headers, Full::from(body), limits).await
    }

    async fn request(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Full<Bytes>,
        limits: Limits,
    ) -> Result<Fetched, FetchError> {
        let failed = |what: String| FetchError { url: url.to_owned(), what };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        request.headers_mut().extend(headers.iter().cloned());
        let socket = unix::parts(url);
        if socket.is_none() {
            let uri: Uri = url.parse().map_err(|e| failed(format!("is not a valid URL: {e}")))?;
            check_no_token_in_clear_text(&uri, headers).map_err(failed)?;
            *request.uri_mut() = uri;
        }
        let answer = async {
            let answer = match socket {
                Some((socket, path)) => unix::send(socket, path, request).await?,
                None => self.0.request(request).await.map_err(|e| chain(&e))?,
            };
            read_answer(answer, limits.bytes).await
        };
        let answer = tokio::time::timeout(limits.time, answer).await;
        answer.unwrap_or_else(|_| Err(format!("no complete answer within {:?}", limits.time))).map_err(failed)
    }
}

async fn read_answer(answer: Response<Incoming>, max_bytes: usize) -> Result<Fetched, String> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, max_bytes).collect().await.map_err(|e| {
        if e.is::<LengthLimitError>() {
            format!("the answer has more than {max_bytes} bytes")
        } else {
            chain(&*e)
        }
    })?;
    let (status, body) = (head.status.as_u16(), body.to_bytes().to_vec());
    Ok(Fetched { status, headers: head.headers, body })
}

/// Without TLS, a bearer token can be read everywhere on the network path. Loopback has no such path.
fn check_no_token_in_clear_text(uri: &Uri, headers: &[(HeaderName, HeaderValue)]) -> Result<(), String> {
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(host) => Ok(()),
        Some("http") if headers.iter().all(|(name, _)| *name != AUTHORIZATION) => Ok(()),
        Some("http") => Err("without TLS a token is sent only to loopback: use https://".to_owned()),
        Some(_) | None => Err("does not begin with http:// or https://".to_owned()),
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

/// The cause is at the end of the chain of errors; "error sending request" alone does not help.
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
mod tests {
    //! Against servers of the tests themselves, on loopback.

    use std::sync::Arc;

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    use super::*;

    const LIMITS: Limits = Limits { bytes: 1000, time: Duration::from_secs(5) };

    /// Serves until the test's runtime ends; returns the address.
    async fn serve(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn bearer() -> (HeaderName, HeaderValue) {
        (AUTHORIZATION, HeaderValue::from_static("Bearer secret"))
    }

    #[tokio::test]
    async fn an_answer_arrives_complete_with_status_and_headers() {
        let hello = |headers: HeaderMap| async move { format!("{:?}", headers.get(AUTHORIZATION)) };
        let gone = || async { (StatusCode::GONE, [("etag", "\"1\"")], "") };
        let at = serve(Router::new().route("/hello", get(hello)).route("/gone", get(gone))).await;
        let fetcher = Fetcher::new().unwrap();
        let hello = fetcher.get(&format!("{at}/hello"), &[bearer()], LIMITS).await.unwrap();
        assert_eq!((hello.status, hello.body.as_slice()), (200, &b"Some(\"Bearer secret\")"[..]));
        let gone = fetcher.get(&format!("{at}/gone"), &[], LIMITS).await.unwrap();
        assert_eq!((gone.status, gone.headers.get("etag").unwrap().as_bytes()), (410, &b"\"1\""[..]));
    }

    #[tokio::test]
    async fn a_unix_socket_takes_a_token_and_gives_its_answer() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("api.sock");
        let hello = |headers: HeaderMap| async move { format!("{:?}", headers.get(AUTHORIZATION)) };
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/log/x", get(hello))).await });
        let fetcher = Fetcher::new().unwrap();
        let url = format!("unix:{}:/log/x", socket.display());
        let answer = fetcher.get(&url, &[bearer()], LIMITS).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"Some(\"Bearer secret\")"[..]));
        let nobody = format!("unix:{}:/log/x", directory.path().join("no.sock").display());
        let error = fetcher.get(&nobody, &[], LIMITS).await.unwrap_err().to_string();
        assert!(error.starts_with(&nobody) && error.contains("cannot connect"), "{error}");
    }

    #[tokio::test]
    async fn a_posted_body_arrives_complete() {
        let back = |body: String| async move { (StatusCode::CREATED, format!("got {body}")) };
        let at = serve(Router::new().route("/add", post(back))).await;
        let fetcher = Fetcher::new().unwrap();
        let answer = fetcher.post(&format!("{at}/add"), "old 0\n".to_owned(), LIMITS).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (201, &b"got old 0\n"[..]));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let away = || async { (StatusCode::FOUND, [("location", "/elsewhere")]) };
        let at =
            serve(Router::new().route("/", get(away)).route("/elsewhere", get(|| async { "here" }))).await;
        let fetched = Fetcher::new().unwrap().get(&at, &[], LIMITS).await.unwrap();
        assert_eq!((fetched.status, fetched.body), (302, vec![]));
    }

    #[tokio::test]
    async fn the_largest_allowed_body_is_accepted_and_one_byte_more_is_refused() {
        let at = serve(
            Router::new()
                .route("/fits", get(|| async { "x".repeat(1000) }))
                .route("/more", get(|| async { "x".repeat(1001) })),
        )
        .await;
        let fetcher = Fetcher::new().unwrap();
        assert_eq!(fetcher.get(&format!("{at}/fits"), &[], LIMITS).await.unwrap().body.len(), 1000);
        let error = fetcher.get(&format!("{at}/more"), &[], LIMITS).await.unwrap_err().to_string();
        assert!(error.contains("more than 1000 bytes"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_finish_its_answer_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0, "a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
            // The rest is never sent: wait until the client closes the connection.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await
        });
        let limits = Limits { time: Duration::from_millis(200), ..LIMITS };
        let error = Fetcher::new().unwrap().get(&at, &[], limits).await.unwrap_err().to_string();
        assert!(error.contains("no complete answer within 200ms"), "{error}");
        // The client has closed the connection: with an error or without.
        let _ = served.await.unwrap();
    }

    #[tokio::test]
    async fn a_token_does_not_leave_the_machine_without_tls() {
        let fetcher = Fetcher::new().unwrap();
        for url in ["http://192.0.2.1/x", "http://log.example/x", "http://localhost.example/x"] {
            let error = fetcher.get(url, &[bearer()], LIMITS).await.unwrap_err().to_string();
            assert!(error.contains("without TLS a token is sent only to loopback"), "{error}");
        }
        for url in ["ftp://127.0.0.1/x", "/relative", "not an address"] {
            let error = fetcher.get(url, &[], LIMITS).await.unwrap_err().to_string();
            assert!(error.starts_with(url), "{error}");
        }
    }

    #[tokio::test]
    async fn tls_accepts_a_server_with_a_trusted_certificate_and_no_other() {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let provider = || Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let acceptor = TlsAcceptor::from(Arc::new(server));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsafe").await;
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        assert_eq!(Fetcher::trusting(roots).get(&url, &[bearer()], LIMITS).await.unwrap().body, b"safe");
        let error = Fetcher::new().unwrap().get(&url, &[bearer()], LIMITS).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
}
