//! From a 401 to a warrant: the answer to a bare request names the metadata of its resource (RFC 9728), which names the authorities.
//! It only chooses among those that the agent knows.

use portcullis_tests::agent::hello;
use portcullis_tests::authority::{self, log_in};
use portcullis_tests::client::{ClientRequest, get_from_socket};
use portcullis_tests::signed_bundles::write;
use portcullis_tests::world::{HOST, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const PAGE: &str = "/.well-known/oauth-protected-resource";

/// Lets the sample agent know another authority too, which it names first.
fn know_another_authority(world: &World) {
    let file = world.home.file("agent.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let other = "authorities:\n  - {issuer: \"https://other\", audience: demo, api: \"https://other\", subjectToken: other.token}\n";
    write(&file, text.replacen("authorities:\n", other, 1).as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_401_leads_to_metadata_and_that_to_a_warrant() {
    let world = World::start().await;
    log_in(&world.home, "demo");
    know_another_authority(&world);
    let (url, via) = ("http://localhost/hello/you", world.envoy.address().to_string());
    let got = authority::request(&world.home, "agent.yaml", &["GET", url, "--via", &via, "--explain"]);
    assert_eq!(got.status, 0, "{}", got.err);
    let page = format!("http://localhost{PAGE}?resource=http%3A%2F%2Flocalhost");
    assert!(got.err.contains(&format!("{page} names https://authority.demo")), "{}", got.err);

    // Gate and server say the same, about exactly the URL that was asked.
    let bare = world.denies(&ClientRequest::new("GET", HOST, "/hello/you"), 401, "warrant-missing").await;
    let warrant = world.agent.warrant(&hello());
    let without_proof = ClientRequest::new("GET", HOST, "/hello/you").with("warrant", warrant);
    let without_proof = world.denies(&without_proof, 401, "proof-missing").await;
    for denied in [bare, without_proof] {
        let challenge = denied.headers["www-authenticate"].to_str().unwrap().to_owned();
        let page = format!("resource_metadata=\"http://localhost{PAGE}?resource=http%3A%2F%2F{HOST}\"");
        assert!(challenge.ends_with(&page), "{challenge}");
    }
    let about = |resource: &str| {
        let path = format!("{PAGE}?resource={resource}");
        let api = world.home.api();
        async move { get_from_socket(&api, &path).await.unwrap() }
    };
    let found: Value = serde_json::from_slice(&about("http%3A%2F%2Flocalhost%3A10000").await.body).unwrap();
    assert_eq!(found["resource"], "http://localhost:10000");
    assert_eq!(found["authorization_servers"], json!(["https://authority.demo"]));
    assert_eq!(found["scopes_supported"], json!(["errands", "greetings", "payments"]));
    for other in
        ["http%3A%2F%2Fevil.example", "http%3A%2F%2Flocalhost%2Fhello", "localhost", "ftp%3A%2F%2Flocalhost"]
    {
        assert_eq!(about(other).await.status, 404, "{other}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_of_a_hostile_host_introduces_nothing() {
    let world = World::start().await;
    let token = log_in(&world.home, "demo");
    know_another_authority(&world);
    let own = format!("http://localhost{PAGE}?resource=http%3A%2F%2Flocalhost");
    for (challenge, expected) in [
        // Its own page, and an authority that nobody knows.
        (
            "Warrant realm=\"demo\", issuers=\"https://evil\", resource_metadata=\"http://{host}/page\""
                .to_owned(),
            "names no authority",
        ),
        ("Warrant resource_metadata=\"http://{host}/page\"".to_owned(), "names no authority"),
        ("Warrant resource_metadata=\"http://localhost@{host}/page\"".to_owned(), "names no authority"),
        ("Warrant resource_metadata=\"http://localhost.{host}/page\"".to_owned(), "names no authority"),
        // The page of a known authority, about another resource.
        (format!("Warrant resource_metadata=\"{own}\""), "names no authority"),
        // A known authority, by its name: it is asked, and has nothing to do with this host.
        ("Warrant realm=\"demo\", issuers=\"https://authority.demo\"".to_owned(), "no warrant: "),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let challenge = challenge.replace("{host}", &host);
        let (seen, mut requests) = mpsc::unbounded_channel();
        let answer = format!(
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: {challenge}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let hostile = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = vec![0; 64 * 1024];
                let length = stream.read(&mut read).await.unwrap_or_default();
                seen.send(String::from_utf8_lossy(&read[..length]).into_owned()).unwrap();
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        let got = authority::request(&world.home, "agent.yaml", &["GET", &format!("http://{host}/x")]);
        assert!(got.status != 0 && got.err.contains(expected), "{challenge}: {}", got.err);
        hostile.abort();
        drop(hostile.await);
        let first = requests.recv().await.unwrap();
        assert!(first.starts_with("GET /x ") && !first.contains(token.trim()), "{first}");
        assert_eq!(requests.recv().await, None, "{challenge}: nothing else is sent there");
    }
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
