//! What Python mints, the binary reads.

use serde_json::{Value, json};

use crate::house::{AUTHORITY, House, PATH, detail, payments, with_a_character_changed};
use crate::peer::Peer;

const REQUEST: (&str, &str, &str) = ("POST", AUTHORITY, PATH);

/// A root and its holder, of Python's own making, and two children of it.
struct Lineage {
    peer: Peer,
    house: House,
    keys: [Value; 3],
    root: String,
    child: String,
    leaf: String,
}

fn lineage(authority: &str, holders: [&str; 3]) -> Lineage {
    let (peer, house) = (Peer::new(), House::new(authority));
    let keys = holders.map(|alg| peer.key(alg));
    let root = peer.root(&house.private("authority.jwk"), "a1", &payments(&peer.public(&keys[0])));
    let child = peer.delegate(&root, &keys[0], &keys[1], &json!({"use": {"max": 2}}));
    let narrower = json!({"use": {"max": 1}, "authorization_details": [detail("/v1/payments/a-7")]});
    let leaf = peer.delegate(&child, &keys[1], &keys[2], &narrower);
    Lineage { peer, house, keys, root, child, leaf }
}

#[test]
fn a_root_two_children_and_a_proof_hold_with_es256() {
    holds(&lineage("ES256", ["ES256", "ES256", "ES256"]));
}

#[test]
fn and_with_ed25519() {
    holds(&lineage("Ed25519", ["Ed25519", "Ed25519", "Ed25519"]));
}

#[test]
fn and_with_both_in_one_lineage() {
    holds(&lineage("Ed25519", ["ES256", "Ed25519", "ES256"]));
}

fn holds(of: &Lineage) {
    for (warrant, key) in [(&of.root, &of.keys[0]), (&of.child, &of.keys[1]), (&of.leaf, &of.keys[2])] {
        let proof = of.peer.prove(warrant, key, REQUEST, Some("{}"));
        assert_eq!(of.house.verdict(warrant, None), "ok");
        assert_eq!(of.house.verdict(warrant, Some(&proof)), "ok");
    }
}

#[test]
fn a_proof_of_something_else_does_not_hold() {
    let of = lineage("ES256", ["ES256", "Ed25519", "ES256"]);
    let leaf = &of.keys[2];
    let others = [
        of.peer.prove(&of.leaf, &of.keys[1], REQUEST, Some("{}")),
        of.peer.prove(&of.child, leaf, REQUEST, Some("{}")),
        of.peer.prove(&of.leaf, leaf, ("GET", AUTHORITY, PATH), Some("{}")),
        of.peer.prove(&of.leaf, leaf, ("POST", "localhost", PATH), Some("{}")),
        of.peer.prove(&of.leaf, leaf, ("POST", AUTHORITY, "/v1/payments/a-7"), Some("{}")),
        of.peer.prove(&of.leaf, leaf, REQUEST, Some("{\"amount\":1}")),
        of.peer.prove(&of.leaf, leaf, REQUEST, None),
        with_a_character_changed(&of.peer.prove(&of.leaf, leaf, REQUEST, Some("{}")), 2),
    ];
    for proof in &others {
        assert_eq!(of.house.verdict(&of.leaf, Some(proof)), "proof-invalid", "{proof}");
    }
    assert_eq!(of.house.verdict(&of.leaf, Some("")), "proof-missing");
}

#[test]
fn what_python_widens_is_widened_on_every_dimension() {
    let of = lineage("ES256", ["ES256", "ES256", "ES256"]);
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
        let child = of.peer.delegate(&of.root, &of.keys[0], &of.keys[1], narrower);
        let expected = if narrower.get("aud").is_some() { "audience-mismatch" } else { "lineage-widened" };
        assert_eq!(of.house.verdict(&child, None), expected, "{narrower}");
    }
}

#[test]
fn what_python_splices_is_broken_and_what_it_forges_is_unsigned() {
    let of = lineage("ES256", ["ES256", "ES256", "ES256"]);
    let last = |chain: &str| chain.rsplit('~').next().unwrap().to_owned();
    // Another child of the same holder and key: the leaf's signature holds under it, its `parent` does not.
    let sibling = of.peer.delegate(&of.root, &of.keys[0], &of.keys[1], &json!({}));
    let reparented = format!("{sibling}~{}", last(&of.leaf));
    assert_eq!(of.house.verdict(&reparented, None), "lineage-broken");
    let without_the_middle = format!("{}~{}", of.root, last(&of.leaf));
    assert_eq!(of.house.verdict(&without_the_middle, None), "signature-invalid");

    let by_a_stranger = of.peer.delegate(&of.root, &of.keys[2], &of.keys[1], &json!({}));
    assert_eq!(of.house.verdict(&by_a_stranger, None), "signature-invalid");
    let changed = format!("{}~{}", of.root, with_a_character_changed(&last(&of.child), 2));
    assert_eq!(of.house.verdict(&changed, None), "signature-invalid");
}

#[test]
fn a_header_of_another_algorithm_or_with_more_in_it_is_refused() {
    let of = lineage("ES256", ["ES256", "Ed25519", "ES256"]);
    // The guide's own code, told that an ES256 link was made with the other algorithm.
    let (_, rest) = of.root.split_once('.').unwrap();
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
        assert_eq!(of.house.verdict(&format!("{}.{rest}", header(text)), None), code, "{text}");
    }
}
