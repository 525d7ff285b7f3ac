//! Vectors about keys: hostile keys in `cnf`, and which key may sign a root.

use serde_json::{Value, json};
use warrant::Algorithm;

use super::{super::forge::*, List, wire::small_order_points};
use crate::common::{holder, signer};

const MALFORMED: &str = "warrant-malformed";

pub(super) fn add(list: &mut List) {
    list.rule("cnf is {jwk:{kty,crv,x,y,alg}}, public, exactly these members, and a point of its curve");
    let ec = |member: &str, value: Value| {
        let mut key = jwk(&holder(0));
        key[member] = value;
        with(key)
    };
    for (name, text) in [
        ("a private part", ec("d", json!("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"))),
        ("a key id", ec("kid", json!("x"))),
        ("a use", ec("use", json!("sig"))),
        ("another curve", ec("crv", json!("P-384"))),
        ("secp256k1", ec("crv", json!("secp256k1"))),
        ("another type", ec("kty", json!("OKP"))),
        ("a symmetric type", ec("kty", json!("oct"))),
        ("another algorithm", ec("alg", json!("ES384"))),
        ("the other algorithm", ec("alg", json!("EdDSA"))),
        ("x of 31 bytes", ec("x", json!(base64url(&[1; 31])))),
        ("x of 33 bytes", ec("x", json!(base64url(&[1; 33])))),
        ("y of no bytes", ec("y", json!(""))),
        ("x that is not base64url", ec("x", json!("+".repeat(43)))),
        ("x that is a number", ec("x", json!(7))),
        ("x and y swapped: not on the curve", swapped()),
        ("x and y of zero: not on the curve", {
            let mut k = jwk(&holder(0));
            k["x"] = json!(base64url(&[0; 32]));
            k["y"] = k["x"].clone();
            with(k)
        }),
        ("x above the field's prime", ec("x", json!(base64url(&[0xff; 32])))),
        ("no y", {
            let mut k = jwk(&holder(0));
            k.as_object_mut().unwrap().remove("y");
            with(k)
        }),
        ("no alg", {
            let mut k = jwk(&holder(0));
            k.as_object_mut().unwrap().remove("alg");
            with(k)
        }),
        (
            "a thumbprint instead of a key",
            root_with(|l| {
                l.set("cnf", json!({"jkt": "x"}));
            }),
        ),
        (
            "two ways to name a key",
            root_with(|l| {
                l.claims["cnf"]["kid"] = json!("x");
            }),
        ),
        (
            "no key",
            root_with(|l| {
                l.set("cnf", json!({}));
            }),
        ),
    ] {
        list.add(name, text, MALFORMED);
    }
    let ed = || jwk(&signer(Algorithm::Ed25519, 7));
    list.add("an Ed25519 key", with(ed()), "ok");
    list.add(
        "an Ed25519 key called EdDSA",
        with({
            let mut k = ed();
            k["alg"] = json!("EdDSA");
            k
        }),
        "ok",
    );
    list.add(
        "an Ed25519 key with y",
        with({
            let mut k = ed();
            k["y"] = k["x"].clone();
            k
        }),
        MALFORMED,
    );
    list.add(
        "an Ed25519 key of 31 bytes",
        with({
            let mut k = ed();
            k["x"] = json!(base64url(&[1; 31]));
            k
        }),
        MALFORMED,
    );
    list.add(
        "an Ed25519 key of 33 bytes",
        with({
            let mut k = ed();
            k["x"] = json!(base64url(&[1; 33]));
            k
        }),
        MALFORMED,
    );
    list.add(
        "an Ed25519 key that is no point",
        with({
            let mut k = ed();
            k["x"] = json!(base64url(&not_a_point()));
            k
        }),
        MALFORMED,
    );
    for (name, point) in small_order_points() {
        list.add(
            &format!("an Ed25519 key that is {name}"),
            with({
                let mut k = ed();
                k["x"] = json!(base64url(&point));
                k
            }),
            MALFORMED,
        );
    }
    list.add(
        "a bad key in the leaf, which signs nothing",
        pair(same, |l| {
            l.set("cnf", json!({"jwk": {"kty": "EC"}}));
        }),
        MALFORMED,
    );
    list.add(
        "a key that is no point is found before the issuer is asked for",
        root_with(|l| {
            l.set("iss", json!("https://evil.example")).set("cnf", json!({"jwk": swapped_jwk()}));
        }),
        MALFORMED,
    );

    list.rule("the root is signed by the trusted key that iss and kid name, for a sub and a starter within its bounds");
    list.add(
        "another issuer",
        root_with(|l| {
            l.set("iss", json!("https://evil.example"));
        }),
        "issuer-untrusted",
    );
    list.add(
        "an issuer in other letters",
        root_with(|l| {
            l.set("iss", json!("https://AUTHORITY.shop"));
        }),
        "issuer-untrusted",
    );
    list.add(
        "another kid",
        root_with(|l| {
            l.head("kid", json!("a2"));
        }),
        "issuer-untrusted",
    );
    list.add(
        "no other key is tried",
        root_with(|l| {
            l.head("kid", json!("a2"));
        }),
        "issuer-untrusted",
    )
    .trust[0]
        .keys
        .push(super::TrustedKey { kid: "a3".into(), jwk: jwk(&holder(4)) });
    list.add(
        "a subject outside its bounds",
        root_with(|l| {
            l.set("sub", json!("spiffe://bank/ns/a"));
        }),
        "issuer-untrusted",
    );
    list.add(
        "a subject with dots",
        root_with(|l| {
            l.set("sub", json!("spiffe://shop/../bank"));
        }),
        "issuer-untrusted",
    );
    list.add(
        "a subject with an empty name",
        root_with(|l| {
            l.set("sub", json!("agent:"));
        }),
        "issuer-untrusted",
    );
    list.add(
        "a subject with one colon too many",
        root_with(|l| {
            l.set("sub", json!("agent:a:b"));
        }),
        "issuer-untrusted",
    );
    list.add(
        "a named agent",
        root_with(|l| {
            l.set("sub", json!("agent:a"));
        }),
        "ok",
    );
    list.add(
        "begun by a person of a named issuer",
        root_with(|l| {
            l.set("ini", json!({"iss": "https://idp.shop", "sub": "ann"}));
        }),
        "ok",
    );
    list.add(
        "begun by someone of the authority itself",
        root_with(|l| {
            l.set("ini", json!({"iss": "https://authority.shop", "sub": "ann"}));
        }),
        "ok",
    );
    list.add(
        "begun by someone of any other",
        root_with(|l| {
            l.set("ini", json!({"iss": "https://evil.example", "sub": "ann"}));
        }),
        "issuer-untrusted",
    );
    list.add(
        "a link's sub is its parent's word",
        pair(same, |l| {
            l.set("sub", json!("admin"));
        }),
        "ok",
    );
    list.add(
        "trust is asked for before the signature",
        root_with(|l| {
            l.head("kid", json!("a2")).signature([1; 64]);
        }),
        "issuer-untrusted",
    );
    list.add(
        "a signature is asked for before time",
        root_with(|l| {
            l.set("exp", json!(1_700_000_100)).set("nbf", json!(1_700_000_000)).signature([1; 64]);
        }),
        "signature-invalid",
    );
}

fn with(key: Value) -> String {
    root_with(|l| {
        l.set("cnf", json!({"jwk": key.clone()}));
    })
}

fn swapped_jwk() -> Value {
    let mut key = jwk(&holder(0));
    let (x, y) = (key["x"].clone(), key["y"].clone());
    key["x"] = y;
    key["y"] = x;
    key
}

fn swapped() -> String {
    with(swapped_jwk())
}

/// A canonical y-coordinate for which the curve has no x.
fn not_a_point() -> [u8; 32] {
    let mut y = [0; 32];
    y[0] = 2;
    y
}
