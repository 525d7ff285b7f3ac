//! What verifying costs beside the bare signature checks of the same library, in one run: only the ratios travel.
//!
//! `cargo bench -p warrant` measures each with Criterion, then prints the ratios that are promised and fails when one is
//! not kept. The ratios are of the fastest of many interleaved rounds: what else the machine does only ever adds to a round.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench is a test: it may panic and it prints"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::{hint::black_box, time::Instant};

use common::{NOW, chain, target, terms, trust};
use criterion::Criterion;
use warrant::{
    AwsLcVerifier, Chain, Expect, Presented, PureVerifier, Revocable, Seconds, Signature, Verifier,
    mint::Signer as _,
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(30);
    let libraries: [(&str, &dyn Verifier); 2] = [("aws-lc", &AwsLcVerifier), ("pure", &PureVerifier)];
    let mut kept = true;
    for (name, verifier) in libraries {
        let bare = Bare::new();
        let (one, four) = (chain(1), chain(4));
        let (held_one, held_four) = (verified(&one, verifier), verified(&four, verifier));
        let mut group = criterion.benchmark_group(name);
        group.bench_function("bare signature check", |b| b.iter(|| bare.check(verifier)));
        group.bench_function("1 link, parsed and verified", |b| {
            b.iter(|| verified(black_box(&one), verifier))
        });
        group.bench_function("4 links, parsed and verified", |b| {
            b.iter(|| verified(black_box(&four), verifier))
        });
        group.bench_function("1 link, held, asked again", |b| b.iter(|| ask_again(black_box(&held_one))));
        group.bench_function("4 links, held, asked again", |b| b.iter(|| ask_again(black_box(&held_four))));
        group.finish();

        let check = || assert!(bare.check(verifier));
        kept &= ratio(name, "1 link, parsed and verified", 1.25, check, || drop(verified(&one, verifier)));
        kept &= ratio(name, "4 links, parsed and verified", 5.0, check, || drop(verified(&four, verifier)));
        kept &= ratio(name, "1 link, held, asked again", 0.05, check, || ask_again(&held_one));
        kept &= ratio(name, "4 links, held, asked again", 0.05, check, || ask_again(&held_four));
        for (shape, garbage) in common::garbage::shapes() {
            let refused = || assert!(Presented::parse(black_box(&garbage)).is_err());
            kept &= ratio(name, &format!("8 KiB garbage: {shape}"), 1.0 / 3.0, check, refused);
        }
        // Four full links that are good but for the last byte of the last: nothing costs more to refuse, and nothing of
        // it is noise. Beside the fastest library a third is not reached; a whole check is never.
        for (shape, dense) in common::garbage::dense() {
            let refused = || assert!(Presented::parse(black_box(&dense)).is_err());
            kept &= ratio(name, &format!("8 KiB all but good: {shape}"), 1.0, check, refused);
        }
    }
    criterion.final_summary();
    assert!(kept, "a ratio that is promised was not kept");
}

/// One signature check and nothing else: the key and the message of a chain of one link.
struct Bare {
    key: warrant::PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

impl Bare {
    fn new() -> Self {
        let text = chain(1);
        let signer = common::authority();
        let (message, _) = text.rsplit_once('.').unwrap();
        let signature = Signature::new(signer.sign(message.as_bytes()).unwrap());
        Self { key: *signer.public_key(), message: message.into(), signature }
    }

    fn check(&self, verifier: &dyn Verifier) -> bool {
        let holds =
            verifier.verify(black_box(&self.key), black_box(&self.message), black_box(&self.signature));
        assert!(holds);
        holds
    }
}

fn verified(text: &str, verifier: &dyn Verifier) -> Chain {
    Presented::parse(text.as_bytes()).unwrap().signed_under(&TRUST, verifier).unwrap()
}

fn ask_again(chain: &Chain) {
    let expect =
        Expect { now: Seconds::new(NOW), terms: &TERMS, revoked: &(|_: &Revocable| false), target: &TARGET };
    chain.is_still_trusted(&TRUST).unwrap();
    black_box(chain.check(black_box(&expect)).unwrap());
}

static TRUST: std::sync::LazyLock<warrant::Trust> = std::sync::LazyLock::new(trust);
static TERMS: std::sync::LazyLock<warrant::Terms> = std::sync::LazyLock::new(terms);
static TARGET: std::sync::LazyLock<warrant::Target<'static>> =
    std::sync::LazyLock::new(|| target("POST", "/v1/payments/a-7"));

fn ratio(library: &str, what: &str, most: f64, base: impl Fn(), other: impl Fn()) -> bool {
    const ROUNDS: usize = 300;
    let (base_calls, other_calls) = (calls_a_slice(&base), calls_a_slice(&other));
    let (mut bare, mut whole) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        bare = bare.min(timed(&base, base_calls));
        whole = whole.min(timed(&other, other_calls));
    }
    let ratio = whole / bare;
    let kept = ratio <= most;
    let word = if kept { "kept" } else { "NOT KEPT" };
    println!("{library:>7} | {what:<44} | {ratio:>7.4} of a signature check | at most {most:.4} | {word}");
    kept
}

/// So many that a slice is long enough to be measured and short enough that most are not interrupted.
fn calls_a_slice(call: &impl Fn()) -> u32 {
    let once = timed(call, 3);
    (1..=64).find(|calls| f64::from(*calls) * once > 200e-6).unwrap_or(64)
}

/// Seconds a call.
fn timed(call: &impl Fn(), calls: u32) -> f64 {
    let begun = Instant::now();
    for _ in 0..calls {
        call();
    }
    begun.elapsed().as_secs_f64() / f64::from(calls)
}
