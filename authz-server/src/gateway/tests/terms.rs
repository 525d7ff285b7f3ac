//! What entries say of a warrant that is presented again: its terms only once, and how many bytes each part of an allow takes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ledger::entry::{EarlierTerms as Reference, RecordedTerms};
use serde_json::Value;
use warrant::PresentedWarrant;
use warrant::mint::{Delegation, Signer};

use super::burning::greeting_under;
use super::*;
use crate::record::{JudgedAgain, judge_again};

const HELLO_FILE: &str = "routes/platform/hello.yaml";

impl TestGateway {
    /// The decisions on record, each with its index and its bytes.
    pub(super) fn decisions(&self) -> Vec<(u64, Vec<u8>, Decision)> {
        let (mut log, mut found) = (self.ledger.read(0).unwrap(), Vec::new());
        while let Some(next) = log.next_bytes() {
            let (index, bytes) = next.unwrap();
            if let Ok((_, Entry::Decision(decision))) = Entry::read(bytes) {
                found.push((index, bytes.to_vec(), decision));
            }
        }
        found
    }

    fn judged_again(&self, decision: &Decision) -> JudgedAgain {
        let bundle = bundle(&self.files);
        policy::on_a_deep_stack(|| judge_again(decision, &bundle)).unwrap()
    }
}

#[tokio::test]
async fn the_second_decision_on_a_warrant_names_the_first_and_is_judged_again_from_the_log() {
    let test = test_gateway();
    for proof in ["p1", "p2", "p3"] {
        assert_eq!(test.answer(greeting_under("root", proof, NOW)).await, "allowed");
    }
    assert_eq!(test.answer(greeting_under("root", "p3", NOW)).await, "replayed");
    assert_eq!(test.answer(greeting_under("other", "p4", NOW)).await, "allowed");
    test.on_record();
    let decisions = test.decisions();
    let first = decisions[0].0;
    let said_at: Vec<_> = decisions.iter().map(|(_, _, decision)| decision.terms.said_at()).collect();
    assert_eq!(said_at, [None, Some(first), Some(first), Some(first), None]);

    // Only the log is left, as after a start.
    let mut second = decisions[1].2.clone();
    assert_eq!(test.judged_again(&second), JudgedAgain::WithoutTerms(first));
    test.complete(&mut second);
    assert_eq!(test.judged_again(&second), JudgedAgain::Same);
    // The terms of another warrant, or of an entry that only refers, are not taken.
    for wrong in [decisions[2].0, decisions[4].0, 0] {
        let terms = RecordedTerms::SameAs(Reference { index: wrong, known: None });
        let mut astray = Decision { terms, ..decisions[1].2.clone() };
        test.complete(&mut astray);
        assert_eq!(test.judged_again(&astray), JudgedAgain::WithoutTerms(wrong));
    }
}

#[tokio::test]
async fn a_decision_that_was_overtaken_says_nothing_to_which_others_could_refer() {
    let test = test_gateway();
    test.facts.store(2, Ordering::Relaxed);
    assert_eq!(test.answer(greeting_under("root", "p1", NOW)).await, "governance-stale");
    assert_eq!(test.answer(greeting_under("root", "p2", NOW)).await, "allowed");
    assert_eq!(test.answer(greeting_under("root", "p3", NOW)).await, "allowed");
    test.on_record();
    let decisions = test.decisions();
    let said_at: Vec<_> = decisions.iter().map(|(_, _, decision)| decision.terms.said_at()).collect();
    assert_eq!(said_at, [None, None, Some(decisions[1].0)], "the denial is not referred to");
}

/// A warrant of so many links, each delegated by the one before it, for greetings.
fn greeter_of(links: u64) -> String {
    let grant = |jti: String, depth: u64| Grant {
        sub: "agent:demo".to_owned(),
        cnf: *TestKey::new(2).public_key(),
        aud: vec!["shop".to_owned()],
        jti,
        iat: Seconds::new(NOW),
        nbf: Seconds::new(NOW),
        exp: Seconds::new(NOW + 60),
        max_depth: 7_u64.saturating_sub(depth),
        use_max: (links > 1).then_some(1000),
        env: vec![],
        att: None,
        details: vec![GrantDetail {
            hosts: vec!["localhost".to_owned()],
            methods: vec!["GET".to_owned()],
            paths: vec!["/hello/**".to_owned()],
            ..GrantDetail::default()
        }],
    };
    let (iss, txn) = ("https://authority.shop".to_owned(), "a-lineage-of-22-chars1".to_owned());
    let first = grant("the-id-of-a-root-link1".to_owned(), 0);
    let root = Root { iss, txn, ini: None, pol: None, dec: None, attr: None, grant: first };
    let mut token = root.sign(&TestKey::new(1), "a1").unwrap();
    for depth in 1..links {
        let parent = PresentedWarrant::parse(token.as_bytes()).unwrap();
        let grant = Grant { max_depth: 7, ..grant(format!("the-id-of-one-link-no{depth}"), depth) };
        token = Delegation { grant }.sign(&parent, &TestKey::new(2)).unwrap();
    }
    token
}

