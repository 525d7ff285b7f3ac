//! Why a decision on record came out as it did: `portcullis policy explain --decision`, beside a server that serves.

use crate::bundles::Signers;
use portcullis_tests::agent::{Grant, hello, payment};
use portcullis_tests::client::Ask;
use portcullis_tests::command::{Said, portcullis};
use portcullis_tests::press::{self, Bundle};
use portcullis_tests::programs;
use portcullis_tests::record::Record;
use portcullis_tests::world::{HOST, World};
use serde_json::Value;
use std::fs;
use std::process::Command;

struct Asked {
    world: World,
    record: Record,
    /// Ids of an allow, its repetition, and what the policy refused.
    ids: [String; 3],
}

async fn asked() -> Asked {
    let world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let once = world.agent.warrant(&payment());
    let pay = || world.agent.presents(&once, Ask::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    let hits = world.upstream.hits();
    let allowed = hits[0].decision().unwrap().to_owned();
    let replayed = id(&world.denies(&pay(), 403, "replayed").await.body);
    let stranger = Grant { holder: "agent:stranger".to_owned(), ..hello() };
    let refused = world.agent.asks(&stranger, "GET", "/hello/you");
    let refused = id(&world.denies(&refused, 403, "policy-denied").await.body);
    record.has_decisions(3).await;
    Asked { world, record, ids: [allowed, replayed, refused] }
}

fn id(body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap();
    problem["decision"].as_str().expect("the answer names the decision").to_owned()
}

impl Asked {
    fn explain(&self, id: &str, further: &[&str]) -> Said {
        let home = self.world.home.file("").display().to_string();
        portcullis(&[&["policy", "explain", "--decision", id, "--home", &home], further].concat())
    }

    fn json(&self, id: &str, status: i32) -> Value {
        let said = self.explain(id, &["--json"]);
        assert_eq!((said.status, said.err.as_str()), (status, ""), "{}", said.out);
        serde_json::from_str(&said.out).unwrap()
    }
}

#[tokio::test]
async fn a_decision_on_record_says_which_route_which_policies_and_why() {
    let asked = asked().await;
    let [allowed, replayed, refused] = &asked.ids;

    let said = asked.explain(allowed, &[]);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
    let by = "allow\n  route:    pay of demo\n  policies: pay/caller:agent:demo\n  why:      permitted by";
    assert!(said.out.starts_with(by) && said.out.contains("judged again, with the same result"), "{}", said.out);

    let told = asked.json(refused, 1);
    assert_eq!((&told["result"], &told["status"]), (&"policy-denied".into(), &403.into()), "{told}");
    assert_eq!((&told["judge"], &told["again"]), (&told["result"], &"same".into()), "{told}");
    assert_eq!((&told["route"], &told["team"]), (&"hello".into(), &"demo".into()), "{told}");
    assert!(told["why"].as_str().unwrap().starts_with("the nearest permit is hello/caller:"), "{told}");
    assert_eq!(told["decision"]["id"], refused.as_str());
    assert_eq!(told["decision"]["verdict"]["code"], "policy-denied");
    assert_eq!(told["decision"]["bundle"]["version"], 1);

    let told = asked.json(replayed, 1);
    assert_eq!((&told["result"], &told["judge"]), (&"replayed".into(), &"allow".into()), "{told}");
    assert_eq!(told["decision"]["outcome"], "replayed");

    // By a stranger with the token, who has the key and a copy of the bundle.
    let (url, key) =
        (format!("http://{}/log", asked.world.court.http()), asked.record.key().display().to_string());
    let token = asked.world.home.file("keys/read-log.token").display().to_string();
    let bundle = asked.world.home.file("bundle").display().to_string();
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
    let far = portcullis(&[words.as_slice(), &["--bundles", &bundle]].concat());
    assert_eq!((far.status, far.out), (1, asked.explain(refused, &[]).out), "{}", far.err);
}

#[tokio::test]
async fn what_is_missing_to_explain_a_decision_is_named() {
    let asked = asked().await;
    let nobodys = asked.explain("-nobodys", &[]);
    assert_eq!(nobodys.status, 2);
    assert!(nobodys.err.contains("the decision -nobodys is not among the"), "{}", nobodys.err);

    // The house goes on by another bundle: the one before must be brought.
    let (home, refused) = (&asked.world.home, &asked.ids[2]);
    let before = Bundle::of(home);
    let digest = asked.json(refused, 1)["decision"]["bundle"]["digest"].as_str().unwrap().to_owned();
    Signers::of(home).publish(&before.version(2));
    let gone = asked.explain(refused, &[]);
    assert_eq!((gone.status, gone.out.as_str()), (2, ""));
    let wanted = format!("was taken with the bundle {digest} (version 1), which is not in");
    assert!(gone.err.contains(&wanted) && gone.err.contains("--bundles"), "{}", gone.err);
    let past = press::kept(&home.file("bundle")).join(&digest).display().to_string();
    assert_eq!(asked.explain(refused, &["--bundles", &past]).status, 1);

    for (words, wanted) in [
        (&["--vkey", "/nowhere"][..], "/nowhere: cannot be read"),
        (&["--signed"], "cannot be used with"),
        (&["--holder", "agent:demo"], "cannot be used with"),
    ] {
        let said = asked.explain(refused, words);
        assert!(said.status == 2 && said.err.contains(wanted), "{words:?}: {}", said.err);
    }
    let alone = portcullis(&["policy", "explain", "GET", "/", "--holder", "agent:demo", "--ledger", "log"]);
    assert!(alone.status == 2 && alone.err.contains("cannot be used with"), "{}", alone.err);
}

#[tokio::test]
async fn the_guide_to_policies_asks_the_record_as_it_says() {
    let asked = asked().await;
    let page = fs::read_to_string(programs::repository().join("docs/policy.md")).unwrap();
    let block = |kind: &str| {
        let found: Vec<&str> = page.split(&format!("```{kind} recorded\n")).skip(1).collect();
        assert_eq!(found.len(), 1, "one block of {kind}");
        found[0].split("```").next().unwrap().to_owned()
    };
    let binaries = programs::portcullis().parent().unwrap().display().to_string();
    let commands = block("sh").replace(" # exit status 1", " && exit 9 || [ $? = 1 ]");
    assert!(commands.contains("[ $? = 1 ]"), "{commands}");
    let script = format!("set -eu; PATH={binaries}:$PATH\n{commands}");
    let mut shell = Command::new("sh");
    let said = shell.args(["-c", &script]).current_dir(asked.world.home.file("")).output().unwrap();
    let out = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "{out}{}", String::from_utf8_lossy(&said.stderr));
    for line in block("text").lines() {
        assert!(out.lines().any(|told| told == line), "{line:?} is not in\n{out}");
    }
}
