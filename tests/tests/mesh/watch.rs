//! A client that goes on asking while something is done to the mesh: requests that should pass, and requests that must not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use portcullis_tests::client::ClientRequest;
use portcullis_tests::mesh::{Network, Pod};
use portcullis_tests::upstream::Upstream;
use tokio::task::JoinHandle;

use crate::shop::{HOST, Shop, service};

/// A running watch.
pub(crate) struct Watch {
    end: Arc<AtomicBool>,
    good: JoinHandle<Seen>,
    bad: JoinHandle<Seen>,
}

/// What one of the clients saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often each answer came: a status with a code, or what went wrong.
    pub(crate) answers: BTreeMap<String, usize>,
    /// The longest time without a 200.
    pub(crate) longest_without: Duration,
}

impl Seen {
    pub(crate) fn passed(&self) -> usize {
        self.answers.get("200").copied().unwrap_or_default()
    }
}

impl Watch {
    /// Asks from this pod until [`Watch::end`].
    pub(crate) fn of(shop: &Shop, client: &Pod) -> Watch {
        let (agent, warrant) = (shop.agent.clone(), shop.warrant());
        let good =
            move || agent.present(&agent.warrant(&warrant), ClientRequest::new("GET", HOST, "/hello/you"));
        let (network, to) = (client.network(), service());
        let end = Arc::new(AtomicBool::new(false));
        let bad = || ClientRequest::new("GET", HOST, "/hello/unjudged");
        let good = tokio::spawn(ask(network.clone(), to, good, end.clone()));
        let bad = tokio::spawn(ask(network.clone(), to, bad, end.clone()));
        Watch { end, good, bad }
    }

    /// Stops, and asserts that no bad request passed. Returns what the good ones met.
    pub(crate) async fn end(self, upstream: &Upstream) -> Seen {
        self.end.store(true, Ordering::Relaxed);
        let (good, bad) = (self.good.await.unwrap(), self.bad.await.unwrap());
        assert_eq!(bad.passed(), 0, "requests without a warrant passed: {bad:?}");
        assert!(bad.answers.values().sum::<usize>() > 0, "no bad request was sent");
        let unjudged = upstream.executions().iter().filter(|one| one.target == "/hello/unjudged").count();
        assert_eq!(unjudged, 0, "requests without a warrant reached the workload: {bad:?}");
        good
    }
}

/// Asks again and again.
async fn ask(
    network: Network,
    to: SocketAddr,
    request: impl Fn() -> ClientRequest + Send + 'static,
    end: Arc<AtomicBool>,
) -> Seen {
    let mut seen = Seen::default();
    let mut last = Instant::now();
    while !end.load(Ordering::Relaxed) {
        let answer = ask_once(&network, to, &request).await;
        if answer == "200" {
            seen.longest_without = seen.longest_without.max(last.elapsed());
            last = Instant::now();
        }
        *seen.answers.entry(answer).or_default() += 1;
        // So that the client leaves some of a small machine to the mesh.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    seen.longest_without = seen.longest_without.max(last.elapsed());
    seen
}

/// A status with a code, or what went wrong. The request is made when there is a connection, because its proof does not live long.
async fn ask_once(network: &Network, to: SocketAddr, request: impl Fn() -> ClientRequest) -> String {
    let Ok(stream) = network.connect(to).await else { return "no connection".to_owned() };
    let Ok(answer) = request().send_over(stream).await else { return "no answer".to_owned() };
    match answer.code() {
        Some(code) => format!("{} {code}", answer.status),
        None => answer.status.to_string(),
    }
}
