//! Chains that were changed after signing, and headers that are not a chain: none of them verifies.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic"
)]

mod common;

use common::{chain, delegate, forge, grant, judged, root, signer};
use warrant::{Algorithm, AwsLcVerifier, Constraint, PresentedWarrant, Value, mint::Signer as _};

/// Five examples: a root alone, a long chain, a chain with every optional claim, a chain with an Ed25519 key, and a
/// root with white space and escapes where they are allowed.
fn representative() -> Vec<(&'static str, String)> {
    let mut rich = grant(0);
    rich.use_max = Some(1);
    rich.env = vec![("region".into(), vec!["eu-1".into()])];
    rich.att = Some(vec![format!("sha256:{}", "a".repeat(64))]);
    rich.details[0].actions = Some(vec!["pay".into()]);
    rich.details[0].args = vec![
        ("amount".into(), Constraint::Range(1, 10)),
        ("currency".into(), Constraint::OneOf(vec![Value::String("EUR".into()), Value::Integer(7)])),
    ];
    let mut child = rich.clone();
    child.jti = "j1".into();
    child.cnf = grant(1).cnf;
    let ed = || signer(Algorithm::Ed25519, 7);
    let to_ed = |l: &mut forge::ForgedLink| {
        l.set("cnf", serde_json::json!({"jwk": forge::jwk(&ed())}));
    };
    let by_ed = |l: &mut forge::ForgedLink| {
        l.head("alg", serde_json::json!("EdDSA")).signed_by(ed());
        l.set("iss", serde_json::json!(ed().public_key().thumbprint().uri()));
    };
    let loose = forge::root_with(|l| {
        l.edit_header("{", "{ \t").edit("{", " {\r\n").edit("spiffe://shop", r"spiffe:\/\/sh\u006fp");
    });
    vec![
        ("a root alone", chain(1)),
        ("three links", chain(3)),
        ("every optional claim", delegate(&root(rich), 1, child)),
        ("Ed25519 under ES256", forge::pair(to_ed, by_ed)),
        ("white space and escapes", loose),
    ]
}

/// Verifies with AWS-LC, which is fast. The vectors and the test `oracle` show that the verifiers agree.
fn verifies(header: &[u8]) -> bool {
    let trust = common::trust();
    PresentedWarrant::parse(header).is_ok_and(|presented| presented.verify(&trust, &AwsLcVerifier).is_ok())
}

#[test]
fn no_chain_with_a_flipped_bit_verifies() {
    let mut tried = 0_usize;
    for (name, text) in representative() {
        assert!(judged(&text).is_ok(), "{name} is good as it is");
        let mut bytes = text.into_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(!verifies(&bytes), "{name}: bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
                tried += 1;
            }
        }
    }
    println!("{tried} single-bit flips of five chains: none verifies");
    assert!(tried > 30_000);
}

/// A chain that is cut at a `~` is the parent's own warrant. It holds and is not a forgery: only the parent's holder
/// can use it.
#[test]
fn no_truncated_chain_verifies_except_a_parents_own_warrant() {
    let (mut tried, mut parents) = (0_usize, 0_usize);
    for (name, text) in representative() {
        for length in 0..text.len() {
            let is_parent = text.as_bytes()[length] == b'~';
            assert_eq!(verifies(&text.as_bytes()[..length]), is_parent, "{name}: cut to {length} bytes");
            tried += 1;
            parents += usize::from(is_parent);
        }
        for start in 1..text.len() {
            assert!(!verifies(&text.as_bytes()[start..]), "{name}: begun at byte {start}");
            tried += 1;
        }
    }
    println!(
        "{tried} truncations of five chains: none verifies but the {parents} that are a parent's own warrant"
    );
    assert_eq!(parents, 4);
}

#[test]
fn garbage_of_every_shape_is_refused() {
    for (shape, garbage) in common::garbage::shapes().into_iter().chain(common::garbage::dense()) {
        assert!(PresentedWarrant::parse(&garbage).is_err(), "{shape}");
        assert!(warrant::PresentedProof::parse(&garbage).is_err(), "{shape}");
    }
}
