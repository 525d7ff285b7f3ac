//! The client: one connection a request, so that nothing of one request can help another.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;

use crate::condition::PATIENCE;

/// Tells the upstream which request of this client it executes. Nothing under test reads it.
pub const ASK: &str = "x-ask";

static NEXT_ASK: AtomicU64 = AtomicU64::new(1);

/// A request that can be sent, once or several times.
#[derive(Clone, Debug)]
pub struct Ask {
    pub id: String,
    pub method: String,
    pub host: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Ask {
    /// A bare request, without warrant or anything else.
    #[must_use]
    pub fn new(method: &str, host: &str, target: &str) -> Ask {
        Ask {
            id: NEXT_ASK.fetch_add(1, Ordering::Relaxed).to_string(),
            method: method.to_owned(),
            host: host.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Ask {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// When there is nobody, or no whole answer within [`PATIENCE`].
    pub async fn send(&self, to: SocketAddr) -> Result<Answer, Unanswered> {
        tokio::time::timeout(PATIENCE, self.exchange(to)).await?
    }

    async fn exchange(&self, to: SocketAddr) -> Result<Answer, Unanswered> {
        let stream = TcpStream::connect(to).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(&self.target)
            .header("host", &self.host)
            .header(ASK, &self.id);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = sender.send_request(request.body(Full::new(self.body.clone()))?).await?;
        let (head, body) = response.into_parts();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}

/// Why there was no answer at all.
pub type Unanswered = Box<dyn std::error::Error + Send + Sync>;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The denial's code, where the body is a problem that names one.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        let kind = self.headers.get("content-type")?.to_str().ok()?;
        if kind != "application/problem+json" {
            return None;
        }
        let problem: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        problem.get("code")?.as_str().map(str::to_owned)
    }

    /// The body, for people.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Status and body of a plain GET, for the addresses of operators (health, metrics, admin).
pub async fn get(to: SocketAddr, target: &str) -> Option<Answer> {
    Ask::new("GET", &to.to_string(), target).send(to).await.ok()
}