fn greeting_with(token: &str, proof: &str) -> IncomingRequest {
    let mut request = greeting_under("root", proof, NOW);
    let made = NewProof {
        jti: proof.to_owned(),
        iat: Seconds::new(NOW),
        method: "GET",
        authority: "localhost:10000",
        path_and_query: "/hello/you",
        warrant_header: token,
        body: None,
    };
    let made = made.sign(&TestKey::new(2)).unwrap();
    request.http.as_mut().unwrap().headers = vec![
        ("warrant".to_owned(), token.to_owned().into_bytes()),
        ("warrant-proof".to_owned(), made.into_bytes()),
    ];
    request
}

/// The last allow that this gateway recorded.
fn last_allow(test: &TestGateway) -> Vec<u8> {
    test.on_record();
    let (_, bytes, decision) = test.decisions().pop().unwrap();
    assert_eq!(decision.outcome, DecisionOutcome::Allowed);
    bytes
}

/// Each column of the guide's table: what was asked, and the entry.
async fn measured() -> Vec<(&'static str, Vec<u8>)> {
    let mut columns = Vec::new();
    let mtls = test_gateway_with(edited(PAY_FILE, "use: once", "use: any"));
    let token = warrant("the-id-of-a-root-link1", PAYER, None, ("POST", "payments.shop", "/v1/**"));
    for what in ["mtls, the first", "mtls, the next"] {
        let mut request = payment("root");
        request.http.as_mut().unwrap().headers = vec![("warrant".to_owned(), token.clone().into_bytes())];
        assert_eq!(mtls.answer(request).await, "allowed");
        columns.push((what, last_allow(&mtls)));
    }
    let once = test_gateway_with(edited(HELLO_FILE, "use: any", "use: once"));
    let token = warrant("the-id-of-a-root-link1", "agent:demo", Some(1), ("GET", "localhost", "/hello/**"));
    assert_eq!(once.answer(greeting_with(&token, "the-id-of-this-proof-1")).await, "allowed");
    columns.push(("proof, one use", last_allow(&once)));
    for (links, first, next) in
        [(1, "proof, the first", "proof, the next"), (8, "8 links, the first", "8 links, the next")]
    {
        // The name in a delegated link is only a claim. So such a route asks for none, and limits how often a warrant is used.
        let mut files = files();
        if links > 1 {
            edit(&mut files, HELLO_FILE, "[\"agent:demo\"]", "[any-holder]");
            edit(&mut files, HELLO_FILE, "use: any", "use: limited");
        }
        let test = test_gateway_with(files);
        let token = greeter_of(links);
        for (what, proof) in [(first, "the-id-of-this-proof-1"), (next, "the-id-of-this-proof-2")] {
            assert_eq!(test.answer(greeting_with(&token, proof)).await, "allowed", "{what}");
            columns.push((what, last_allow(&test)));
        }
    }
    columns
}

/// The members that have a row of their own. All others are counted together.
const PARTS: [&str; 8] = ["terms", "chain", "burned", "request", "bundle", "verdict", "checks", "identity"];

/// The bytes of each part of an entry, with its name and its comma.
fn parts(entry: &[u8]) -> BTreeMap<&'static str, usize> {
    let Value::Object(members) = serde_json::from_slice(entry).unwrap() else { panic!("no object") };
    let length = |name: &str| format!("\"{name}\":{},", members[name]).len();
    let named: BTreeMap<_, _> = PARTS.iter().map(|part| (*part, length(part))).collect();
    let rest = entry.len().saturating_sub(named.values().sum());
    [("all others", rest), ("together", entry.len())].into_iter().chain(named).collect()
}

const BEGIN: &str =
    "<!-- Made by `WRITE_DOCS=1 cargo test --workspace --lib -- the_bytes_of_an_allow`. -->\n";
const END: &str = "<!-- End of the table of bytes. -->\n";

#[tokio::test]
async fn the_bytes_of_an_allow_by_part_are_those_of_the_guide() {
    let columns = measured().await;
    let counted: Vec<_> = columns.iter().map(|(_, entry)| parts(entry)).collect();
    let names: Vec<&str> = columns.iter().map(|(what, _)| *what).collect();
    let mut table = format!("| part | {} |\n|---|{}\n", names.join(" | "), "--:|".repeat(names.len()));
    for part in PARTS.iter().chain(&["all others", "together"]) {
        let row: Vec<String> = counted.iter().map(|parts| parts[part].to_string()).collect();
        writeln!(table, "| {part} | {} |", row.join(" | ")).unwrap();
    }
    crate::made_page::assert_has_table("ledger.md", [BEGIN, END], &table);
    for (what, entry) in &columns {
        println!("{what}: {}", String::from_utf8_lossy(entry));
    }
}
