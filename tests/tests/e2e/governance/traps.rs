//! VMs that trap. Envoy is told to refuse one of the module's calls, and the module panics at that answer. So a test chooses when a
//! VM traps, and the module is the one that is shipped. (This setting of Envoy is deprecated. Without it, these tests fail at their
//! start, and need another way to trap a VM.)

use std::time::{Duration, Instant};

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::condition::{until, until_within};
use portcullis_tests::envoy::Envoy;
use portcullis_tests::filter_files::FilterFile;
use portcullis_tests::operator::done;
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{CONNECTION_MANAGER, Configuration};
use portcullis_tests::statement_relay::Lie;
use portcullis_tests::world::{Setup, World};
use tokio::net::TcpStream;

use super::{LATE_AT_MOST, Relayed, STATEMENT, request};
use crate::seal::{ISSUER, jti, two_workers, until_open};

/// A VM that trapped is loaded again by the next request, but not within about a second and a half after it was loaded last.
const RELOADED: Duration = Duration::from_secs(2);
/// What bounds a stream that nobody guards, in these tests.
const LIMIT: Duration = Duration::from_secs(10);

const WORKERS: [usize; 2] = [0, 1];

/// The threads of the VMs that trapped so far.
fn trapped(envoy: &Envoy) -> Vec<String> {
    let log = envoy.process.log();
    let traps = log.lines().filter(|line| line.contains("failed: Uncaught RuntimeError"));
    // [time][thread][level]…
    traps
        .map(|line| line.split(['[', ']']).nth(3).expect("Envoy's log names the thread").to_owned())
        .collect()
}

/// How many connections each worker has got.
async fn connections(envoy: &Envoy) -> Vec<u64> {
    let mut counts = Vec::new();
    for worker in WORKERS {
        let name = format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total");
        counts.push(envoy.stat(&name).await.expect("Envoy counts the connections of each worker"));
    }
    counts
}

/// Connects until the connection belongs to this worker: the kernel chooses who gets it.
async fn connected_to(envoy: &Envoy, worker: usize) -> TcpStream {
    until("a connection to the worker", async || {
        let before = connections(envoy).await;
        let stream = TcpStream::connect(envoy.address()).await.unwrap();
        let after = until("the connection to be counted", async || {
            Some(connections(envoy).await).filter(|after| *after != before)
        })
        .await;
        (after[worker] > before[worker]).then_some(stream)
    })
    .await
}

/// Sends a request to this worker. Asserts that it was executed only if it was allowed.
async fn send_to(world: &World, envoy: &Envoy, worker: usize) -> ClientResponse {
    let request = request(world, "/hello/you");
    let response = request.send_over(connected_to(envoy, worker).await).await.expect("it is answered");
    world.replay_check.note(&response);
    assert_eq!(world.executions_of(&request), usize::from(response.status == 200), "{}", response.text());
    response
}

/// Sends requests to this worker until one is allowed. Returns how many were denied.
async fn until_allowed(world: &World, envoy: &Envoy, worker: usize) -> u32 {
    let mut denied = 0;
    until("the worker to allow requests", async || {
        let response = send_to(world, envoy, worker).await;
        assert!([200, 503].contains(&response.status), "{}", response.text());
        denied += u32::from(response.status != 200);
        (response.status == 200).then_some(())
    })
    .await;
    denied
}

