//! Clients that connect and then do not go on cannot keep others out: not by sending half a request, and not by reading no
//! answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use portcullis_tests::agent::hello;
use portcullis_tests::client::get;
use portcullis_tests::condition::until;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::world::World;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream, UnixStream};

/// More connections than the server keeps open at once.
const CROWD: usize = 260;
/// The longest time that a client of health and metrics may need: a kubelet gives up after one second.
const PROMPT: Duration = Duration::from_secs(1);
/// From when the server begins to close stalled connections (10 s), with time for a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_do_not_keep_health_checks_away_and_are_closed() {
    // The answers to these requests do not fit into any buffer.
    let requests = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000);
    keeps_answering_a_crowd_that_sends(&requests).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_send_half_a_request_do_not_keep_health_checks_away_and_are_closed() {
    keeps_answering_a_crowd_that_sends("GET /livez HTTP/1.1\r\nHost:").await;
}

async fn keeps_answering_a_crowd_that_sends(bytes: &str) {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let server = Server::start(&home).await;
    let before = server.process.open_sockets();

    let mut crowd = Vec::new();
    for n in 0..CROWD {
        crowd.push(silent_client(server.health(), bytes).await);
        if n % 20 == 0 {
            assert_is_alive(server.health()).await;
        }
    }
    let from = Instant::now();
    let open = server.process.open_sockets() - before;
    assert!(open > CROWD / 2, "the crowd is there: {open} connections");
    until("the connections of the crowd to be closed", async || {
        assert_is_alive(server.health()).await;
        (server.process.open_sockets() <= before + 2).then_some(())
    })
    .await;
    let took = from.elapsed();
    println!("{CROWD} connections, at most {open} at once, all closed after {took:?}");
    assert!(took < GONE_WITHIN, "{took:?}");
    drop(crowd);
}

/// A client that sends these bytes and nothing else, and reads nothing.
async fn silent_client(to: SocketAddr, bytes: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    // A server that does not read either, or has closed the connection, is fine.
    let _ = tokio::time::timeout(Duration::from_millis(100), stream.write_all(bytes.as_bytes())).await;
    stream
}

async fn assert_is_alive(http: SocketAddr) {
    let answer = tokio::time::timeout(PROMPT, get(http, "/livez")).await;
    let answer = answer.unwrap_or_else(|_| panic!("/livez does not answer within {PROMPT:?}"));
    assert_eq!(answer.expect("/livez answers").status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_keep_a_proxy_from_its_decisions() {
    let world = World::start().await;
    allow_open_files(4096);
    let mut crowd = Vec::new();
    for _ in 0..1100 {
        crowd.push(UnixStream::connect(world.home.socket()).await.unwrap());
        if crowd.len() % 100 == 0 {
            world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
        }
    }
    let closed = "portcullis_connections_closed_total{listener=\"proxies\",reason=\"crowded\"} ";
    until("the connections beyond the bound to be closed", async || {
        let metrics = get(world.server.health(), "/metrics").await?.text();
        let count = metrics.lines().find_map(|line| line.strip_prefix(closed)?.parse::<u64>().ok())?;
        (count > 70).then_some(())
    })
    .await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    drop(crowd);
    world.end().await;
}

/// Lets this process open the crowd's connections.
fn allow_open_files(files: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < files) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(files), ..limit }).unwrap();
    }
}

#[tokio::test]
async fn the_server_raises_its_limit_of_open_files_to_what_its_connections_need() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let server = Server::start_with_few_files(&home).await;
    let limits = std::fs::read_to_string(server.process.file_in_proc("limits")).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("4096"), "{files}");
}
