//! Every byte of a proof is changed, one after the other, and the place of the change decides what may come out.

use serde_json::{Value, json};

use crate::example::{Log, cosignature, id, log_key, witness_key};
use crate::module::{Both, natively, outcome};

/// What may come out if a byte of this part of the proof is changed.
struct Part {
    name: &'static str,
    length: usize,
    outcomes: &'static [&'static str],
}

/// A proof with a line of a known witness and one of a stranger, and its parts in order.
fn proof_and_parts() -> (String, Vec<Part>) {
    let log = Log::of(6);
    let checkpoint = log.whole();
    let (known, stranger) = (cosignature(1, &checkpoint), cosignature(3, &checkpoint));
    let proof = log.proof(2) + &known + &stranger;
    let mut lines = proof.split_inclusive('\n');
    let mut parts = Vec::new();
    let mut part = |name, count: usize, outcomes| {
        let length = (0..count).map(|_| lines.next().unwrap().len()).sum();
        parts.push(Part { name, length, outcomes });
    };
    part("title", 1, &["not-a-proof"]);
    part("entry", 1, &["not-a-proof", "entry-not-canonical", "another-root"]);
    part("index", 1, &["not-a-proof", "another-root", "size-mismatch"]);
    part("hashes", 3, &["not-a-proof", "another-root"]);
    part("empty line", 1, &["not-a-proof"]);
    part("origin", 1, &["another-log", "not-a-checkpoint", "not-a-proof"]);
    part("size and root", 2, &["checkpoint-signature", "not-a-checkpoint", "not-a-proof"]);
    part("empty line of the checkpoint", 1, &["not-a-checkpoint", "not-a-proof"]);
    part(
        "signature of the log",
        1,
        &["another-key", "checkpoint-signature", "not-a-checkpoint", "not-a-proof"],
    );
    part(
        "cosignature of the known witness",
        1,
        &["too-few-witnesses", "witness-signature", "not-a-checkpoint", "not-a-proof"],
    );
    // The person gave no key of this witness, so nothing is concluded from its line, whatever it says.
    part("cosignature of a stranger", 1, &["not-a-checkpoint", "not-a-proof", "proved"]);
    assert_eq!(lines.next(), None);
    (proof, parts)
}

fn call(proof: &str) -> Value {
    json!({
        "call": "proof", "proof": proof, "log": log_key().to_string(), "decision": id(2),
        "witnesses": [witness_key(1).to_string()], "threshold": 1,
    })
}

#[test]
fn a_changed_byte_is_refused_or_is_in_a_line_that_means_nothing() {
    let (proof, parts) = proof_and_parts();
    let good = natively(&call(&proof));
    assert_eq!(outcome(&good), ("proved", ""));
    let mut both = Both::new();
    let (mut at, mut changes, mut in_wasm) = (0, 0, 0);
    for part in &parts {
        let mut seen: Vec<String> = Vec::new();
        for place in at..at + part.length {
            for bit in 0..7 {
                let mut bytes = proof.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                // What is no text cannot be put in a page at all.
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let call = call(&changed);
                // The runtime of the tests is slow: the module is asked about one change in forty.
                let is_sample = (place + bit).is_multiple_of(40);
                let answer = if is_sample { both.ask(&call) } else { natively(&call) };
                let (code, _) = outcome(&answer);
                assert!(part.outcomes.contains(&code), "{}, byte {place}, bit {bit}: {answer}", part.name);
                assert!(code != "proved" || answer == good, "{}, byte {place}: another result", part.name);
                if !seen.iter().any(|known| known == code) {
                    seen.push(code.to_owned());
                }
                changes += 1;
                in_wasm += usize::from(is_sample);
            }
        }
        println!("{} ({} bytes): {}", part.name, part.length, seen.join(", "));
        at += part.length;
    }
    assert_eq!(at, proof.len(), "every byte belongs to a part");
    println!("{changes} changes of {at} bytes, {in_wasm} of them also in wasm");
}