/// The seal of one worker traps when it ends streams. That worker denies everything until its VM is loaded again, and what it guarded
/// is not guarded any more: a stream that moves ends at once, and an idle one by the limit that this changes.
async fn a_vm_traps_and_its_idle_stream_ends_by(limit: fn(Configuration) -> Configuration) {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    FilterFile::copy(&home, home.directory(), |file| file.trapping_at("proxy_set_property"));
    let setup = Setup { workers: 2, example: "streaming.yaml", change: limit, ..Setup::default() };
    let world = setup.start_in(directory, home).await;
    let revoked = world.agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
    let other = world.agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
    let mut streams = Vec::new();
    for (count, (worker, warrant, path)) in
        [(1, &other, "/hello/stream"), (0, &revoked, "/hello/stream"), (0, &revoked, "/hello/silence")]
            .into_iter()
            .enumerate()
    {
        let request = world.agent.present(warrant, ClientRequest::new("GET", "localhost", path));
        let connection = connected_to(&world.envoy, worker).await;
        streams.push(tokio::spawn(async move { request.stream_over(connection).await }));
        until_open(&world, count + 1).await;
    }
    let [elsewhere, moving, idle] = streams.try_into().expect("three streams");
    assert!(trapped(&world.envoy).is_empty());
    done(&world.home, &["revoke", "path", &jti(&revoked), "--iss", ISSUER]);
    until("the VM to trap", async || (trapped(&world.envoy).len() == 1).then_some(())).await;
    let began = Instant::now();
    let first = send_to(&world, &world.envoy, 0).await;
    assert_eq!(first.status, 503, "it finds no VM, or loads one that holds no statement yet");
    assert_eq!(send_to(&world, &world.envoy, 1).await.status, 200, "the other worker goes on");
    assert!(moving.await.unwrap().broke_off, "a stream without its VM fails when it moves");
    let denied = until_allowed(&world, &world.envoy, 0).await;
    println!("loaded again {:?} after the trap, {} requests were denied", began.elapsed(), denied + 1);
    assert!(began.elapsed() < RELOADED + LATE_AT_MOST, "{:?}", began.elapsed());
    assert_eq!(trapped(&world.envoy).len(), 1, "the VM that was loaded again works");
    assert!(!elsewhere.is_finished(), "the streams of the other worker go on");
    assert!(
        !idle.is_finished(),
        "if it has ended, it is guarded after a trap: envoy/README.md says it is not"
    );
    let ended = idle.await.unwrap();
    println!("the idle stream ended {:?} after its begin: {:?}", ended.after, ended.response);
    assert!(ended.after + RELOADED > LIMIT && ended.after < LIMIT + LATE_AT_MOST, "{:?}", ended.after);
    until("the upstream to see it", async || (world.upstream.open_streams() <= 1).then_some(())).await;
    elsewhere.abort();
    let request = world.agent.present(&revoked, ClientRequest::new("GET", "localhost", "/hello/you"));
    world.denies(&request, 403, "revoked").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_trap_the_worker_denies_until_it_is_reloaded_and_envoys_limits_end_its_idle_streams() {
    let by_idleness = a_vm_traps_and_its_idle_stream_ends_by(|shipped| {
        shipped.set(&format!("{CONNECTION_MANAGER}/stream_idle_timeout"), "10s".into())
    });
    let by_duration = a_vm_traps_and_its_idle_stream_ends_by(|shipped| {
        let options = format!("{CONNECTION_MANAGER}/common_http_protocol_options");
        shipped.set(&format!("{options}/max_stream_duration"), "10s".into())
    });
    tokio::join!(by_idleness, by_duration);
}

/// Envoy refuses calls that write to its log. A VM that fetches garbage writes a line about it, and traps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_vm_that_fetches_traps_another_takes_over_and_the_workers_go_on_without_the_main_threads() {
    let world = two_workers().await;
    let relayed = Relayed::start(&world, |file| file.trapping_at("proxy_log")).await;
    let Relayed { envoy, relay, .. } = &relayed;
    let main_thread = envoy.process.pid().as_raw_nonzero().to_string();
    // There are three VMs: one of the main thread, and one of each worker. A worker's is loaded again by a request. One of each
    // kind traps, whichever fetches first.
    let mut dead = Vec::new();
    while !dead.contains(&main_thread) || dead.len() < 2 {
        assert!(dead.len() < 8, "the main thread's VM never fetched: {dead:?}");
        let lies = relay.lies();
        relay.lie(Lie::Garbage);
        until("the lie to be told", async || (relay.lies() > lies).then_some(())).await;
        relay.be_honest();
        let before = dead.len();
        dead = until("the VM that fetches to trap", async || {
            let now = trapped(envoy);
            (now.len() > before).then_some(now)
        })
        .await;
        let (began, polls) = (Instant::now(), relay.polls());
        until("another VM to fetch", async || (relay.polls() > polls).then_some(())).await;
        println!("the VM of thread {:?} trapped; another fetched {:?} later", dead.last(), began.elapsed());
        for worker in WORKERS {
            until_allowed(&world, envoy, worker).await;
        }
    }
    let (began, fetched) = (Instant::now(), relay.honest_answers());
    until_within(STATEMENT * 3, "statements for longer than one holds", async || {
        for worker in WORKERS {
            let response = send_to(&world, envoy, worker).await;
            assert_eq!(response.status, 200, "{}", response.text());
        }
        (began.elapsed() > STATEMENT + LATE_AT_MOST).then_some(())
    })
    .await;
    println!("{} statements were fetched in {:?}", relay.honest_answers() - fetched, began.elapsed());
    assert_eq!(trapped(envoy), dead, "no other VM trapped");
    // The workers still end what must end.
    let warrant = world.agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
    let mut streams = Vec::new();
    for (count, worker) in WORKERS.into_iter().enumerate() {
        let request = world.agent.present(&warrant, ClientRequest::new("GET", "localhost", "/hello/silence"));
        let connection = connected_to(envoy, worker).await;
        streams.push(tokio::spawn(async move { request.stream_over(connection).await }));
        until_open(&world, count + 1).await;
    }
    let revoked = Instant::now();
    done(&world.home, &["revoke", "path", &jti(&warrant), "--iss", ISSUER]);
    for stream in streams {
        let answer = stream.await.unwrap().response.expect("it is answered");
        assert_eq!((answer.status, answer.code().as_deref()), (403, Some("revoked")));
    }
    assert!(revoked.elapsed() < LATE_AT_MOST, "{:?}", revoked.elapsed());
    world.allows(&request(&world, "/hello/you")).await;
    // It would go on asking a server that is stopped.
    drop(relayed);
    world.end().await;
}
