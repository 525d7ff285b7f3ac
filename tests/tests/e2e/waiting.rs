//! `--wait`: a command of an operator returns when every live proxy has what it recorded. A client takes the place of a proxy's
//! filter.

use std::time::{Duration, Instant};

use portcullis_tests::operator::{attest, call, done};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::statement_poller::StatementPoller;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bundles::Signers;

const ISSUER: &str = "https://authority.demo";

async fn started(bundle_seconds: i64) -> (TempDir, Home, Server) {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    home.configure(|configuration| {
        configuration["bundle"].as_object_mut().unwrap().remove("noteKey").unwrap();
    });
    Signers::of(&home).publish_for(&UnsignedBundle::of(&home).version(2), bundle_seconds);
    let server = Server::start(&home).await;
    (directory, home, server)
}

fn waited(printed: &Value) -> (u64, usize) {
    let waited = &printed["waited"];
    (waited["proxies"].as_u64().unwrap(), waited["late"].as_array().unwrap().len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_returns_when_the_proxy_has_said_that_it_has_the_fact() {
    let (_directory, home, _server) = started(3600).await;
    let mut filter = StatementPoller::of(&home).await;
    let printed = done(&home, &["revoke", "txn", "before", "--iss", ISSUER, "--wait"]);
    assert_eq!(waited(&printed), (0, 0), "there is no proxy yet");
    filter.poll(0).await;
    let polling = tokio::spawn(async move {
        loop {
            filter.poll(10_000).await;
        }
    });
    for command in [
        &["revoke", "txn", "t", "--iss", ISSUER][..],
        &["restrict"],
        &["halt", "--route", "hello"],
        &["resume", "--route", "hello"],
    ] {
        let began = Instant::now();
        let printed = done(&home, &[command, &["--wait"]].concat());
        assert_eq!(waited(&printed), (1, 0), "{command:?}: {printed}");
        println!("{command:?}: {} ms", printed["waited"]["milliseconds"]);
        assert!(began.elapsed() < Duration::from_secs(8), "it did not wait for the end of a poll");
    }
    let (status, printed) = attest(&home, &["condition", "change-window", "open", "--wait"]);
    assert_eq!((status, waited(&printed)), (0, (1, 0)), "{printed}");
    polling.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_does_not_ask_is_late_and_its_statement_has_run_out() {
    let (_directory, home, _server) = started(8).await;
    let mut filter = StatementPoller::of(&home).await;
    filter.poll(0).await;
    let until = filter.held().statement().exp.get();
    let (status, printed) = call(&home, &["halt", "--wait"]);
    assert_eq!((status, waited(&printed)), (0, (0, 1)), "{printed}");
    assert_eq!(printed["waited"]["late"], json!([{"id": "local", "instance": "00000000000000af"}]));
    assert!(portcullis_tests::signed_bundles::now() >= until, "it denies everything now");
}
