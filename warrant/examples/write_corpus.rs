//! Writes the golden vectors as the first corpus of the fuzz targets: `cargo run -p warrant --example write_corpus`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a developer runs it, and it may stop at any fault"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use warrant::statement::{Answer, Halts, MarkSet, Rules};
use warrant::{Mark, RevocationKind, Seconds, Stamp, Terms, Trust};

#[expect(clippy::disallowed_methods, reason = "the files are for the fuzzer and can be written again")]
fn main() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut written = 0_usize;
    let mut put = |target: &str, name: String, bytes: &[u8]| {
        let folder = fuzz.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
        written += 1;
    };
    for vector in common::cases::all() {
        let name = |position: usize| format!("vector-{}-{position}", vector.number);
        for (position, text) in vector.warrant.iter().enumerate() {
            put("warrant", name(position), text.as_bytes());
        }
        for (position, text) in vector.warrant_proof.iter().enumerate() {
            put("proof", name(position), text.as_bytes());
        }
        put("path", name(0), vector.request.path.as_bytes());
        put("names", name(0), vector.request.host.as_bytes());
    }
    let stamp = Stamp {
        decision: "AAAAAAAAAAAAAAAAAAAAAA",
        expires: Seconds::new(1_800_000_060),
        marks: vec![Mark::of(RevocationKind::Sub, "", "agent:demo")],
        method: "GET",
        authority: "localhost:10000",
        path: "/hello?x=1",
    };
    put("stamp", "one".to_owned(), stamp.to_text().unwrap().as_bytes());
    let rules =
        Rules::new(Terms::new("demo", 3600, 5).unwrap(), Trust::default(), [].into(), Vec::new(), None);
    put("parts", "rules".to_owned(), rules.unwrap().to_json().as_bytes());
    put("parts", "halts".to_owned(), Halts::new([].into(), Vec::new()).unwrap().to_json().as_bytes());
    put("parts", "marks".to_owned(), &MarkSet::new(stamp.marks.iter().copied()).to_bytes());
    let answer = Answer { statement: b"a.b.c"[..].into(), ..Answer::default() };
    put("statement", "short".to_owned(), &answer.encode());
    println!("{written} files under {}", fuzz.display());
}
