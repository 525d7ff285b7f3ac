//! The golden vectors: the files are the same as the generator writes, and every verifier gives the expected answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests may panic"
)]

mod common;

use std::collections::BTreeMap;

use common::vector::Vector;
use warrant::{AwsLcVerifier, Denial, PureVerifier, Verifier};

fn files() -> BTreeMap<String, String> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    std::fs::read_dir(common::vectors_folder()).unwrap().map(read).collect()
}

#[test]
fn the_files_are_the_same_as_the_generator_writes() {
    let files = files();
    let generated: BTreeMap<_, _> =
        common::cases::all().iter().map(|v| (common::file_name(v), common::file_text(v))).collect();
    let cure = "run `cargo run -p warrant --example write_vectors` and look at what changed";
    assert_eq!(files.keys().collect::<Vec<_>>(), generated.keys().collect::<Vec<_>>(), "{cure}");
    for (name, text) in &generated {
        assert!(files[name] == *text, "{name} differs: {cure}");
    }
}

#[test]
fn every_native_verifier_gives_the_expected_answer() {
    let verifiers: [(&str, &dyn Verifier); 2] = [("aws-lc", &AwsLcVerifier), ("pure", &PureVerifier)];
    let mut wrong = Vec::new();
    let mut answers = BTreeMap::<String, usize>::new();
    for (file, text) in files() {
        let vector: Vector = serde_json::from_str(&text).unwrap();
        for (name, verifier) in verifiers {
            let answer = vector.judge(verifier);
            if answer != vector.expect {
                wrong.push(format!("{file} ({name}): the answer is {answer}, expected {}", vector.expect));
            }
        }
        *answers.entry(vector.expect).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} vectors, {answers:?}", answers.values().sum::<usize>());
    assert!(answers.values().sum::<usize>() >= 120 && answers["ok"] >= 40);
}

#[test]
fn every_denial_that_this_crate_can_raise_has_a_vector() {
    let expected: Vec<_> = common::cases::all().into_iter().map(|vector| vector.expect).collect();
    let own = Denial::ALL.iter().filter(|d| (Denial::WarrantMissing..=Denial::OutsideWarrant).contains(*d));
    let more = [
        Denial::RequestAmbiguous,
        Denial::ProofMissing,
        Denial::ProofInvalid,
        Denial::EnvironmentMismatch,
        Denial::AttestationMismatch,
    ];
    for denial in own.chain(&more) {
        assert!(expected.iter().any(|code| code == denial.code()), "no vector expects {denial}");
    }
}
