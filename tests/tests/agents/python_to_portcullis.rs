//! Warrants minted in Python, judged by the binary.

use serde_json::{Value, json};

use crate::key_directory::{AUTHORITY, KeyDirectory, PATH, detail, payments, with_a_character_changed};
use crate::peer::Peer;

const REQUEST: (&str, &str, &str) = ("POST", AUTHORITY, PATH);

/// A root and two children, all minted in Python, with the keys of their holders.
struct MintedChain {
    peer: Peer,
    directory: KeyDirectory,
    keys: [Value; 3],
    root: String,
    child: String,
    leaf: String,
}

fn mint(authority: &str, holders: [&str; 3]) -> MintedChain {
    let (peer, directory) = (Peer::new(), KeyDirectory::new(authority));
    let keys = holders.map(|alg| peer.key(alg));
    let root = peer.root(&directory.private("authority.jwk"), "a1", &payments(&peer.public(&keys[0])));
    let child = peer.delegate(&root, &keys[0], &keys[1], &json!({"use": {"max": 2}}));
    let narrower = json!({"use": {"max": 1}, "authorization_details": [detail("/v1/payments/a-7")]});
    let leaf = peer.delegate(&child, &keys[1], &keys[2], &narrower);
    MintedChain { peer, directory, keys, root, child, leaf }
}

#[test]
fn the_binary_accepts_a_root_two_children_and_their_proofs_with_es256() {
    check_all_accepted(&mint("ES256", ["ES256", "ES256", "ES256"]));
}

#[test]
fn the_binary_accepts_a_root_two_children_and_their_proofs_with_ed25519() {
    check_all_accepted(&mint("Ed25519", ["Ed25519", "Ed25519", "Ed25519"]));
}

#[test]
fn the_binary_accepts_a_root_two_children_and_their_proofs_with_both_algorithms() {
    check_all_accepted(&mint("Ed25519", ["ES256", "Ed25519", "ES256"]));
}

fn check_all_accepted(made: &MintedChain) {
    for (warrant, key) in
        [(&made.root, &made.keys[0]), (&made.child, &made.keys[1]), (&made.leaf, &made.keys[2])]
    {
        let proof = made.peer.prove(warrant, key, REQUEST, Some("{}"));
        assert_eq!(made.directory.verdict(warrant, None), "ok");
        assert_eq!(made.directory.verdict(warrant, Some(&proof)), "ok");
    }
}

#[test]
fn a_proof_for_anything_else_is_invalid() {
    let made = mint("ES256", ["ES256", "Ed25519", "ES256"]);
    let leaf = &made.keys[2];
    let others = [
        made.peer.prove(&made.leaf, &made.keys[1], REQUEST, Some("{}")),
        made.peer.prove(&made.child, leaf, REQUEST, Some("{}")),
        made.peer.prove(&made.leaf, leaf, ("GET", AUTHORITY, PATH), Some("{}")),
        made.peer.prove(&made.leaf, leaf, ("POST", "localhost", PATH), Some("{}")),
        made.peer.prove(&made.leaf, leaf, ("POST", AUTHORITY, "/v1/payments/a-7"), Some("{}")),
        made.peer.prove(&made.leaf, leaf, REQUEST, Some("{\"amount\":1}")),
        made.peer.prove(&made.leaf, leaf, REQUEST, None),
        with_a_character_changed(&made.peer.prove(&made.leaf, leaf, REQUEST, Some("{}")), 2),
    ];
    for proof in &others {
        assert_eq!(made.directory.verdict(&made.leaf, Some(proof)), "proof-invalid", "{proof}");
    }
    assert_eq!(made.directory.verdict(&made.leaf, Some("")), "proof-missing");
}

#[test]
fn a_child_that_is_wider_is_refused_on_every_dimension() {
    let made = mint("ES256", ["ES256", "ES256", "ES256"]);
    let root_exp = payments(&json!({}))["exp"].as_u64().unwrap();
    let wider = [
        json!({"use": {"max": 4}}),
        json!({"exp": root_exp + 100}),
        json!({"max_depth": 6}),
        json!({"aud": ["demo", "other"]}),
        json!({"authorization_details": [detail("/v1/**")]}),
        json!({"authorization_details": [detail("/v1/payments/*"), detail("/v1/refunds/*")]}),
    ];
    for narrower in &wider {
        let child = made.peer.delegate(&made.root, &made.keys[0], &made.keys[1], narrower);
        let expected = if narrower.get("aud").is_some() { "audience-mismatch" } else { "lineage-widened" };
        assert_eq!(made.directory.verdict(&child, None), expected, "{narrower}");
    }
}

#[test]
fn a_spliced_chain_is_broken_and_a_forged_link_has_an_invalid_signature() {
    let made = mint("ES256", ["ES256", "ES256", "ES256"]);
    let last = |chain: &str| chain.rsplit('~').next().unwrap().to_owned();
    // Another child with the same holder and key: the leaf's signature fits it, but the leaf's `parent` does not.
    let sibling = made.peer.delegate(&made.root, &made.keys[0], &made.keys[1], &json!({}));
    let reparented = format!("{sibling}~{}", last(&made.leaf));
    assert_eq!(made.directory.verdict(&reparented, None), "lineage-broken");
    let without_the_middle = format!("{}~{}", made.root, last(&made.leaf));
    assert_eq!(made.directory.verdict(&without_the_middle, None), "signature-invalid");

    let by_a_stranger = made.peer.delegate(&made.root, &made.keys[2], &made.keys[1], &json!({}));
    assert_eq!(made.directory.verdict(&by_a_stranger, None), "signature-invalid");
    let changed = format!("{}~{}", made.root, with_a_character_changed(&last(&made.child), 2));
    assert_eq!(made.directory.verdict(&changed, None), "signature-invalid");
}

#[test]
fn a_header_with_another_algorithm_type_key_or_member_is_refused() {
    let made = mint("ES256", ["ES256", "Ed25519", "ES256"]);
    let (_, rest) = made.root.split_once('.').unwrap();
    let header = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    for (text, code) in [
        (r#"{"alg":"Ed25519","typ":"warrant+jwt","kid":"a1"}"#, "signature-invalid"),
        (r#"{"alg":"none","typ":"warrant+jwt","kid":"a1"}"#, "warrant-malformed"),
        (r#"{"alg":"ES256","typ":"JWT","kid":"a1"}"#, "warrant-malformed"),
        (r#"{"alg":"ES256","typ":"warrant+jwt","kid":"a1","crit":["exp"]}"#, "warrant-malformed"),
        (r#"{"alg":"ES256","typ":"warrant+jwt","kid":"a2"}"#, "issuer-untrusted"),
    ] {
        assert_eq!(made.directory.verdict(&format!("{}.{rest}", header(text)), None), code, "{text}");
    }
}
