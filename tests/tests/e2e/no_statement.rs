//! What a proxy's filter gets instead of a statement: while the server cannot keep a promise, when it has no place for one more poll,
//! and when the proxy is not one any more.

use std::time::Duration;

use portcullis_tests::condition::until;
use portcullis_tests::direct_check::ProxyConnection;
use portcullis_tests::operator::{call_api, done};
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::statement_poller::StatementPoller;
use portcullis_tests::tls_client::TlsClient;
use serde_json::json;
use tempfile::TempDir;

use crate::proxies_over_tls::{PROXY, Secured, name_proxies};

fn home() -> (TempDir, Home) {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    (directory, home)
}

/// A revocation that concerns nobody. Returns the status of the answer.
async fn revoke(home: &Home, txn: &str) -> u16 {
    let body = json!({"what": "txn", "value": txn, "iss": "https://authority.demo", "reason": "a drill"});
    call_api(home, "POST", "/v1/revocations", &body).await.0
}

/// Polls until the server refuses a statement with these words.
async fn until_refused(filter: &mut StatementPoller, why: &str) {
    until(&format!("a refusal that says `{why}`"), async || {
        let refused = filter.try_poll(0).await.err()?;
        assert!(refused.starts_with("503"), "{refused}");
        refused.contains(why).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_facts_signs_nothing_until_it_records_one_again() {
    let (_directory, home) = home();
    let server = Server::start_for_full_disks(&home).await;
    let mut filter = StatementPoller::of(&home).await;
    filter.poll(0).await;
    server.fill_disk();
    assert_eq!(revoke(&home, "refused").await, 503);
    until_refused(&mut filter, "cannot record revocations").await;
    server.free_disk();
    until("facts to be recorded again", async || (revoke(&home, "recorded").await == 201).then_some(()))
        .await;
    until("a statement", async || filter.try_poll(0).await.ok()).await;
    assert_eq!(filter.held().revocations().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_which_a_fact_has_waited_for_5_s_signs_nothing_until_it_is_recorded() {
    let (directory, home) = home();
    let machine = PreloadedFaults::new(directory.path());
    let _server = Server::start_with_faults(&home, &machine).await;
    let mut filter = StatementPoller::of(&home).await;
    filter.poll(0).await;
    machine.delay_syncs_by(Duration::from_secs(9));
    let waiting = tokio::spawn({
        let home = home.clone();
        async move { revoke(&home, "slow").await }
    });
    until_refused(&mut filter, "has waited for its record for 5 s").await;
    assert!(!waiting.is_finished());
    machine.delay_syncs_by(Duration::ZERO);
    assert_eq!(waiting.await.unwrap(), 201);
    until("a statement", async || filter.try_poll(0).await.ok()).await;
    assert_eq!(filter.held().revocations().len(), 1);
}

/// How many polls of one proxy may wait.
const PLACES: usize = 1024;
/// How many of them share a connection.
const ON_EACH: usize = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_whose_polls_have_taken_all_its_places_is_told_so_until_one_of_them_ends() {
    let (_directory, home) = home();
    let server = Server::start(&home).await;
    let mut filter = StatementPoller::of(&home).await;
    filter.poll(0).await;
    let target = filter.target(10_000);
    let mut waiting = Vec::new();
    for _ in 0..PLACES / ON_EACH {
        let connection = ProxyConnection::to(&home.socket()).await;
        for _ in 0..ON_EACH {
            let (mut connection, target) = (connection.clone(), target.clone());
            waiting.push(tokio::spawn(async move { connection.get(&target).await.0 }));
        }
    }
    until("all polls to wait", async || {
        let metrics = portcullis_tests::client::get(server.health(), "/metrics").await?.text();
        metrics.contains(&format!("portcullis_statement_polls_open {PLACES}\n")).then_some(())
    })
    .await;
    let refused = filter.try_poll(0).await.unwrap_err();
    assert!(refused.starts_with("429") && refused.contains("too-many"), "{refused}");
    done(&home, &["revoke", "txn", "t", "--iss", "https://authority.demo"]);
    for poll in waiting {
        assert_eq!(poll.await.unwrap(), 200, "each of them got the change");
    }
    filter.poll(0).await;
    assert_eq!(filter.held().revocations().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_waits_is_refused_when_its_proxy_is_taken_out_of_the_bundle() {
    let secured = Secured::naming(&["local", PROXY]);
    let server = Server::start(&secured.home).await;
    let proxy = TlsClient::new(&secured.root, Some(&secured.certificate(PROXY)));
    let connection = ProxyConnection::over(proxy.connect(server.proxies()).await.unwrap()).await;
    let mut filter = StatementPoller::over(&secured.home, connection);
    filter.poll(0).await;
    let (refused, ()) = tokio::join!(filter.try_poll(10_000), async {
        name_proxies(&secured.home, 3, &["local", "spiffe://demo/ns/demo/sa/another"]);
        server.wait_for_bundle_state("version 3 (sha256:").await;
    });
    let refused = refused.unwrap_err();
    assert!(refused.starts_with("403") && refused.contains("not-permitted"), "{refused}");
}

#[tokio::test]
async fn the_same_key_for_statements_and_receipts_is_refused_at_the_start() {
    let (_directory, home) = home();
    home.configure(|configuration| {
        configuration["keys"]["receipt"] = configuration["keys"]["statement"].clone();
    });
    let failed = home.fail_to_start().await;
    assert_eq!(failed.status, 2, "{}", failed.log);
    assert!(failed.log.contains("`keys.statement` and `keys.receipt` are the same key"), "{}", failed.log);
}
