//! A base that is signed offline, and the routes of teams that an online key signs over it: by the commands of the guide, in a
//! running server.

use std::fs;

use portcullis_tests::agent::hello;
use portcullis_tests::command::{CommandOutput, portcullis};
use portcullis_tests::condition::until;
use portcullis_tests::guide::{blocks, shell};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::write;
use portcullis_tests::web_server::WebServer;
use portcullis_tests::world::{Setup, World};

const HELLO: &str = "routes/demo/hello.yaml";

/// A home directory whose mesh lets another key sign the routes of teams.
struct Layers {
    home: String,
}

impl Layers {
    /// Signs the base and the routes of the samples.
    fn of(home: &Home) -> Layers {
        let layers = Layers { home: home.file("").to_str().unwrap().to_owned() };
        let key = layers.path("keys/routes.jwk");
        drop(portcullis(&["key", "new", "--alg", "ed25519", "--out", &key]).success());
        let public = portcullis(&["key", "show", &key]).success();
        let by = format!("  routesBy: {{threshold: 1, keys: [{}]}}\n  notes:", public.trim());
        layers.edit("mesh.yaml", "  notes:", &by);
        drop(layers.base().success());
        drop(layers.routes().success());
        layers
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.home)
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(&format!("policy/{file}"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`:\n{text}");
        write(path.as_ref(), text.replacen(from, to, 1).as_bytes());
    }

    fn base(&self) -> CommandOutput {
        portcullis(&["policy", "sign", "--home", &self.home])
    }

    fn routes(&self) -> CommandOutput {
        let key = self.path("keys/routes.jwk");
        portcullis(&["policy", "sign", "--routes", "--key", &key, "--home", &self.home])
    }
}

/// The page of an evidence folder verifies decisions by both layers with public tools alone.
async fn an_auditor_verifies(world: &World) {
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    drop(auditor.wait_for_decisions(2).await);
    let folder = world.directory().join("evidence");
    let [ledger, place] =
        [auditor.folder().to_owned(), folder.clone()].map(|path| path.to_str().unwrap().to_owned());
    let last = (auditor.entries().len() - 1).to_string();
    let range = ["--from", "0", "--to", &last];
    drop(portcullis(&[&["ledger", "export", &ledger, "--evidence", &place][..], &range].concat()).success());
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let blocks = blocks(&page, "sh");
    for block in blocks.iter().filter(|block| !block.contains("portcullis ")) {
        let output = shell(&folder, block);
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{block}\n{told}");
        assert!(!block.contains("holds: entries") || told.contains(", 2 bundles"), "{told}");
    }
    auditor.audit(&folder, &[]).expect_holds();
}

async fn is_allowed(world: &World) {
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
}

/// Once the proxy has heard that governance is back.
async fn is_allowed_again(world: &World) {
    until("a request to be allowed again", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/you");
        (request.send(world.envoy.address()).await.ok()?.status == 200).then_some(())
    })
    .await;
}

async fn is_denied(world: &World) {
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "policy-denied").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_online_key_changes_the_routes_of_teams_and_nothing_else() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let layers = Layers::of(&home);
    let mut world = Setup::default().start_in(directory, home).await;
    world.server.wait_for_bundle_state("version 2 with routes 1 (sha256:").await;
    is_allowed(&world).await;
    let old = fs::read(layers.path("bundle/routes.json")).unwrap();

    // A team changes its route, and the online key is enough.
    layers.edit(HELLO, "agent:demo", "agent:nobody");
    assert!(layers.routes().success().contains("signed routes 2 over version 2"));
    world.server.wait_for_bundle_state("version 2 with routes 2 (sha256:").await;
    is_denied(&world).await;
    an_auditor_verifies(&world).await;

    // The base is not the team's: the command says so, and so does the server if somebody signs older routes again.
    layers.edit("mesh.yaml", "maxLifetime: 1h", "maxLifetime: 2h");
    let refused = layers.routes();
    assert!(
        refused.status == 2 && refused.err.contains("mesh.yaml: it is not as the base was signed"),
        "{refused:?}"
    );
    write(layers.path("bundle/routes.json").as_ref(), &old);
    let state = world.server.wait_for_bundle_state("version 2 was already active").await;
    assert!(state.starts_with("version 2 with routes 2 "), "{state}");
    is_denied(&world).await;

    // A new base alone is not in force, and the pair before it stays until routes are signed over it.
    assert!(layers.base().success().contains("the base: it is in force once the routes of teams"));
    let state = world.server.wait_for_bundle_state("they were signed over the base").await;
    assert!(state.starts_with("version 2 with routes 2 "), "{state}");
    is_denied(&world).await;
    // Nor does it keep a server from starting: that has the pair before it, and waits.
    world.server.process.kill();
    world.server = Server::start_unready(&world.home).await;
    let state = world.server.wait_for_bundle_state("they were signed over the base").await;
    assert!(state.starts_with("version 2 with routes 2 "), "{state}");
    layers.edit(HELLO, "agent:nobody", "agent:demo");
    drop(layers.routes().success());
    world.server.wait_for_bundle_state("version 3 with routes 1 (sha256:").await;
    is_allowed_again(&world).await;

    // Back to one layer: routes that are left over, or cannot be read, keep nothing back.
    fs::remove_file(layers.path("bundle/routes.json")).unwrap();
    fs::create_dir(layers.path("bundle/routes.json")).unwrap();
    let text = fs::read_to_string(layers.path("policy/mesh.yaml")).unwrap();
    let line = text.lines().find(|line| line.contains("routesBy")).unwrap().to_owned();
    layers.edit("mesh.yaml", &format!("{line}\n"), "");
    layers.edit(HELLO, "agent:demo", "agent:nobody");
    drop(layers.base().success());
    world.server.wait_for_bundle_state("version 4 (sha256:").await;
    is_denied(&world).await;
    layers.edit(HELLO, "agent:nobody", "agent:demo");
    drop(layers.base().success());
    world.server.wait_for_bundle_state("version 5 (sha256:").await;

    world.server.process.kill();
    world.server = Server::start(&world.home).await;
    world.server.wait_for_bundle_state("version 5 (sha256:").await;
    is_allowed_again(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_layers_are_fetched_from_a_url_and_the_routes_need_a_note_of_their_own() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let layers = Layers::of(&home);
    let web_server = WebServer::start(home.file("bundle")).await;
    home.configure(|configuration| {
        let bundle = configuration["bundle"].as_object_mut().unwrap();
        bundle.remove("directory");
        bundle.remove("noteKey");
        bundle.insert("url".to_owned(), web_server.url().into());
    });
    let world = Setup::default().start_in(directory, home).await;
    is_allowed(&world).await;
    // The configuration names a URL now, so the commands are told where the directory is.
    let (bundle, trust) = (layers.path("bundle"), layers.path("trust.json"));
    let configuration = fs::read_to_string(layers.path("portcullis.yaml")).unwrap();
    let configuration: serde_json::Value = serde_json::from_str(&configuration).unwrap();
    write(trust.as_ref(), configuration["bundle"]["trust"].to_string().as_bytes());
    let place = ["--bundle", &bundle, "--trust", &trust, "--audience", "demo"];
    let key = layers.path("keys/routes.jwk");
    let note = |lifetime| {
        let command = ["policy", "note", "--routes", "--key", &key, "--lifetime", lifetime];
        portcullis(&[&command[..], &place].concat()).success()
    };
    layers.edit(HELLO, "agent:demo", "agent:nobody");
    let policy = layers.path("policy");
    let sign = ["policy", "sign", "--routes", "--key", &key, "--dir", &policy];
    drop(portcullis(&[&sign[..], &place].concat()).success());
    world.server.wait_for_bundle_state("version 2 with routes 2 (sha256:").await;
    is_denied(&world).await;
    assert_eq!(web_server.count("/2/mesh.json", 200), 1, "the base is not fetched again");

    // Without a fresh note about the routes nothing is in force, whatever the note about the base says.
    layers.edit(HELLO, "agent:nobody", "agent:demo");
    drop(portcullis(&[&sign[..], &place].concat()).success());
    note("2s");
    world.server.wait_for_bundle_state("version 2 with routes 3 (sha256:").await;
    world.server.wait_for_bundle_state("has expired").await;
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 503, "governance-stale").await;
    note("1h");
    world.server.wait_for_bundle_state("is in force until").await;
    is_allowed_again(&world).await;
    world.end().await;
}
