//! Against servers of the test's own on loopback.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

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
async fn an_answer_is_whole_with_status_and_headers() {
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
async fn what_is_posted_arrives_whole() {
    let back = |body: String| async move { (StatusCode::CREATED, format!("got {body}")) };
    let at = serve(Router::new().route("/add", post(back))).await;
    let fetcher = Fetcher::new().unwrap();
    let answer = fetcher.post(&format!("{at}/add"), "old 0\n".to_owned(), LIMITS).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (201, &b"got old 0\n"[..]));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let away = || async { (StatusCode::FOUND, [("location", "/elsewhere")]) };
    let at = serve(Router::new().route("/", get(away)).route("/elsewhere", get(|| async { "here" }))).await;
    let fetched = Fetcher::new().unwrap().get(&at, &[], LIMITS).await.unwrap();
    assert_eq!((fetched.status, fetched.body), (302, vec![]));
}

#[tokio::test]
async fn one_byte_too_many_is_refused_and_the_last_that_fits_is_not() {
    let at = serve(
        Router::new()
            .route("/fits", get(|| async { "x".repeat(1000) }))
            .route("/more", get(|| async { "x".repeat(1001) })),
    )
    .await;
    let fetcher = Fetcher::new().unwrap();
    assert_eq!(fetcher.get(&format!("{at}/fits"), &[], LIMITS).await.unwrap().body.len(), 1000);
    let said = fetcher.get(&format!("{at}/more"), &[], LIMITS).await.unwrap_err().to_string();
    assert!(said.contains("more than 1000 bytes"), "{said}");
}

#[tokio::test]
async fn a_server_that_trickles_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0, "a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
        // Until the client hangs up, the rest does not come.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await
    });
    let limits = Limits { time: Duration::from_millis(200), ..LIMITS };
    let said = Fetcher::new().unwrap().get(&at, &[], limits).await.unwrap_err().to_string();
    assert!(said.contains("no whole answer within 200ms"), "{said}");
    // Hung up, in whichever way.
    let _ = served.await.unwrap();
}

#[tokio::test]
async fn a_token_does_not_leave_the_machine_in_the_clear() {
    let fetcher = Fetcher::new().unwrap();
    for url in ["http://192.0.2.1/x", "http://log.example/x", "http://localhost.example/x"] {
        let said = fetcher.get(url, &[bearer()], LIMITS).await.unwrap_err().to_string();
        assert!(said.contains("in the clear"), "{said}");
    }
    for url in ["ftp://127.0.0.1/x", "/relative", "not an address"] {
        let said = fetcher.get(url, &[], LIMITS).await.unwrap_err().to_string();
        assert!(said.starts_with(url), "{said}");
    }
}

#[tokio::test]
async fn tls_is_spoken_with_those_whose_certificate_is_trusted_and_with_nobody_else() {
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
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(client).https_only().enable_http1().build();
    assert_eq!(Fetcher::over(connector).get(&url, &[bearer()], LIMITS).await.unwrap().body, b"safe");
    let said = Fetcher::new().unwrap().get(&url, &[bearer()], LIMITS).await.unwrap_err().to_string();
    assert!(said.contains("certificate"), "{said}");
}
