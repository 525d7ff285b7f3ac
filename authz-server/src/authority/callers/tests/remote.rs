//! Keys at a URL: how often they are fetched, and from whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use super::*;
use policy::CallerKeys;

/// An https server with a certificate of its own that gives every request the same answer, and counts them.
struct KeyServer {
    url: String,
    roots: RootCertStore,
    fetches: Arc<AtomicU64>,
}

impl KeyServer {
    async fn answering(status: &'static str, body: String) -> KeyServer {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/keys", listener.local_addr().unwrap());
        let (acceptor, fetches) = (TlsAcceptor::from(Arc::new(config)), Arc::new(AtomicU64::new(0)));
        let counted = fetches.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 4096]).await;
                counted.fetch_add(1, Ordering::SeqCst);
                let head = format!(
                    "HTTP/1.1 {status}\r\nlocation: https://127.0.0.1:1/\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(body.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        KeyServer { url, roots, fetches }
    }

    fn issuer(&self) -> CallerIssuer {
        CallerIssuer {
            iss: ISS.to_owned(),
            audience: AUDIENCE.to_owned(),
            keys: CallerKeys::JwksUri(self.url.clone()),
            groups: None,
        }
    }

    fn callers(&self, before: Option<&Callers>) -> Callers {
        Callers::new(vec![self.issuer()], Fetcher::trusting(self.roots.clone()), before).unwrap()
    }

    fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }
}

fn set_of(key: &IssuerKey) -> String {
    json!({"keys": [key.jwk]}).to_string()
}

#[tokio::test]
async fn a_kid_that_is_unknown_a_thousand_times_is_fetched_once() {
    let key = IssuerKey::es256();
    let server = KeyServer::answering("200 OK", set_of(&key)).await;
    let callers = server.callers(None);
    let unknown = key.token_with(&json!({"alg": "ES256", "kid": "k2"}), &claims());
    for _ in 0..1000 {
        let answer = ask(&callers, &Connection::Anonymous, &bearer(&unknown)).await;
        assert_refused(answer, "does not publish");
    }
    assert!(ask(&callers, &Connection::Anonymous, &bearer(&key.token(&claims()))).await.is_ok());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn callers_who_come_at_once_share_one_fetch_and_a_new_bundle_keeps_the_keys() {
    let key = IssuerKey::es256();
    let server = KeyServer::answering("200 OK", set_of(&key)).await;
    let callers = Arc::new(server.callers(None));
    let token = bearer(&key.token(&claims()));
    let asked: Vec<_> = (0..64)
        .map(|_| {
            let (callers, token) = (callers.clone(), token.clone());
            tokio::spawn(async move { ask(&callers, &Connection::Anonymous, &token).await })
        })
        .collect();
    for answer in asked {
        assert!(answer.await.unwrap().is_ok());
    }
    let next = server.callers(Some(&callers));
    assert!(ask(&next, &Connection::Anonymous, &token).await.is_ok());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn without_any_keys_the_answer_is_unavailable() {
    let key = IssuerKey::es256();
    let token = bearer(&key.token(&claims()));
    for (status, body) in [
        ("200 OK", "x".repeat(256 * 1024 + 1)),
        ("200 OK", "{}".to_owned()),
        ("302 Found", set_of(&key)),
        ("500 Internal Server Error", set_of(&key)),
    ] {
        let server = KeyServer::answering(status, body).await;
        let callers = server.callers(None);
        for _ in 0..3 {
            let said = ask(&callers, &Connection::Anonymous, &token).await.unwrap_err();
            assert!(said.starts_with("unavailable: the keys of the token's issuer"), "{said}");
        }
        assert_eq!(server.fetches(), 1, "{status}");
    }
}

#[tokio::test]
async fn keys_are_not_taken_from_a_server_with_another_certificate() {
    let key = IssuerKey::es256();
    let (server, other) = (
        KeyServer::answering("200 OK", set_of(&key)).await,
        KeyServer::answering("200 OK", set_of(&key)).await,
    );
    let callers = Callers::new(vec![server.issuer()], Fetcher::trusting(other.roots.clone()), None).unwrap();
    let said = ask(&callers, &Connection::Anonymous, &bearer(&key.token(&claims()))).await.unwrap_err();
    assert!(said.starts_with("unavailable: "), "{said}");
    assert_eq!(server.fetches(), 0);
}
