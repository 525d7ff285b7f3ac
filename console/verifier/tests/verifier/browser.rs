//! The page with a proof, in a real browser, where there is one: `tests/browser/proof_page.py` drives it.
//! `PORTCULLIS_SCREENSHOTS=/a/folder` keeps pictures of it.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use ledger::VerifyingKey;
use serde_json::{Value, json};

use crate::example::{self, Log, cosignature, id, log_key, signing_key, witness_key};

/// The exit status by which the script says that this machine has no browser for it.
const NO_BROWSER: i32 = 77;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need no durability")]
fn the_page_checks_its_proof_in_a_browser_and_says_in_words_what_is_wrong() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = Log::of(12);
    let proof = log.proof(5) + &cosignature(1, &log.whole());
    std::fs::write(folder.path().join("page.html"), proof_page::page(&proof)).unwrap();
    std::fs::write(folder.path().join("cases.json"), cases(&log, &proof).to_string()).unwrap();
    let own = repository.join("target/tools/browser-venv/bin/python3");
    let python = if own.exists() { own.as_os_str() } else { "python3".as_ref() };
    let mut script = Command::new(python);
    script.arg("-B").arg(repository.join("tests/browser/proof_page.py")).arg(folder.path());
    if let Some(screenshots) = std::env::var_os("PORTCULLIS_SCREENSHOTS") {
        script.arg("--screenshots").arg(screenshots);
    }
    let run = script.output();
    let Ok(run) = run else {
        return say("NOT RUN: a browser test needs python3 with Playwright, and Chromium\n");
    };
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() || run.status.code() == Some(NO_BROWSER), "{said}");
    say(&said);
}

/// Not by `println`: cargo shows what a passing test prints only on demand.
fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

/// What is entered into the page, and which words must then stand on it.
fn cases(log: &Log, proof: &str) -> Value {
    let key = log_key().to_string();
    let other_key = VerifyingKey::of_log(example::ORIGIN, signing_key(2).public()).unwrap().to_string();
    let other_log = VerifyingKey::of_log("other/log/0b", signing_key(1).public()).unwrap().to_string();
    let line = |number: usize, text: &str| {
        let mut lines: Vec<&str> = proof.lines().collect();
        lines[number] = text;
        lines.join("\n") + "\n"
    };
    let other_decision = log.proof(4);
    let other_entry = other_decision.lines().nth(1).unwrap();
    let hostile = format!("{key}<img src=x onerror=alert(1)>");
    json!([
        {"enter": {}, "shows": ["Unverified", "Enter the log’s key"]},
        {"enter": {"log": key}, "shows": ["✓Proved", "The entry is in the log", id(5), "Whether it is the decision that you mean"]},
        {"enter": {"log": key, "decision": id(5)}, "shows": ["✓Proved", "It is the decision that you asked for"]},
        {"enter": {"log": key, "decision": id(4)}, "shows": ["another decision", "Found instead", id(5)]},
        {"enter": {"log": key, "witnesses": witness_key(1).to_string(), "threshold": "1"}, "shows": ["✓Proved", "witnesses as you asked for have seen", "w1.example"]},
        {"enter": {"log": key, "witnesses": witness_key(2).to_string(), "threshold": "1"}, "shows": ["too few witnesses"]},
        {"enter": {"log": other_key}, "shows": ["another key", "Your key did not sign"]},
        {"enter": {"log": other_log}, "shows": ["another log", "proves nothing about your log"]},
        {"enter": {"log": hostile}, "shows": ["not a key", "This is not the verification key"]},
        {"enter": {"log": key, "proof": line(1, other_entry)}, "shows": ["another root", "the path"]},
        {"enter": {"log": key, "proof": line(1, "extra e30=")}, "shows": ["the entry was changed"]},
        {"enter": {"log": key, "proof": line(3, proof.lines().nth(4).unwrap())}, "shows": ["another root"]},
        {"enter": {"log": key, "proof": proof.replace("\n13\n", "\n12\n")}, "shows": ["the signature is wrong", "the checkpoint"]},
        {"enter": {"log": key, "proof": "<script>alert(1)</script>"}, "shows": ["not a proof"]},
        {"enter": {"log": key, "proof": log.consistency(3, 13)}, "shows": ["not a proof"]},
    ])
}
