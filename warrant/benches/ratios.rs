//! Measures the cost of verifying a warrant, as a ratio to a bare signature check by the same library in the same run.
//! Ratios can be compared between machines.
//!
//! `cargo bench -p warrant` measures each case with Criterion. Then it prints the promised ratios, and fails when one
//! is not kept. A ratio uses the fastest of many interleaved rounds, because other work of the machine can only make a
//! round slower.

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
    AwsLcVerifier, Chain, ChainExpectations, PresentedWarrant, PureVerifier, Revocable, Seconds, Signature,
    Verifier, mint::Signer as _,
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(30);
    let libraries: [(&str, &dyn Verifier); 2] = [("aws-lc", &AwsLcVerifier), ("pure", &PureVerifier)];
    let mut all_kept = true;
    for (name, verifier) in libraries {
        let bare = Bare::new();
        let (one, four) = (chain(1), chain(4));
        let (cached_one, cached_four) = (verified(&one, verifier), verified(&four, verifier));
        let mut group = criterion.benchmark_group(name);
        group.bench_function("bare signature check", |b| b.iter(|| bare.check(verifier)));
        group.bench_function("1 link, parsed and verified", |b| {
            b.iter(|| verified(black_box(&one), verifier))
        });
        group.bench_function("4 links, parsed and verified", |b| {
            b.iter(|| verified(black_box(&four), verifier))
        });
        group.bench_function("1 link, cached, checked again", |b| {
            b.iter(|| check_again(black_box(&cached_one)))
        });
        group.bench_function("4 links, cached, checked again", |b| {
            b.iter(|| check_again(black_box(&cached_four)))
        });
        group.finish();

        let check = || assert!(bare.check(verifier));
        all_kept &=
            ratio(name, "1 link, parsed and verified", 1.25, check, || drop(verified(&one, verifier)));
        all_kept &=
            ratio(name, "4 links, parsed and verified", 5.0, check, || drop(verified(&four, verifier)));
        all_kept &= ratio(name, "1 link, cached, checked again", 0.05, check, || check_again(&cached_one));
        all_kept &= ratio(name, "4 links, cached, checked again", 0.05, check, || check_again(&cached_four));
        for (shape, garbage) in common::garbage::shapes() {
            let refused = || assert!(PresentedWarrant::parse(black_box(&garbage)).is_err());
            all_kept &= ratio(name, &format!("8 KiB garbage: {shape}"), 1.0 / 3.0, check, refused);
        }
        // Four full links that are wrong only in their last byte cost the most to refuse. With the fastest library they
        // cost more than a third of a signature check, but never a whole one.
        for (shape, dense) in common::garbage::dense() {
            let refused = || assert!(PresentedWarrant::parse(black_box(&dense)).is_err());
            all_kept &= ratio(name, &format!("8 KiB nearly good: {shape}"), 1.0, check, refused);
        }
    }
    criterion.final_summary();
    assert!(all_kept, "a promised ratio was not kept");
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
    PresentedWarrant::parse(text.as_bytes()).unwrap().verify(&TRUST, verifier).unwrap()
}

fn check_again(chain: &Chain) {
    let expect = ChainExpectations {
        now: Seconds::new(NOW),
        terms: &TERMS,
        revoked: &(|_: &Revocable| false),
        target: &TARGET,
    };
    assert!(chain.is_verified_by(&TRUST).unwrap());
    black_box(chain.check(black_box(&expect)).unwrap());
}

static TRUST: std::sync::LazyLock<warrant::Trust> = std::sync::LazyLock::new(trust);
static TERMS: std::sync::LazyLock<warrant::Terms> = std::sync::LazyLock::new(terms);
static TARGET: std::sync::LazyLock<warrant::Target<'static>> =
    std::sync::LazyLock::new(|| target("POST", "/v1/payments/a-7"));

fn ratio(library: &str, what: &str, most: f64, base: impl Fn(), other: impl Fn()) -> bool {
    const ROUNDS: usize = 300;
    let (base_calls, other_calls) = (calls_in_a_round(&base), calls_in_a_round(&other));
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

/// The number of calls in one round: enough to be measured, and few enough that most rounds are not interrupted.
fn calls_in_a_round(call: &impl Fn()) -> u32 {
    let once = timed(call, 3);
    (1..=64).find(|calls| f64::from(*calls) * once > 200e-6).unwrap_or(64)
}

/// Seconds per call.
fn timed(call: &impl Fn(), calls: u32) -> f64 {
    let begun = Instant::now();
    for _ in 0..calls {
        call();
    }
    begun.elapsed().as_secs_f64() / f64::from(calls)
}
