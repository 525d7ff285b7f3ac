//! Each of a server's keys is replaced while requests pass: none is denied that should pass, and none passes that should not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::authority::{self, log_in};
use portcullis_tests::client::{ClientRequest, get, get_from_socket};
use portcullis_tests::command::{CommandOutput, portcullis};
use portcullis_tests::condition::{until, until_within};
use portcullis_tests::operator::call_api;
use portcullis_tests::programs;
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};

use crate::bundles::Signers;

/// For how long the upstream of this test keeps the set of receipt keys.
const SET_KEPT: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_is_replaced_under_load_and_only_what_should_pass_does() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    home.configure(|configuration| configuration["keys"]["receiptSetSeconds"] = SET_KEPT.as_secs().into());
    Signers::of(&home).publish(&bundle(&home, 2));
    let world = Setup::default().start_in(directory, home).await;
    log_in(&world.home, "demo");
    let trickle = Trickle::of(&world).await;
    tokio::select! {
        () = trickle.run() => {}
        () = replace_all(&world, &trickle) => {}
    }
    world.end().await;
}

fn bundle(home: &Home, version: u64) -> UnsignedBundle {
    let require = json!({"holder": "proof", "use": "any", "maxLifetime": "5m"});
    let spec = json!({"require": require, "callers": ["agent:demo"], "evidence": {"receipt": true}});
    UnsignedBundle::of(home).version(version).with_route("hello", spec)
}

async fn replace_all(world: &World, trickle: &Trickle<'_>) {
    // The next keys for statements and for receipts; a third has no place.
    assert_eq!(rotate(world, "statement")["kid"], "s2");
    assert_eq!(rotate(world, "receipt")["kid"], "r2");
    let third = portcullis(&["key", "rotate", "--role", "statement", "--config", &configuration(world)]);
    assert!(third.status == 2 && third.err.contains("is the next key already"), "{third:?}");
    until("the server to publish the next receipt key", async || {
        (published(world).await.0 == ["r1", "r2"]).then_some(())
    })
    .await;
    // Both old keys are still needed.
    for (role, why) in
        [("statement", "not every proxy pins it"), ("receipt", "without the next one for another")]
    {
        let early = portcullis(&["key", "retire", "--role", role, "--config", &configuration(world)]);
        assert!(early.status == 2 && early.err.contains(why), "{early:?}");
    }
    // The proxy pins the first key alone: it gets no statement by the next one, however long that is there.
    until("receipts by the next key", async || trickle.seen("r2").then_some(())).await;
    let seen = Instant::now();
    assert!(statement_keys(world).await.0.iter().all(|key| key["signs"] == (key["kid"] == "s1")));
    for (pins, key) in statement_keys(world).await.1 {
        assert_eq!((pins, key.as_str()), (1, "s1"));
    }
    // The file of the old receipt key goes at once. It stays published while its receipts hold.
    until("every upstream to have a set with the next key", async || {
        let retired = portcullis(&["key", "retire", "--role", "receipt", "--config", &configuration(world)]);
        (retired.status == 0).then_some(())
    })
    .await;
    write_pins(world);
    let used = until_within(Duration::from_secs(60), "statements by the next key", async || {
        let proxies = statement_keys(world).await.1;
        let is_used = proxies.iter().any(|(pins, key)| (*pins, key.as_str()) == (2, "s2"));
        is_used.then(Instant::now)
    });
    used.await;
    assert!(trickle.first_key_at.get() < Some(seen), "a receipt by a key whose file is gone");
    assert_eq!(published(world).await.0, ["r1", "r2"]);
    // Every filter that pins both holds one by the next before the old one may go.
    until_within(Duration::from_secs(60), "the old statements to run out", async || {
        let live = statement_keys(world).await.1;
        live.iter().all(|(_, key)| key == "s2").then_some(())
    })
    .await;
    retire(world, "statement");
    until("the server to have one statement key", async || {
        (statement_keys(world).await.0.len() == 1).then_some(())
    })
    .await;
    write_pins(world);
    until_within(Duration::from_secs(60), "the filters to pin the new key alone", async || {
        let live = statement_keys(world).await.1;
        live.iter().all(|(pins, key)| (*pins, key.as_str()) == (1, "s2")).then_some(())
    })
    .await;

    replace_the_authoritys(world, trickle).await;
}

