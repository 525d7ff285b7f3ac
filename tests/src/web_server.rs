//! A web server that serves a directory, as a publisher of bundles does. It sends ETags and counts its responses.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How often each path was answered with each status.
type Answers = Arc<Mutex<BTreeMap<(String, u16), u64>>>;

/// A running web server. It ends with its owner.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    answers: Answers,
    task: JoinHandle<()>,
}

impl WebServer {
    /// Serves `folder`, also files that are written later.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(folder: PathBuf) -> WebServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port has an address");
        let answers = Answers::default();
        let counted = answers.clone();
        let task = tokio::spawn(async move {
            // A set, so that the connections end with the web server: otherwise clients would go on using them.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (folder, counted) = (folder.clone(), counted.clone());
                let service = service_fn(move |request| {
                    let response = answer(&folder, &request, &counted);
                    async move { Ok::<_, Infallible>(response) }
                });
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        WebServer { address, answers, task }
    }

    /// The URL of the directory.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often a request for this path got this status.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn count(&self, path: &str, status: u16) -> u64 {
        let answers = self.answers.lock().expect("no holder panics");
        answers.get(&(path.to_owned(), status)).copied().unwrap_or_default()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(folder: &Path, request: &Request<Incoming>, answers: &Answers) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let (status, etag, body) = match fs::read(folder.join(path.trim_start_matches('/'))) {
        Err(_) => (404, String::new(), Vec::new()),
        Ok(bytes) => {
            let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let etag = format!("\"{hex}\"");
            let known = request.headers().get("if-none-match");
            let is_known = known.is_some_and(|known| known.as_bytes() == etag.as_bytes());
            if is_known { (304, etag, Vec::new()) } else { (200, etag, bytes) }
        }
    };
    *answers.lock().expect("no holder panics").entry((path.to_owned(), status)).or_default() += 1;
    let response = Response::builder().status(status).header("etag", etag);
    response.body(Full::new(body.into())).expect("a status and a digest are well-formed")
}
