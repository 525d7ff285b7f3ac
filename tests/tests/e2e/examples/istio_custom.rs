//! Istio's own CUSTOM action with the seal behind it. (The table of denials runs through it as a whole.)

use portcullis_tests::agent::hello;
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{Configuration, ISTIO_DECISIONS, SEAL};
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::{Setup, World};

const CALLER: &str = "spiffe://demo/ns/demo/sa/caller";

async fn sidecar(change: fn(Configuration) -> Configuration, allow_undecided: bool) -> (World, TlsClient) {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &["--cluster".to_owned(), ISTIO_DECISIONS.to_owned()]);
    let (root, files) = (Root::new("one"), directory.path().join("listener"));
    std::fs::create_dir(&files).unwrap();
    root.issue(&[], A_DAY).put(&files, "server");
    put_roots(&[&root], &files.join("roots.pem"));
    let client = TlsClient::new(&root, Some(&root.issue(&[CALLER], A_DAY)));
    let example = "istio-custom.yaml";
    let setup = Setup { clients: Some(files), example, change, allow_undecided, ..Setup::default() };
    (setup.start_in(directory, home).await, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_the_rules_of_custom_leave_out_reaches_the_workload_only_without_the_seal() {
    let (world, client) = sidecar(|shipped| shipped.without(SEAL), true).await;
    let request = world.agent.request(&hello(), "GET", "/healthz");
    assert_eq!(world.send_as(&client, &request).await.status, 200, "CUSTOM leaves it out");
    assert_eq!(world.executions_of(&request), 1);
    world.end().await;

    let (world, client) = sidecar(|shipped| shipped, false).await;
    let request = world.agent.request(&hello(), "GET", "/healthz");
    let response = world.send_as(&client, &request).await;
    assert_eq!((response.status, response.code().as_deref()), (403, Some("ungoverned")));
    assert!(world.upstream.executions().is_empty());
    let governed = world.agent.request(&hello(), "GET", "/hello/you");
    assert_eq!(world.send_as(&client, &governed).await.status, 200);
    world.end().await;
}