/// The authority's key: by bundles. Its warrants hold until their end while it is listed, and no longer.
async fn replace_the_authoritys(world: &World, trickle: &Trickle<'_>) {
    let new = rotate(world, "authority");
    assert_eq!(new["kid"], "a2");
    let mut version = 2;
    let mut publish = |keys: &dyn Fn(Value) -> Value| {
        version += 1;
        let bundle = bundle(&world.home, version).edit("mesh.json", |mesh| {
            let listed = &mut mesh["spec"]["issuers"][0]["keys"];
            let old = listed.as_array().unwrap().iter().find(|key| key["kid"] == "a1").cloned();
            *listed = keys(old.unwrap_or_default());
        });
        Signers::of(&world.home).publish(&bundle);
        format!("portcullis_bundle_version {version}\n")
    };
    let short = world.agent.warrant(&WarrantSpec { lifetime: 8, ..hello() });
    let long = world.agent.warrant(&WarrantSpec { lifetime: 280, ..hello() });
    let hello_by =
        |warrant: &str| world.agent.present(warrant, ClientRequest::new("GET", "localhost", "/hello/you"));
    type Keys<'a> = &'a dyn Fn(Value) -> Value;
    let steps: [(Keys<'_>, &str); 2] = [(&|old| json!([new, old]), "a1"), (&|old| json!([old, new]), "a2")];
    for (keys, signs) in steps {
        let said = publish(keys);
        until("the bundle to be active", async || {
            get(world.server.health(), "/metrics").await?.text().contains(&said).then_some(())
        })
        .await;
        until_live_gates_know(world).await;
        let fresh = ask(world);
        assert_eq!(header(&fresh)["kid"], signs);
        *trickle.warrant.borrow_mut() = fresh;
        world.allows(&hello_by(&long)).await;
    }
    until("the old key's short warrant to end", async || {
        (world.send(&hello_by(&short)).await.code().as_deref() == Some("expired")).then_some(())
    })
    .await;
    world.allows(&hello_by(&long)).await;
    publish(&|_| json!([new]));
    until("the old key's warrants to count for nothing", async || {
        (world.send(&hello_by(&long)).await.code().as_deref() == Some("issuer-untrusted")).then_some(())
    })
    .await;
    world.denies(&hello_by(&long), 401, "issuer-untrusted").await;
}

/// Requests that go on all the time: one that should pass, and two that should not.
struct Trickle<'w> {
    world: &'w World,
    /// A warrant that should be good now.
    warrant: RefCell<String>,
    /// The set of receipt keys that the upstream fetched, and when.
    set: RefCell<(Vec<String>, Instant)>,
    receipts: RefCell<BTreeSet<String>>,
    /// When the last receipt by the first key came.
    first_key_at: Cell<Option<Instant>>,
}

impl Trickle<'_> {
    async fn of(world: &World) -> Trickle<'_> {
        let set = RefCell::new((published(world).await.0, Instant::now()));
        let warrant = RefCell::new(ask(world));
        Trickle { world, warrant, set, receipts: RefCell::default(), first_key_at: Cell::default() }
    }

    async fn run(&self) {
        let hello = || ClientRequest::new("GET", "localhost", "/hello/you");
        let stranger = {
            let mut agent = self.world.agent.clone();
            agent.authority = agent.holder.clone();
            agent
        };
        loop {
            let warrant = self.warrant.borrow().clone();
            self.world.allows(&self.world.agent.present(&warrant, hello())).await;
            self.check_receipt().await;
            self.world.denies(&hello(), 401, "warrant-missing").await;
            let forged = stranger.request(&portcullis_tests::agent::hello(), "GET", "/hello/you");
            let denied = self.world.send(&forged).await;
            let code = denied.code();
            assert!(matches!(code.as_deref(), Some("signature-invalid" | "issuer-untrusted")), "{code:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The upstream has the key of the receipt that it just got, although it fetches the set only now and then.
    async fn check_receipt(&self) {
        let executions = self.world.upstream.executions();
        let receipt = executions.last().unwrap().headers.get("warrant-receipt").expect("the route wants one");
        let kid = header(receipt.to_str().unwrap())["kid"].as_str().unwrap().to_owned();
        if self.set.borrow().1.elapsed() >= SET_KEPT {
            *self.set.borrow_mut() = (published(self.world).await.0, Instant::now());
        }
        assert!(self.set.borrow().0.contains(&kid), "{kid} is not in {:?}", self.set.borrow().0);
        if kid == "r1" {
            self.first_key_at.set(Some(Instant::now()));
        }
        self.receipts.borrow_mut().insert(kid);
    }

    fn seen(&self, kid: &str) -> bool {
        self.receipts.borrow().contains(kid)
    }
}

/// The names in the published set, and the set.
async fn published(world: &World) -> (Vec<String>, Value) {
    let set = get_from_socket(&world.home.api(), "/v1/receipt-jwks.json").await.unwrap();
    let set: Value = serde_json::from_slice(&set.body).unwrap();
    let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
    (kids.collect(), set)
}

/// The server's statement keys; and of each proxy whose last statement holds, how many keys it pins and the key of that statement.
async fn statement_keys(world: &World) -> (Vec<Value>, Vec<(usize, String)>) {
    let list = call_api(&world.home, "GET", "/v1/proxies", &Value::Null).await.1;
    let live = list["proxies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|proxy| proxy["until"].as_u64() > list["now"].as_u64());
    let live = live.map(|proxy| {
        (proxy["pins"].as_array().unwrap().len(), proxy["key"].as_str().unwrap_or_default().to_owned())
    });
    (list["statement_keys"].as_array().unwrap().clone(), live.collect())
}

/// Waits until the filters whose statements hold have what is on record now. The list still has those that were configured before.
async fn until_live_gates_know(world: &World) {
    let list = async || call_api(&world.home, "GET", "/v1/proxies", &Value::Null).await.1;
    let size = list().await["as_of"].as_u64();
    until("the filters to have what is on record", async || {
        let list = list().await;
        let mut live = list["proxies"].as_array().unwrap().iter().filter(|proxy| is_live(proxy, &list));
        live.all(|proxy| ["seq", "judged"].iter().all(|name| proxy[name].as_u64() >= size)).then_some(())
    })
    .await;
}

fn is_live(proxy: &Value, list: &Value) -> bool {
    proxy["until"].as_u64() > list["now"].as_u64()
}

fn configuration(world: &World) -> String {
    world.home.file("portcullis.yaml").to_str().unwrap().to_owned()
}

fn run(words: &[&str]) -> String {
    let CommandOutput { status, out, err } = tokio::task::block_in_place(|| portcullis(words));
    assert_eq!(status, 0, "{words:?}: {err}");
    out
}

fn rotate(world: &World, role: &str) -> Value {
    serde_json::from_str(&run(&["key", "rotate", "--role", role, "--config", &configuration(world)])).unwrap()
}

fn retire(world: &World, role: &str) {
    run(&["key", "retire", "--role", role, "--config", &configuration(world)]);
}

/// Configures gate and seal with the keys that the server has.
fn write_pins(world: &World) {
    let (home, module) = (world.home.directory().to_str().unwrap(), programs::module());
    run(&["init", home, "--keep", "--module", module.to_str().unwrap()]);
}

/// A warrant of the server's authority for as long as the test may take.
fn ask(world: &World) -> String {
    let url = "http://localhost/hello/you";
    authority::warrant(
        &world.home,
        &["GET", url, "--scope", "greetings", "--use", "100000", "--lifetime", "5m"],
    )
}

fn header(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}
