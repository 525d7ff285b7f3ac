//! Two checkpoints: whether the log only grew between them.

use ledger::VerifyingKey;
use serde_json::{Value, json};

use crate::example::{self, Log, log_key, signing_key};
use crate::module::{Both, outcome};

fn call(older: &str, newer: Option<&str>, proof: Option<&str>) -> Value {
    let mut call = json!({"call": "checkpoints", "log": log_key().to_string(), "older": older});
    for (name, value) in [("newer", newer), ("proof", proof)] {
        if let Some(value) = value {
            call[name] = json!(value);
        }
    }
    call
}

#[test]
fn a_log_that_only_grew_is_consistent_at_every_pair_of_sizes() {
    let mut both = Both::new();
    let log = Log::of(12);
    for new in 1..=13 {
        for old in 1..=new {
            let (older, newer) = (log.checkpoint(old), log.checkpoint(new));
            let proof = log.consistency(old, new);
            let answer = both.ask(&call(older.note(), None, Some(&proof)));
            assert_eq!(outcome(&answer), ("consistent", ""), "{old} {new}");
            assert_eq!(answer["older"]["size"], json!(old.to_string()));
            assert_eq!(answer["newer"]["size"], json!(new.to_string()));
            let swapped = both.ask(&call(newer.note(), Some(older.note()), Some(&proof)));
            assert_eq!(swapped, answer, "the order in which they are given does not matter");
        }
    }
}

#[test]
fn a_fork_is_proved_by_two_roots_of_one_size_and_by_the_proof_of_the_log_that_was_rewritten() {
    let mut both = Both::new();
    let (seen, served) = (Log::of(12), Log::of(12).rewritten_at(1));
    let answer = both.ask(&call(seen.checkpoint(7).note(), Some(served.checkpoint(7).note()), None));
    assert_eq!(outcome(&answer), ("forked", ""));
    assert_eq!(answer["proves"], json!(["two-histories", "signed-by-log"]));
    assert_eq!(answer["leaves_open"], json!([]));

    for old in 3..=12 {
        let older = seen.checkpoint(old);
        let proof = served.consistency(old, 13);
        let answer = both.ask(&call(older.note(), None, Some(&proof)));
        // At a power of two the proof leaves the old root out, so that a fork and a damaged proof look the same.
        let expected = if old.is_power_of_two() { ("unproved", "proof") } else { ("forked", "") };
        assert_eq!(outcome(&answer), expected, "{old}");
        // The proof of the log that the person has seen does not end in the checkpoint that is served.
        let proof = seen.consistency(old, 13);
        let answer = both.ask(&call(older.note(), Some(served.whole().note()), Some(&proof)));
        assert_eq!(outcome(&answer), ("proof-of-others", "proof"), "{old}");
    }
}

#[test]
fn what_does_not_connect_two_checkpoints_is_refused_and_named() {
    let mut both = Both::new();
    let log = Log::of(12);
    let (older, newer) = (log.checkpoint(7), log.whole());
    let proof = log.consistency(7, 13);
    let stranger = log.signed_by(2, example::ORIGIN, 13);
    let of_other_log = log.signed_by(1, "other/log/0b", 13);
    let damaged_hash = {
        let mut lines: Vec<&str> = proof.lines().collect();
        lines.swap(1, 2);
        lines.join("\n") + "\n"
    };
    let resized = newer.note().replace("\n13\n", "\n12\n");
    for (newer, proof, expected) in [
        (Some(newer.note()), None, ("proof-needed", "proof")),
        (None, None, ("proof-needed", "proof")),
        (Some(newer.note()), Some("old 7"), ("not-a-proof", "proof")),
        (Some(newer.note()), Some(&log.consistency(6, 13)), ("proof-of-others", "proof")),
        (Some(newer.note()), Some(&log.consistency(7, 12)), ("proof-of-others", "proof")),
        (Some(newer.note()), Some(&damaged_hash), ("unproved", "proof")),
        (Some(stranger.note()), Some(&proof), ("another-key", "newer")),
        (Some(of_other_log.note()), Some(&proof), ("another-log", "newer")),
        (Some(&resized), Some(&proof), ("checkpoint-signature", "newer")),
        (Some("nothing"), Some(&proof), ("not-a-checkpoint", "newer")),
    ] {
        let answer = both.ask(&call(older.note(), newer, proof));
        assert_eq!(outcome(&answer), expected);
        assert_eq!(answer["proves"], Value::Null);
    }
    assert_eq!(outcome(&both.ask(&call(stranger.note(), None, Some(&proof)))), ("another-key", "older"));
    let mut under_other = call(older.note(), None, Some(&proof));
    under_other["log"] =
        json!(VerifyingKey::of_log(example::ORIGIN, signing_key(2).public()).unwrap().to_string());
    assert_eq!(outcome(&both.ask(&under_other)), ("another-key", "older"));
}

#[test]
fn a_changed_byte_of_a_consistency_proof_is_refused() {
    let mut both = Both::new();
    let log = Log::of(12);
    let (older, proof) = (log.checkpoint(7), log.consistency(7, 13));
    for place in 0..proof.len() {
        let mut bytes = proof.clone().into_bytes();
        bytes[place] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let call = call(older.note(), None, Some(&changed));
        let answer = if place.is_multiple_of(20) { both.ask(&call) } else { crate::module::natively(&call) };
        assert!(!["consistent", "forked"].contains(&outcome(&answer).0), "byte {place}: {answer}");
    }
}
