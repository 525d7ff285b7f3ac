//! A short run of every decoder, through the entry points of the fuzz targets. Its input is golden vectors and garbage,
//! randomly cut, spliced and changed from one seed, so that it is the same on every machine.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "tests may panic"
)]

mod common;
#[path = "common/decoders.rs"]
mod decoders;

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

const SEED: [u8; 32] = *b"the short run of every decoder  ";
const ROUNDS: usize = 4_000;

#[test]
fn no_decoder_panics() {
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let corpus = corpus();
    let mut ran = 0_usize;
    for bytes in &corpus {
        for (_, decoder) in decoders::DECODERS {
            decoder(bytes);
            ran += 1;
        }
    }
    for _ in 0..ROUNDS {
        let bytes = changed(&mut random, &corpus);
        for (_, decoder) in decoders::DECODERS {
            decoder(&bytes);
            ran += 1;
        }
    }
    println!(
        "{ran} runs of {} decoders, seed {:?}",
        decoders::DECODERS.len(),
        std::str::from_utf8(&SEED).unwrap()
    );
    assert_eq!(ran, (corpus.len() + ROUNDS) * decoders::DECODERS.len());
}

#[test]
fn every_decoder_has_a_fuzz_target() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    for (name, _) in decoders::DECODERS {
        assert!(folder.join(format!("{name}.rs")).is_file(), "{name}");
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let vectors = common::cases::all();
    let mut corpus: Vec<Vec<u8>> = Vec::new();
    for vector in &vectors {
        corpus
            .extend(vector.warrant.iter().chain(&vector.warrant_proof).map(|text| text.clone().into_bytes()));
        corpus.push(vector.request.path.clone().into_bytes());
        corpus.push(vector.name.clone().into_bytes());
    }
    corpus.extend(
        common::garbage::shapes().into_iter().chain(common::garbage::dense()).map(|(_, bytes)| bytes),
    );
    corpus.push(common::holder(0).public_key_json());
    corpus.extend([b"/v1/*\n/v1/**".to_vec(), b"/%3A\n/:".to_vec(), vec![], vec![7; 200]]);
    corpus
}

trait KeyText {
    fn public_key_json(&self) -> Vec<u8>;
}

impl KeyText for warrant::mint::PureSigner {
    fn public_key_json(&self) -> Vec<u8> {
        warrant::mint::Signer::public_key(self).to_jwk_json().into_bytes()
    }
}

fn changed(random: &mut TestRng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let below = |random: &mut TestRng, end: usize| (random.next_u64() % (end.max(1) as u64)) as usize;
    let mut bytes = corpus[below(random, corpus.len())].clone();
    for _ in 0..=below(random, 4) {
        let at = below(random, bytes.len());
        match below(random, 5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, below(random, 256) as u8),
            2 => drop(bytes.splice(at.., corpus[below(random, corpus.len())].iter().copied().skip(at))),
            3 => drop(bytes.splice(at..at, b"~.{}\"\\%*"[below(random, 8)..].iter().copied())),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << below(random, 8);
                }
            }
        }
    }
    bytes
}
