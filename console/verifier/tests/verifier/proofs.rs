//! Proofs of entries: what a good one shows, and what each bad one is refused for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::VerifyingKey;
use ledger::merkle::{leaf_hash, node_hash};
use ledger::proof::EntryProof;
use serde_json::{Value, json};

use crate::example::{self, Log, cosignature, id, log_key, signing_key, witness_key};
use crate::module::{Both, outcome};

fn call(proof: &str, change: Value) -> Value {
    let mut call = json!({"call": "proof", "proof": proof, "log": log_key().to_string()});
    call.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    call
}

#[test]
fn a_good_proof_shows_every_step_from_the_entry_to_the_signed_root() {
    let mut both = Both::new();
    for decisions in [0, 1, 6, 7, 12] {
        let log = Log::of(decisions);
        for (index, entry) in log.entries.iter().enumerate() {
            let answer = both.ask(&call(&log.proof(index), json!({})));
            assert_eq!(outcome(&answer), ("proved", ""));
            assert_eq!(answer["entry"]["text"].as_str().unwrap().as_bytes(), entry);
            assert_eq!(answer["entry"]["index"], json!(index.to_string()));
            // The steps lead from this entry to this root, by nothing but hashing.
            let hash = |value: &Value| -> [u8; 32] {
                STANDARD.decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
            };
            let mut node = hash(&answer["path"]["leaf"]);
            assert_eq!(node, leaf_hash(entry));
            for step in answer["path"]["steps"].as_array().unwrap() {
                let sibling = hash(&step["sibling"]);
                node = match step["side"].as_str().unwrap() {
                    "left" => node_hash(&sibling, &node),
                    "right" => node_hash(&node, &sibling),
                    other => panic!("{other}"),
                };
                assert_eq!(hash(&step["node"]), node);
            }
            assert_eq!(hash(&answer["checkpoint"]["root"]), node);
            assert_eq!(node, log.whole().checkpoint().root);
        }
    }
}

#[test]
fn what_is_proved_depends_on_what_was_asked_for() {
    let mut both = Both::new();
    let log = Log::of(6);
    let checkpoint = log.whole();
    let mut proof = log.proof(2);
    proof.push_str(&cosignature(1, &checkpoint));
    let witnesses = [witness_key(1).to_string(), witness_key(2).to_string()];

    let answer = both.ask(&call(&proof, json!({})));
    assert_eq!(answer["proves"], json!(["entry-in-log", "signed-by-log"]));
    let all = ["which-decision", "judged-right", "how-it-ended", "same-for-all", "times", "other-entries"];
    assert_eq!(answer["leaves_open"], json!(all));
    assert_eq!(answer["entry"]["decision"], json!({"id": id(2), "outcome": "expired"}));
    assert_eq!(answer["entry"]["time"], json!("1700000000002"));
    assert_eq!(answer["checkpoint"]["cosigned"], json!([]), "no witness was given");

    let asked = json!({"decision": id(2), "witnesses": witnesses, "threshold": 1});
    let answer = both.ask(&call(&proof, asked));
    let all = ["entry-in-log", "signed-by-log", "decision-asked-for", "seen-by-witnesses"];
    assert_eq!(answer["proves"], json!(all));
    assert_eq!(answer["leaves_open"], json!(["judged-right", "how-it-ended", "times", "other-entries"]));
    let cosigned = json!([{"witness": "w1.example", "time": "1700000007"}]);
    assert_eq!(answer["checkpoint"]["cosigned"], cosigned);

    let other_kind = both.ask(&call(&log.proof(6), json!({})));
    assert_eq!(
        (&other_kind["entry"]["kind"], &other_kind["entry"]["decision"]),
        (&json!("stop/1"), &Value::Null)
    );
    assert_eq!(other_kind["leaves_open"], json!(["same-for-all", "times", "other-entries"]));
}

#[test]
fn a_proof_of_another_decision_is_refused_and_named() {
    let mut both = Both::new();
    let log = Log::of(6);
    let answer = both.ask(&call(&log.proof(3), json!({"decision": id(2)})));
    assert_eq!(outcome(&answer), ("wrong-decision", "decision"));
    assert_eq!(answer["found"], json!(id(3)));
    let answer = both.ask(&call(&log.proof(6), json!({"decision": id(2)})));
    assert_eq!(outcome(&answer), ("wrong-decision", "decision"));
    assert_eq!(answer["detail"], json!("it is about an entry of the kind stop/1"));
}

#[test]
fn a_proof_under_another_log_or_another_key_is_refused() {
    let mut both = Both::new();
    let log = Log::of(6);
    let other_name = VerifyingKey::of_log("other/log/0b", signing_key(1).public()).unwrap().to_string();
    let answer = both.ask(&call(&log.proof(2), json!({"log": other_name})));
    assert_eq!(outcome(&answer), ("another-log", "checkpoint"));
    assert_eq!(answer["found"], json!(example::ORIGIN));
    let other_key = VerifyingKey::of_log(example::ORIGIN, signing_key(2).public()).unwrap().to_string();
    let answer = both.ask(&call(&log.proof(2), json!({"log": other_key})));
    assert_eq!(outcome(&answer), ("another-key", "checkpoint"));

    // A forger with a key of his own under the name of the log.
    let forged = log.signed_by(2, example::ORIGIN, 7);
    let forged = EntryProof::make(&log, forged, 2).unwrap().to_string();
    assert_eq!(outcome(&both.ask(&call(&forged, json!({})))), ("another-key", "checkpoint"));
}

