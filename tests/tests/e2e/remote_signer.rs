//! The authority's key in a process of its own: the server asks it over a socket, issues nothing without it, and goes on when it is
//! back.

use std::process::Command;

use portcullis_tests::agent::hello;
use portcullis_tests::authority::{self, log_in};
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::command::portcullis;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::process::Process;
use portcullis_tests::programs;
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::write;
use portcullis_tests::world::{Setup, World};
use serde_json::json;

async fn start_signer(home: &Home) -> Process {
    let mut command = Command::new(programs::portcullis());
    command.args(["signer", "--log-format", "json", "--role", "authority"]);
    command.arg("--key").arg(home.file("keys/authority.jwk"));
    command.arg("--socket").arg(home.file("authority.sock"));
    let mut process = Process::start("signer", command);
    process.find_in_log("that it signs", |line| line.contains("\"signing\"").then_some(())).await;
    process
}

fn ask(world: &World) -> (i32, String) {
    let url = "http://localhost/hello/you";
    let via = world.envoy.address().to_string();
    let asked = authority::request(&world.home, "agent.yaml", &["GET", url, "--via", &via]);
    (asked.status, asked.err)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_signer_an_authority_issues_nothing_and_with_it_again_it_does() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let key = home.file("keys/authority.jwk");
    let public = portcullis(&["key", "jwks", key.to_str().unwrap()]).success();
    write(&home.file("authority.pub.jwk"), public.as_bytes());
    home.configure(|configuration| {
        configuration["authority"]["key"] =
            json!({"socket": "authority.sock", "public": "authority.pub.jwk"});
    });
    let mut signer = start_signer(&home).await;
    let world = Setup::default().start_in(directory, home).await;
    log_in(&world.home, "demo");
    assert_eq!(ask(&world), (0, String::new()));

    signer.kill();
    let bare = ClientRequest::new("GET", "localhost", "/hello/you");
    for _ in 0..3 {
        let (status, said) = ask(&world);
        assert!(status == 1 && said.contains("no warrant: not-signed"), "{said}");
        world.denies(&bare, 401, "warrant-missing").await;
    }
    let metrics = get(world.server.health(), "/metrics").await.unwrap().text();
    assert!(metrics.contains("portcullis_issuances_total{result=\"not-signed\"} 3"), "{metrics}");
    // What holds already goes on.
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;

    let _signer = start_signer(&world.home).await;
    assert_eq!(ask(&world), (0, String::new()));
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    // What nobody could sign is not recorded as issued.
    until("both roots to be published", async || (auditor.of_kind("issued/1").len() == 2).then_some(()))
        .await;
    auditor.audit(world.home.file("ledger"), &[]).expect_holds();
    world.end().await;
}
