//! The guarded thing: an HTTP/1.1 server that does whatever it is asked and remembers that it did.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

use crate::client::ASK;

/// One execution: what reached the upstream.
#[derive(Clone, Debug)]
pub struct Hit {
    pub method: String,
    /// Path and query as they arrived.
    pub target: String,
    pub headers: HeaderMap,
    /// Empty until all of it has come.
    pub body: Bytes,
}

impl Hit {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The decision under which it was let through.
    #[must_use]
    pub fn decision(&self) -> Option<&str> {
        self.header("warrant-decision")
    }

    /// Which request of the harness's client this was.
    #[must_use]
    pub fn ask(&self) -> Option<&str> {
        self.header(ASK)
    }
}

/// A running upstream; it ends with its owner.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    hits: Arc<Mutex<Vec<Hit>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When loopback has none.
    pub async fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        Upstream::on(listener)
    }

    /// Serves on a listener that is already bound.
    ///
    /// # Panics
    /// When it is bound to nothing.
    #[must_use]
    pub fn on(listener: TcpListener) -> Upstream {
        let address = listener.local_addr().expect("a bound listener has an address");
        let hits: Arc<Mutex<Vec<Hit>>> = Arc::default();
        let task = tokio::spawn(serve(listener, hits.clone()));
        Upstream { address, hits, task }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that reached it, in order.
    ///
    /// # Panics
    /// When the upstream itself panicked.
    #[must_use]
    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    /// Decisions under which more than one request came through: never any, whatever is being tested.
    #[must_use]
    pub fn executed_twice(&self) -> Vec<String> {
        let mut executions: BTreeMap<String, u32> = BTreeMap::new();
        for hit in self.hits() {
            if let Some(decision) = hit.decision() {
                *executions.entry(decision.to_owned()).or_default() += 1;
            }
        }
        executions.into_iter().filter(|(_, times)| *times > 1).map(|(decision, _)| decision).collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, hits: Arc<Mutex<Vec<Hit>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let hits = hits.clone();
        let service = service_fn(move |request| execute(request, hits.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn execute(
    request: Request<Incoming>,
    hits: Arc<Mutex<Vec<Hit>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let answer = format!("the upstream did {} {target}\n", head.method);
    // The hit counts from its headers on: a body that breaks off, or never comes, has still reached the upstream.
    let method = head.method.to_string();
    let number = {
        let mut hits = hits.lock().unwrap();
        hits.push(Hit { method, target, headers: head.headers, body: Bytes::new() });
        hits.len() - 1
    };
    let body = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    hits.lock().unwrap()[number].body = body;
    Ok(Response::new(Full::new(Bytes::from(answer))))
}
