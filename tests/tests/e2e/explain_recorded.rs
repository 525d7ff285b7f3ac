//! `portcullis policy explain --decision` explains a recorded decision, while a server runs.

use crate::bundles::Signers;
use portcullis_tests::agent::{WarrantSpec, hello, payment};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::command::{CommandOutput, portcullis};
use portcullis_tests::guide::{only_block, shell};
use portcullis_tests::ledger_auditor::{LedgerAuditor, copy};
use portcullis_tests::programs;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{HOST, World};
use serde_json::Value;
use std::fs;
use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn write(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
}

struct Recorded {
    world: World,
    auditor: LedgerAuditor,
    /// The ids of an allow, of its replay, and of a denial by the policy.
    ids: [String; 3],
}

/// A world with three recorded decisions.
async fn three_decisions() -> Recorded {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let once = world.agent.warrant(&payment());
    let pay = || world.agent.present(&once, ClientRequest::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    let executions = world.upstream.executions();
    let allowed = executions[0].decision().unwrap().to_owned();
    let replayed = decision_id(&world.denies(&pay(), 403, "replayed").await.body);
    let stranger = WarrantSpec { holder: "agent:stranger".to_owned(), ..hello() };
    let refused = world.agent.request(&stranger, "GET", "/hello/you");
    let refused = decision_id(&world.denies(&refused, 403, "policy-denied").await.body);
    auditor.wait_for_decisions(3).await;
    Recorded { world, auditor, ids: [allowed, replayed, refused] }
}

fn decision_id(body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap();
    problem["decision"].as_str().expect("the response names the decision").to_owned()
}

impl Recorded {
    fn explain(&self, id: &str, further: &[&str]) -> CommandOutput {
        let home = self.world.home.file("").display().to_string();
        portcullis(&[&["policy", "explain", "--decision", id, "--home", &home], further].concat())
    }

    fn json(&self, id: &str, status: i32) -> Value {
        let output = self.explain(id, &["--json"]);
        assert_eq!((output.status, output.err.as_str()), (status, ""), "{}", output.out);
        serde_json::from_str(&output.out).unwrap()
    }
}

#[tokio::test]
async fn a_recorded_decision_is_explained_by_its_route_its_policies_and_a_reason() {
    let recorded = three_decisions().await;
    let [allowed, replayed, refused] = &recorded.ids;

    let text = recorded.explain(allowed, &[]).success();
    let beginning =
        "allow\n  route:    pay of demo\n  policies: pay/caller:agent:demo\n  why:      permitted by";
    assert!(text.starts_with(beginning) && text.contains("judged again, with the same result"), "{text}");

    let json = recorded.json(refused, 1);
    assert_eq!((&json["result"], &json["status"]), (&"policy-denied".into(), &403.into()), "{json}");
    assert_eq!((&json["judge"], &json["again"]), (&json["result"], &"same".into()), "{json}");
    assert_eq!((&json["route"], &json["team"]), (&"hello".into(), &"demo".into()), "{json}");
    assert!(json["why"].as_str().unwrap().starts_with("the nearest permit is hello/caller:"), "{json}");
    assert_eq!(json["decision"]["id"], refused.as_str());
    assert_eq!(json["decision"]["verdict"]["code"], "policy-denied");
    assert_eq!(json["decision"]["bundle"]["version"], 1);

    let json = recorded.json(replayed, 1);
    assert_eq!((&json["result"], &json["judge"]), (&"replayed".into(), &"allow".into()), "{json}");
    assert_eq!(json["decision"]["outcome"], "replayed");

    // From the API, by an auditor with the token, the key and a copy of the bundle.
    let (url, key) = (
        format!("unix:{}", recorded.world.home.api().display()),
        recorded.auditor.key().display().to_string(),
    );
    let token = recorded.world.home.file("keys/read-log.token").display().to_string();
    let bundle = recorded.world.home.file("bundle").display().to_string();
    let words = [
        "policy",
        "explain",
        "--decision",
        refused,
        "--ledger",
        &url,
        "--vkey",
        &key,
        "--token-file",
        &token,
    ];
    let over_http = portcullis(&[words.as_slice(), &["--bundles", &bundle]].concat());
    assert_eq!(
        (over_http.status, over_http.out),
        (1, recorded.explain(refused, &[]).out),
        "{}",
        over_http.err
    );
    recorded.world.end().await;
}

#[tokio::test]
async fn when_a_decision_cannot_be_explained_the_message_names_what_is_missing() {
    let recorded = three_decisions().await;
    let unknown = recorded.explain("-unknown", &[]);
    assert_eq!(unknown.status, 2);
    assert!(unknown.err.contains("the decision -unknown is not among the"), "{}", unknown.err);

    let (home, refused) = (&recorded.world.home, &recorded.ids[2]);
    let before = recorded.explain(refused, &[]);
    let digest = recorded.json(refused, 1)["decision"]["bundle"]["digest"].as_str().unwrap().to_owned();
    let earlier = recorded.world.directory().join("earlier");
    copy(&home.file("bundle"), &earlier);
    Signers::of(home).publish(&UnsignedBundle::of(home).version(2));
    // The server kept the bundle. Without that copy it must be given.
    assert_eq!(recorded.explain(refused, &[]), before);
    let kept = home.file(&format!("ledger/bundles/{}.json", digest.strip_prefix("sha256:").unwrap()));
    let bytes = fs::read(&kept).unwrap();
    fs::remove_file(&kept).unwrap();
    let gone = recorded.explain(refused, &[]);
    assert_eq!((gone.status, gone.out.as_str()), (2, ""));
    let wanted = format!("was taken with the bundle {digest} (version 1), which is not in");
    assert!(gone.err.contains(&wanted) && gone.err.contains("--bundles"), "{}", gone.err);
    assert_eq!(recorded.explain(refused, &["--bundles", earlier.to_str().unwrap()]), before);
    write(&kept, &bytes[1..]);
    let damaged = recorded.explain(refused, &[]);
    assert!(
        damaged.status == 2 && damaged.err.contains("this copy of a bundle is damaged"),
        "{}",
        damaged.err
    );
    write(&kept, &bytes);

    for (words, wanted) in [
        (&["--vkey", "/nowhere"][..], "/nowhere: cannot be read"),
        (&["--signed"], "cannot be used with"),
        (&["--holder", "agent:demo"], "cannot be used with"),
    ] {
        let output = recorded.explain(refused, words);
        assert!(output.status == 2 && output.err.contains(wanted), "{words:?}: {}", output.err);
    }
    let alone = portcullis(&["policy", "explain", "GET", "/", "--holder", "agent:demo", "--ledger", "log"]);
    assert!(alone.status == 2 && alone.err.contains("cannot be used with"), "{}", alone.err);
    recorded.world.end().await;
}

#[tokio::test]
async fn the_policy_guides_commands_on_recorded_decisions_print_what_it_shows() {
    let recorded = three_decisions().await;
    let page = fs::read_to_string(programs::repository().join("docs/policy.md")).unwrap();
    let block = |kind: &str| only_block(&page, &format!("{kind} recorded"), "");
    let commands = block("sh").replace(" # exit status 1", " && exit 9 || [ $? = 1 ]");
    assert!(commands.contains("[ $? = 1 ]"), "{commands}");
    let output = shell(&recorded.world.home.file(""), &commands);
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    for line in block("text").lines() {
        assert!(out.lines().any(|json| json == line), "{line:?} is not in\n{out}");
    }
    recorded.world.end().await;
}