#[test]
fn each_changed_part_is_refused_by_its_name() {
    let mut both = Both::new();
    let log = Log::of(6);
    let (proof, other) = (log.proof(2), log.proof(3));
    let lines: Vec<&str> = proof.lines().collect();
    let with_line = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number] = line;
        lines.join("\n") + "\n"
    };
    let other_entry = other.lines().nth(1).unwrap();
    let not_canonical = format!("extra {}", STANDARD.encode(r#"{"kind":"stop/1", "nonce":""}"#));
    let other_root = with_line(9, log.rewritten_at(0).whole().note().lines().nth(2).unwrap());
    let mut shorter = lines.clone();
    shorter.remove(3);
    let shorter = shorter.join("\n") + "\n";
    for (proof, expected) in [
        (String::new(), ("not-a-proof", "proof")),
        (with_line(0, "c2sp.org/tlog-proof@v2"), ("not-a-proof", "proof")),
        (with_line(1, other_entry), ("another-root", "path")),
        (with_line(1, &not_canonical), ("entry-not-canonical", "entry")),
        (with_line(2, "index 3"), ("another-root", "path")),
        (with_line(2, "index 7"), ("size-mismatch", "path")),
        (with_line(3, lines[4]), ("another-root", "path")),
        (shorter, ("size-mismatch", "path")),
        (with_line(8, "6"), ("checkpoint-signature", "checkpoint")),
        (other_root, ("checkpoint-signature", "checkpoint")),
        (with_line(8, "07"), ("not-a-checkpoint", "checkpoint")),
        (with_line(7, "other/log/0b"), ("another-log", "checkpoint")),
    ] {
        let answer = both.ask(&call(&proof, json!({})));
        assert_eq!(outcome(&answer), expected, "{proof}");
        assert_eq!((&answer["proves"], &answer["entry"]), (&Value::Null, &Value::Null), "{proof}");
    }
}

#[test]
fn witnesses_count_once_each_and_only_with_a_signature_that_holds() {
    let mut both = Both::new();
    let log = Log::of(6);
    let checkpoint = log.whole();
    let witnesses = json!([witness_key(1).to_string(), witness_key(2).to_string()]);
    let with = |lines: &[String]| log.proof(2) + &lines.concat();
    let (first, second) = (cosignature(1, &checkpoint), cosignature(2, &checkpoint));
    // A line in the name and under the id of the first witness, about another checkpoint.
    let forged = cosignature(1, &log.checkpoint(3));
    for (proof, threshold, expected) in [
        (with(&[]), 1, ("too-few-witnesses", "witnesses")),
        (with(std::slice::from_ref(&first)), 2, ("too-few-witnesses", "witnesses")),
        (with(&[first.clone(), first.clone()]), 2, ("too-few-witnesses", "witnesses")),
        (with(&[cosignature(3, &checkpoint)]), 1, ("too-few-witnesses", "witnesses")),
        (with(&[first.clone(), second]), 2, ("proved", "")),
        (with(&[forged]), 0, ("witness-signature", "witnesses")),
        (with(&[first]), 3, ("bad-call", "call")),
    ] {
        let answer = both.ask(&call(&proof, json!({"witnesses": witnesses, "threshold": threshold})));
        assert_eq!(outcome(&answer), expected, "{threshold}");
    }
}

#[test]
fn a_key_of_the_wrong_kind_or_with_a_typing_mistake_is_refused() {
    let mut both = Both::new();
    let proof = Log::of(6).proof(2);
    let (log, witness) = (log_key().to_string(), witness_key(1).to_string());
    let mistyped = log.replace("log/0a", "log/0b");
    let refused = |change: Value, both: &mut Both| {
        let answer = both.ask(&call(&proof, change));
        let detail = answer["detail"].as_str().unwrap_or("").to_owned();
        (outcome(&answer).0.to_owned(), outcome(&answer).1.to_owned(), detail)
    };
    for (change, part, detail) in [
        (json!({"log": mistyped}), "log-key", "the id does not match the name and the key"),
        (json!({"log": ""}), "log-key", "not a verification key: expected one line `name+id+base64`"),
        (json!({"log": witness}), "log-key", "it is the key of a witness"),
        (json!({"witnesses": [log]}), "witness-key", "it is the key of a log"),
        (json!({"witnesses": [witness, witness]}), "witness-key", "two witnesses have the same name"),
    ] {
        let expected = ("bad-key".to_owned(), part.to_owned(), detail.to_owned());
        assert_eq!(refused(change, &mut both), expected);
    }
    let spaced = both.ask(&call(&proof, json!({"log": format!(" {log}\r\n")})));
    assert_eq!(outcome(&spaced), ("proved", ""), "white space around a key is not part of it");
}

#[test]
fn a_hostile_entry_does_not_stop_the_module() {
    let mut both = Both::new();
    for entry in
        ["[".repeat(40_000), format!("{{\"kind\":{}1", "{\"start\":".repeat(7_000)), "\u{0}".repeat(60_000)]
    {
        let proof = Log::of(6).proof(2);
        let mut lines: Vec<&str> = proof.lines().collect();
        let extra = format!("extra {}", STANDARD.encode(entry));
        lines[1] = &extra;
        let answer = both.ask(&call(&(lines.join("\n") + "\n"), json!({})));
        assert_eq!(outcome(&answer), ("entry-not-canonical", "entry"));
    }
}
