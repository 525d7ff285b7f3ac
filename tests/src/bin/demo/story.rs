//! The story of the demo: the scenes, and the expected result of each.

use portcullis_tests::agent::{WarrantSpec, hello, payment};
use portcullis_tests::authority;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::operator;
use portcullis_tests::server::Server;
use portcullis_tests::world::World;
use serde_json::Value;

/// The result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SceneResult {
    pub(crate) status: u16,
    /// The denial's code, or None if the response has none.
    pub(crate) code: Option<String>,
    pub(crate) reached_upstream: bool,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) title: &'static str,
    pub(crate) actual: SceneResult,
    pub(crate) expected: SceneResult,
}

impl Scene {
    pub(crate) fn is_as_expected(&self) -> bool {
        self.actual == self.expected
    }
}

fn allowed() -> SceneResult {
    SceneResult { status: 200, code: None, reached_upstream: true }
}

fn denied(status: u16, code: &str) -> SceneResult {
    SceneResult { status, code: Some(code.to_owned()), reached_upstream: false }
}

/// Plays all scenes in this world. `host` is the authority of the requests.
pub(crate) async fn play(world: &mut World, host: &str) -> Vec<Scene> {
    let agent = world.agent.clone();
    let get = |content: WarrantSpec| {
        agent.present(&agent.warrant(&content), ClientRequest::new("GET", host, "/hello/you"))
    };
    let get_path =
        |path: &str| agent.present(&agent.warrant(&hello()), ClientRequest::new("GET", host, path));
    let warrant = agent.warrant(&hello());
    let to_another_route = agent.present(&warrant, ClientRequest::new("POST", host, "/v1/payments/42"));
    let stolen = ClientRequest::new("GET", host, "/hello/you").with("warrant", warrant.clone());
    let tampered = agent.present(&tampered(&warrant), ClientRequest::new("GET", host, "/hello/you"));
    let once = agent.warrant(&payment());
    let pay = || agent.present(&once, ClientRequest::new("POST", host, "/v1/payments/42"));

    let mut scenes = Vec::new();
    for (title, request, expected) in [
        ("a valid warrant, with a proof by its holder", get(hello()), allowed()),
        ("no warrant", ClientRequest::new("GET", host, "/hello/you"), denied(401, "warrant-missing")),
        ("a warrant with one changed character", tampered, denied(401, "signature-invalid")),
        (
            "a warrant that expired yesterday",
            get(WarrantSpec { age: 86_400, ..hello() }),
            denied(401, "expired"),
        ),
        (
            "a warrant for another mesh",
            get(WarrantSpec { audience: "elsewhere".into(), ..hello() }),
            denied(403, "audience-mismatch"),
        ),
        ("a warrant for another route", to_another_route, denied(403, "outside-warrant")),
        ("a stolen warrant, without its holder's key", stolen, denied(401, "proof-missing")),
        ("a payment, with a warrant for one payment", pay(), allowed()),
        ("the same payment again", pay(), denied(403, "replayed")),
    ] {
        scenes.push(Scene { title, actual: result_of(world, &request).await, expected });
    }

    // Without an authority's key: an agent shows a token, and the server's own authority issues what its policy permits.
    let url = &format!("http://{host}/hello/you");
    for (title, sub, expected) in [
        ("a token exchanged for a warrant for this one request", "demo", allowed()),
        ("a token of an agent whom no policy permits it", "stranger", denied(403, "not-permitted")),
    ] {
        scenes.push(Scene { title, actual: exchanged(world, sub, url).await, expected });
    }

    // The upstream does not answer, so the request runs until the seal ends it.
    let warrant = agent.warrant(&WarrantSpec { lifetime: 3, ..hello() });
    let running = agent.present(&warrant, ClientRequest::new("GET", host, "/hello/silence"));
    let expected = SceneResult { reached_upstream: true, ..denied(401, "expired") };
    let title = "a running request, when its warrant ends";
    scenes.push(Scene { title, actual: result_of(world, &running).await, expected });

    // This one too, until an operator revokes its holder.
    let running = get_path("/hello/silence");
    let revoke = async {
        until("the request to run", async || (world.upstream.open_streams() == 1).then_some(())).await;
        operator::done(&world.home, &["revoke", "sub", &hello().holder])
    };
    let (actual, revoked) = tokio::join!(result_of(world, &running), revoke);
    let expected = SceneResult { reached_upstream: true, ..denied(403, "revoked") };
    let title = "a running request, when its holder is revoked";
    scenes.push(Scene { title, actual, expected });
    let actual = result_of(world, &get(hello())).await;
    let title = "another warrant of that holder";
    scenes.push(Scene { title, actual, expected: denied(403, "revoked") });
    operate(world, &["reinstate", &index_of(&revoked).to_string()]).await;

    for (title, halt, resume) in [
        (
            "a valid warrant, while its route is halted",
            &["halt", "--route", "hello"][..],
            &["resume", "--route", "hello"][..],
        ),
        ("a valid warrant, while the mesh is halted", &["halt"], &["resume"]),
    ] {
        operate(world, halt).await;
        let actual = result_of(world, &get(hello())).await;
        scenes.push(Scene { title, actual, expected: denied(503, "halted") });
        operate(world, resume).await;
    }
    let actual = result_of(world, &get(hello())).await;
    let title = "a valid warrant, after the halts have ended";
    scenes.push(Scene { title, actual, expected: allowed() });

    world.server.process.kill();
    // Envoy itself denies this request, so the response has no code.
    let expected = SceneResult { status: 503, code: None, reached_upstream: false };
    let actual = result_of(world, &get(hello())).await;
    scenes.push(Scene { title: "a valid warrant, while the server is down", actual, expected });

    world.server = Server::start(&world.home).await;
    let actual = until("Envoy to reach the restarted server", async || {
        let result = result_of(world, &get(hello())).await;
        (result.status != 503).then_some(result)
    })
    .await;
    scenes.push(Scene { title: "a valid warrant, after the server's restart", actual, expected: allowed() });
    scenes
}

/// What becomes of a request for which an agent with this name first gets a warrant. Where the authority refuses, nothing is
/// sent.
async fn exchanged(world: &World, sub: &str, url: &str) -> SceneResult {
    authority::log_in(&world.home, sub);
    let got = authority::request(&world.home, "agent.yaml", &["GET", url, "--only-warrant", "--json"]);
    if got.status != 0 {
        let refused: Value = serde_json::from_str(&got.out).expect("a refusal is JSON");
        let code = refused.get("refused").and_then(Value::as_str).map(str::to_owned);
        return SceneResult { status: 403, code, reached_upstream: false };
    }
    let target = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let request = ClientRequest::new("GET", target.0, &format!("/{}", target.1));
    result_of(world, &world.agent.present(&got.out, request)).await
}

/// Runs an operator's command, and waits until every proxy has it.
async fn operate(world: &World, command: &[&str]) {
    world.until_gates_have(index_of(&operator::done(&world.home, command))).await;
}

fn index_of(entry: &Value) -> u64 {
    entry["index"].as_u64().expect("the entry has an index")
}

async fn result_of(world: &World, request: &ClientRequest) -> SceneResult {
    let response = world.send(request).await;
    SceneResult {
        status: response.status,
        code: response.code(),
        reached_upstream: world.executions_of(request) > 0,
    }
}

/// The same warrant with another first character of its signature.
fn tampered(warrant: &str) -> String {
    let (signed, signature) = warrant.rsplit_once('.').expect("a warrant has a signature");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    format!("{signed}.{first}{}", signature.get(1..).expect("a signature has more than one character"))
}
