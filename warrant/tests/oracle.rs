//! Compares signatures with the crate `jsonwebtoken`: it verifies what we mint, and we verify what it signs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

mod common;

use common::{chain, forge, signer};
use jsonwebtoken::{Algorithm as Jose, DecodingKey};
use warrant::{
    Algorithm, AwsLcVerifier, PublicKey, PureVerifier, Signature, Verifier,
    mint::{PureSigner, Signer},
    verifier::is_signed_by,
};

fn oracle(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
    let (algorithm, decoding) = match key.alg() {
        Algorithm::Es256 => {
            let (x, y) = key.as_raw().split_at(32);
            let key = DecodingKey::from_ec_components(&forge::base64url(x), &forge::base64url(y)).unwrap();
            (Jose::ES256, key)
        }
        Algorithm::Ed25519 => {
            (Jose::EdDSA, DecodingKey::from_ed_components(&forge::base64url(key.as_raw())).unwrap())
        }
    };
    jsonwebtoken::crypto::verify(&forge::base64url(signature), message, &decoding, algorithm).unwrap_or(false)
}

fn ours(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::new(*signature);
    let verifiers: [&dyn Verifier; 2] = [&PureVerifier, &AwsLcVerifier];
    let answers = verifiers.map(|verifier| is_signed_by(verifier, key, message, &signature));
    assert_eq!(answers[0], answers[1], "the libraries agree");
    answers[0]
}

/// Flips every bit of a signature, for both algorithms, and also tries another message and another key.
#[test]
fn three_libraries_agree_on_signatures_good_and_bad() {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519] {
        for seed in 20..23 {
            let (key, other) = (signer(algorithm, seed), signer(algorithm, seed + 10));
            let message = [seed; 100];
            let signature = key.sign(&message).unwrap();
            let mut ask = |key: &PureSigner, message: &[u8], signature: &[u8; 64]| {
                let answer = ours(key.public_key(), message, signature);
                assert_eq!(
                    answer,
                    oracle(key.public_key(), message, signature),
                    "{algorithm:?} {seed} {signature:?}"
                );
                if answer { good += 1 } else { bad += 1 }
            };
            ask(&key, &message, &signature);
            ask(&other, &message, &signature);
            ask(&key, &[seed; 99], &signature);
            for bit in 0..512 {
                let mut flipped = signature;
                flipped[bit / 8] ^= 1 << (bit % 8);
                ask(&key, &message, &flipped);
            }
        }
    }
    println!("{good} good and {bad} bad signatures: three libraries, one answer each");
    assert_eq!((good, bad), (6, 6 * 514));
}

#[test]
fn a_warrant_that_jsonwebtoken_signed_holds_here() {
    let text = chain(1);
    let (input, _) = text.rsplit_once('.').unwrap();
    let scalar = [1_u8; 32];
    let key =
        jsonwebtoken::EncodingKey::from_ec_der(&pkcs8_of_p256(&scalar, common::authority().public_key()));
    let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &key, Jose::ES256).unwrap();
    assert!(common::judged(&format!("{input}.{signature}")).is_ok());
    assert!(common::judged(&format!("{input}x.{signature}")).is_err());
}

/// PKCS#8 with the public key inside. Every length is constant.
fn pkcs8_of_p256(scalar: &[u8; 32], public: &PublicKey) -> Vec<u8> {
    const ALGORITHM: &[u8] = &[
        0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x6d, 0x30, 0x6b, 2, 1, 1, 4, 0x20,
    ];
    [ALGORITHM, scalar, &[0xa1, 0x44, 3, 0x42, 0, 4], public.as_raw()].concat()
}
