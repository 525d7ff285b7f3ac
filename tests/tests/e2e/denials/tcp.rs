//! On a TCP port Istio's CUSTOM action asks about a connection, without HTTP attributes. Such a check is ambiguous, whatever the
//! bytes of the connection would say.

use portcullis_tests::agent::hello;
use portcullis_tests::condition::LONGEST_WAIT;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::shipped::Configuration;
use portcullis_tests::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use warrant::Denial;

#[tokio::test]
async fn a_tcp_connection_through_a_sidecar_of_istio_is_denied_although_its_bytes_hold_a_good_request() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let sidecar = Configuration::of_istio_for_tcp(&world.home.socket(), world.upstream.address());
    let envoy = Envoy::start(&sidecar, directory.path()).await;
    let request = world.agent.request(&hello(), "GET", "/hello/you");
    let header = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
    let headers: String = request.headers.iter().map(header).collect();
    let bytes = format!("GET {} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", request.target, request.host);

    let mut client = TcpStream::connect(envoy.address()).await.unwrap();
    client.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(LONGEST_WAIT, client.read_to_end(&mut answer)).await;
    // The end of the connection may come as a reset.
    let _ = read.expect("Envoy closes the connection");
    assert_eq!(answer, b"");
    assert!(world.upstream.executions().is_empty());

    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let decisions = auditor.wait_for_decisions(1).await;
    assert_eq!(decisions[0]["outcome"], Denial::RequestAmbiguous.code(), "{}", decisions[0]);
    assert_eq!(decisions[0]["request"]["path"], "", "{}", decisions[0]);
    // The same bytes as a request are good.
    world.allows(&request).await;
    world.end().await;
}
