//! A set of streams of all kinds that run at the same time, and how they must have ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use portcullis_tests::client::{ClientRequest, EndedStream, within_longest_stream};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::stream_kinds::StreamKind;
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::{HOST, World};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use warrant::Denial;

/// A small machine can make so many decisions at once.
const AT_ONCE: usize = 16;

/// Streams of all kinds.
pub(super) struct StreamSet {
    streams: Vec<RunningStream>,
    /// How many have the head of an answer.
    begun: Arc<AtomicUsize>,
}

struct RunningStream {
    kind: StreamKind,
    /// The id of its request.
    id: String,
    task: JoinHandle<EndedStream>,
}

impl StreamSet {
    /// Opens so many streams below this path, one kind after the other, and waits until all of them run. `present` adds a warrant
    /// to the request with this number.
    pub(super) async fn open(
        world: &World,
        tls: Option<&TlsClient>,
        below: &str,
        count: usize,
        present: impl Fn(usize, ClientRequest) -> ClientRequest,
    ) -> StreamSet {
        let mut set = StreamSet { streams: Vec::new(), begun: Arc::default() };
        let already = world.upstream.open_streams();
        for (number, kind) in StreamKind::ALL.into_iter().cycle().take(count).enumerate() {
            let request = present(number, kind.request(HOST, below));
            let (address, tls, begun) = (world.envoy.address(), tls.cloned(), Arc::clone(&set.begun));
            let id = request.id.clone();
            let task = tokio::spawn(async move {
                let begun = || {
                    begun.fetch_add(1, Ordering::Relaxed);
                };
                match tls {
                    None => kind.run(&request, connect(address).await.unwrap(), begun).await,
                    Some(tls) => kind.run(&request, tls.connect(address).await.unwrap(), begun).await,
                }
            });
            set.streams.push(RunningStream { kind, id, task });
            if (number + 1) % AT_ONCE == 0 || number + 1 == count {
                set.until_running(world, already).await;
            }
        }
        set
    }

    async fn until_running(&mut self, world: &World, already: usize) {
        let answered = self.streams.iter().filter(|stream| stream.kind.is_answered).count();
        let count = already + self.streams.len();
        until("the streams to run", async || {
            if let Some(stream) = self.streams.iter_mut().find(|stream| stream.task.is_finished()) {
                panic!("{} does not run: {:?}", stream.kind.name, (&mut stream.task).await);
            }
            let runs =
                world.upstream.open_streams() == count && self.begun.load(Ordering::Relaxed) == answered;
            runs.then_some(())
        })
        .await;
    }

    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Asserts that none of them has ended.
    pub(super) fn assert_untouched(&self) {
        let ended = self.streams.iter().filter(|stream| stream.task.is_finished());
        let ended: Vec<&str> = ended.map(|stream| stream.kind.name).collect();
        assert!(ended.is_empty(), "{} of {} ended: {ended:?}", ended.len(), self.len());
    }

    /// Waits until all of them have ended for this reason.
    pub(super) async fn ended_by(self, denial: Denial) -> EndedSet {
        let mut set = EndedSet { requests: Vec::new(), denial: Some(denial), last: Instant::now() };
        let mut last = None;
        for RunningStream { kind, id, task } in self.streams {
            let ended = within_longest_stream(task).await.unwrap();
            kind.assert_ended_by(&ended, denial);
            last = last.max(Some(ended.at));
            set.requests.push(id);
        }
        EndedSet { last: last.expect("a set has streams"), ..set }
    }

    /// Lets the clients end all of them.
    pub(super) async fn leave(self, world: &World) -> EndedSet {
        let left = world.upstream.open_streams() - self.len();
        let ids = |stream: RunningStream| {
            stream.task.abort();
            stream.id
        };
        let requests = self.streams.into_iter().map(ids).collect();
        super::until_open(world, left).await;
        EndedSet { requests, denial: None, last: Instant::now() }
    }
}

async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    // Without this a small piece waits for the acknowledgement of the one before, which is delayed.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Streams that have ended.
pub(super) struct EndedSet {
    /// The ids of their requests.
    requests: Vec<String>,
    /// Why the seal ended them. None: their clients did.
    denial: Option<Denial>,
    /// When the last client saw it.
    pub(super) last: Instant,
}

/// Asserts that the ledger has one outcome of each of these streams, and that it says why the seal ended it.
pub(super) async fn assert_accounted_for(world: &World, sets: &[EndedSet]) {
    let executions = world.upstream.executions();
    let decisions: BTreeMap<&str, &str> =
        executions.iter().filter_map(|one| Some((one.request_id()?, one.decision()?))).collect();
    let streams: BTreeMap<&str, Option<Denial>> = sets
        .iter()
        .flat_map(|set| set.requests.iter().map(|request| (decisions[request.as_str()], set.denial)))
        .collect();
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let outcomes = until("an outcome of each stream", async || {
        let mut outcomes = auditor.of_kind("outcome/1");
        outcomes.retain(|outcome| streams.contains_key(outcome["id"].as_str().unwrap()));
        (outcomes.len() >= streams.len()).then_some(outcomes)
    })
    .await;
    assert_eq!(outcomes.len(), streams.len(), "one outcome for each");
    for outcome in outcomes {
        let termination = outcome["termination"].as_str().unwrap();
        let says = |denial: Denial| termination.starts_with(denial.code());
        match streams[outcome["id"].as_str().unwrap()] {
            Some(denial) => assert!(says(denial), "{denial}: {outcome}"),
            None => assert!(!Denial::ALL.iter().any(|denial| says(*denial)), "{outcome}"),
        }
    }
}
