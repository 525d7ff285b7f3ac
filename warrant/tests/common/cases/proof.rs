//! Vectors about proofs of possession.

use serde_json::{Value, json};
use warrant::{Algorithm, Digest, mint::PureSigner};

use super::{super::forge::*, List};
use crate::common::{NOW, authority, chain, holder, signer};

const INVALID: &str = "proof-invalid";
const HEADER: &str = r#"{"alg":"ES256","typ":"warrant-proof+jwt"}"#;

/// A change of the payload's text, for texts that no JSON value can express.
type TextEdit = Option<(&'static str, &'static str)>;

/// Adds a vector: a warrant of two links with a proof. `edit` changes the proof's payload, and `by` signs it.
fn with(
    list: &mut List,
    name: &str,
    header: &str,
    edit: impl Fn(&mut Value) -> TextEdit,
    by: &PureSigner,
    expect: &str,
) {
    let warrant = chain(2);
    let mut claims = json!({
        "jti": "p1", "iat": NOW, "htm": "POST", "htu": "payments:8443/v1/payments/a-7?x=y", "wch": Digest::of(warrant.as_bytes()).to_base64url(),
        "cd": Digest::of(b"{}").to_base64url(),
    });
    let text = match edit(&mut claims) {
        None => text(&claims),
        Some((from, to)) => {
            let t = text(&claims);
            assert!(t.contains(from));
            t.replacen(from, to, 1)
        }
    };
    let vector = list.add(name, warrant, expect);
    vector.proof = true;
    vector.warrant_proof = vec![signed(header, &text, by)];
    vector.path("/v1/payments/a-7?x=y");
    vector.request.authority = Some("payments:8443".into());
    vector.request.body = Some("{}".into());
}

pub(super) fn add(list: &mut List) {
    let leaf = holder(1);
    let claim = |name: &'static str, value: Value| {
        move |c: &mut Value| -> TextEdit {
            c[name] = value.clone();
            None
        }
    };
    let none = |_: &mut Value| -> TextEdit { None };
    list.rule("a proof by the leaf's key, of this method, authority, raw path with query, warrant and body, within 30 s");
    with(list, "a proof", HEADER, none, &leaf, "ok");
    for (name, iat, expect) in [
        ("30 s old", NOW - 30, "ok"),
        ("31 s old", NOW - 31, INVALID),
        ("30 s ahead", NOW + 30, "ok"),
        ("31 s ahead", NOW + 31, INVALID),
    ] {
        with(list, &format!("a proof {name}"), HEADER, claim("iat", json!(iat)), &leaf, expect);
    }
    for (name, member, value) in [
        ("of another method", "htm", json!("GET")),
        ("of a method in small letters", "htm", json!("post")),
        ("of the canonical host", "htu", json!("payments.shop/v1/payments/a-7?x=y")),
        ("with a scheme", "htu", json!("https://payments:8443/v1/payments/a-7?x=y")),
        ("without the query", "htu", json!("payments:8443/v1/payments/a-7")),
        ("of another query", "htu", json!("payments:8443/v1/payments/a-7?x=z")),
        ("of another path", "htu", json!("payments:8443/v1/payments/a-8?x=y")),
        ("of another warrant", "wch", json!(Digest::of(b"x").to_base64url())),
        ("of another body", "cd", json!(Digest::of(b"[]").to_base64url())),
        ("with a digest of 42", "wch", json!("A".repeat(42))),
        ("with a digest of 44", "cd", json!("A".repeat(44))),
        ("with a jti of 65", "jti", json!("x".repeat(65))),
        ("with a jti that has a slash", "jti", json!("a/b")),
        ("with an unknown claim", "nonce", json!("x")),
        ("with ath", "ath", json!("x")),
        ("with iat as text", "iat", json!(NOW.to_string())),
        ("with a negative iat", "iat", json!(-1)),
        ("with exp", "exp", json!(NOW + 60)),
    ] {
        with(list, &format!("a proof {name}"), HEADER, claim(member, value), &leaf, INVALID);
    }
    for member in ["jti", "iat", "htm", "htu", "wch", "cd"] {
        with(
            list,
            &format!("a proof without {member}"),
            HEADER,
            move |c: &mut Value| {
                c.as_object_mut().unwrap().remove(member);
                None
            },
            &leaf,
            INVALID,
        );
    }
    with(list, "a proof with a claim twice", HEADER, |_| Some(("{", r#"{"htm":"GET","#)), &leaf, INVALID);
    with(
        list,
        "a proof with a name in escapes",
        HEADER,
        |_| Some(("\"htm\"", r#""\u0068tm""#)),
        &leaf,
        INVALID,
    );
    with(
        list,
        "a proof with a value in escapes",
        HEADER,
        |_| Some(("payments:8443/v1", r"payments:8443\/v1")),
        &leaf,
        "ok",
    );
    for (name, header) in [
        ("with kid", r#"{"alg":"ES256","typ":"warrant-proof+jwt","kid":"a1"}"#),
        ("with jwk, as DPoP has it", r#"{"alg":"ES256","typ":"warrant-proof+jwt","jwk":{}}"#),
        ("of typ dpop+jwt", r#"{"alg":"ES256","typ":"dpop+jwt"}"#),
        ("of a warrant's typ", r#"{"alg":"ES256","typ":"warrant+jwt"}"#),
        ("of alg none", r#"{"alg":"none","typ":"warrant-proof+jwt"}"#),
        ("of another alg than the key's", r#"{"alg":"Ed25519","typ":"warrant-proof+jwt"}"#),
        ("without typ", r#"{"alg":"ES256"}"#),
    ] {
        with(list, &format!("a proof {name}"), header, none, &leaf, INVALID);
    }
    with(list, "a proof by the parent's key", HEADER, none, &holder(0), INVALID);
    with(list, "a proof by the authority's key", HEADER, none, &authority(), INVALID);
    with(
        list,
        "a proof by an Ed25519 key",
        r#"{"alg":"Ed25519","typ":"warrant-proof+jwt"}"#,
        none,
        &signer(Algorithm::Ed25519, 7),
        INVALID,
    );
    list.rule("in a proof that is wanted: empty is proof-missing, any foreign byte or size is proof-invalid, a comma request-ambiguous");
    for (name, value, expect) in [
        ("no proof", None, "proof-missing"),
        ("an empty proof", Some(String::new()), "proof-missing"),
        ("a proof with a space", Some(" a.b.c".into()), INVALID),
        ("two proofs joined by ~", Some("a.b.c~a.b.c".into()), INVALID),
        ("a proof with padding", Some("e30=.e30=.AA==".into()), INVALID),
        ("two proofs joined by a comma", Some("a.b.c,a.b.c".into()), "request-ambiguous"),
        ("a proof outside ASCII", Some("é".into()), "request-ambiguous"),
        ("a warrant as a proof", Some(chain(1)), INVALID),
    ] {
        let vector = list.add(name, chain(1), expect);
        vector.proof = true;
        vector.warrant_proof = value.into_iter().collect();
    }
    with(
        list,
        "a proof over 2 KiB",
        HEADER,
        |c: &mut Value| {
            c["htu"] = json!("x".repeat(2000));
            None
        },
        &leaf,
        INVALID,
    );
}
