//! An operator reads what was decided about requests that went through Envoy: by the command line, over the API of a running
//! server.

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::operator::{read, read_text};
use portcullis_tests::world::{HOST, World};
use serde_json::{Value, json};
use warrant::PresentedWarrant;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_out_why_a_request_was_denied_and_what_ran_under_a_lineage() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    // Any holder may do errands, also one to whom the warrant was delegated; but only once in all.
    let errand = |lifetime| WarrantSpec {
        methods: vec!["POST".to_owned()],
        path: "/errands/**".to_owned(),
        uses: Some(1),
        max_depth: 1,
        lifetime,
        ..hello()
    };
    let root = world.agent.warrant(&errand(60));
    let holder = TestKey::stranger(Algorithm::Ed25519, 7);
    let child = world.agent.delegate(&root, &errand(50), &holder);
    let delegate = Agent { holder, ..world.agent.clone() };
    let to = |path: &str| ClientRequest::new("POST", HOST, path);
    world.allows(&delegate.present(&child, to("/errands/child"))).await;
    world.denies(&world.agent.present(&root, to("/errands/root")), 403, "replayed").await;
    let denied = world.denies(&delegate.present(&child, to("/errands/again")), 403, "replayed").await;
    let problem: Value = serde_json::from_slice(&denied.body).unwrap();
    let id = problem["decision"].as_str().unwrap().to_owned();

    let links = PresentedWarrant::parse(child.as_bytes()).unwrap().unverified_claims().unwrap();
    let txn = links[0].as_root().unwrap().txn();
    let path = format!("{}/{}", links[0].jti(), links[1].jti());

    // The outcomes come back with Envoy's access log.
    let list = ["decisions", "--lineage", txn, "--route", "errand"];
    let found = until("the decisions to be readable", async || {
        let (_, found) = read(&world.home, &list);
        let decisions = found["decisions"].as_array().unwrap();
        (decisions.len() == 3).then(|| found.clone())
    })
    .await;
    assert!(found["as_of"].as_u64() <= found["size"].as_u64(), "{found}");
    let shown = |member: &str| {
        let decisions = found["decisions"].as_array().unwrap().iter();
        decisions.map(|decision| decision[member].clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown("outcome"), ["replayed", "replayed", "allowed"], "the newest first");
    assert_eq!(shown("path"), ["/errands/again", "/errands/root", "/errands/child"]);
    assert_eq!(shown("warrant"), [json!(path), json!(links[0].jti()), json!(path)]);
    let (_, hello) =
        read(&world.home, &["decisions", "--code", "allowed", "--holder", "agent:demo", "--route", "hello"]);
    assert_eq!(hello["decisions"][0]["path"], "/hello/you", "{hello}");
    let (_, denials) = read(&world.home, &["decisions", "--code", "replayed", "--limit", "1"]);
    assert_eq!(denials["decisions"][0]["id"], id.as_str());

    let page = read_text(&world.home, &["decisions", &id]);
    for line in ["request   POST", "outcome   replayed", "why ", "route     errand", "└─ agent:demo as"] {
        assert!(page.contains(line), "{line:?} is missing:\n{page}");
    }
    let (status, refused) = read(&world.home, &["decisions", "AAAAAAAAAAAAAAAAAAAAAA"]);
    assert_eq!((status, &refused["code"]), (1, &json!("unknown")), "{refused}");

    let allowed = shown("id")[2].as_str().unwrap().to_owned();
    until("its outcome to be readable", async || {
        let (_, decision) = read(&world.home, &["decisions", &allowed]);
        (decision["outcome"]["entry"]["status"] == 200).then_some(())
    })
    .await;

    let (_, lineage) = read(&world.home, &["lineage", txn, "--iss", "https://authority.demo"]);
    let [seen] = lineage["warrants"].as_array().unwrap().as_slice() else { panic!("{lineage}") };
    assert_eq!(seen["decisions"]["outcomes"], json!({"replayed": 1}));
    let child = &seen["children"][0];
    assert_eq!((&child["path"], &child["use"]), (&json!(path), &json!(1)));
    assert_eq!(child["decisions"]["outcomes"], json!({"allowed": 1, "replayed": 1}));
    assert_eq!(child["decisions"]["newest"], json!([id, allowed]));
    let tree = read_text(&world.home, &["lineage", txn]);
    assert!(tree.contains("└─ agent:demo as") && tree.contains("1 allowed, 1 replayed"), "{tree}");

    let proof = world.directory().join("decision.tlog-proof");
    let (status, _) = read(&world.home, &["decisions", &id, "--proof", proof.to_str().unwrap()]);
    assert_eq!(status, 0);
    let proved: Value = auditor.audit(&proof, &[]).expect_holds();
    let index = found["decisions"][0]["index"].as_u64();
    assert_eq!(proved["index"].as_u64(), index, "{proved}");
    world.end().await;
}
