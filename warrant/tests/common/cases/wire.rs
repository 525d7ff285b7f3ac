//! Vectors about the encoding: shape, base64url, headers, JSON and signatures.

use serde_json::json;
use warrant::{Algorithm, mint::Signer as _};

use super::{super::forge::*, List};
use crate::common::{authority, chain, holder, signer};

const MALFORMED: &str = "warrant-malformed";

pub(super) fn add(list: &mut List) {
    shape(list);
    headers(list);
    json_profile(list);
    signatures(list);
}

fn shape(list: &mut List) {
    list.rule("at most 8 links of compact JWS, 2 KiB a link, 12 KiB in all, joined by ~");
    let good = chain(1);
    list.add("a root alone", good.clone(), "ok");
    list.add("eight links", chain(8), "ok");
    list.add("nine links", format!("{}~{}", chain(8), chain(8).rsplit('~').next().unwrap()), MALFORMED);
    let padded = |bytes: usize| {
        root_with(move |l| {
            l.edit("{", &format!("{{{}", " ".repeat(bytes)));
        })
    };
    let spare = (2048 - good.len()) / 4 * 3;
    list.add("a link just below 2 KiB", padded(spare - 3), "ok");
    list.add("a link over 2 KiB", padded(spare + 6), MALFORMED);
    let wide = |l: &mut ForgedLink| {
        l.edit("{", &format!("{{{}", " ".repeat(spare - 200)));
    };
    list.add("a chain over 12 KiB", forged(&[&wide, &wide, &wide, &wide, &wide, &wide, &wide]), MALFORMED);
    list.add("an empty header is no warrant", String::new(), "warrant-missing");
    list.add("no header", String::new(), "warrant-missing").warrant.clear();
    list.add("a trailing ~", format!("{good}~"), MALFORMED);
    list.add("a leading ~", format!("~{good}"), MALFORMED);
    list.add("two ~ in a row", chain(2).replace('~', "~~"), MALFORMED);
    list.add("a space", format!(" {good}"), MALFORMED);
    list.add("a bearer scheme", format!("Bearer {good}"), MALFORMED);
    list.add("padding", format!("{good}="), MALFORMED);
    list.add("four segments", format!("{good}.e30"), MALFORMED);
    list.add("two segments", good.rsplit_once('.').unwrap().0.into(), MALFORMED);
    list.add("five segments, a JWE", format!("{good}.e30.e30"), MALFORMED);
    list.add("a JWS in JSON", r#"{"payload":"e30"}"#.into(), MALFORMED);
    list.add("no payload: detached", good.replace(good.split('.').nth(1).unwrap(), ""), MALFORMED);

    list.rule("a second header, a comma or a byte outside ASCII is request-ambiguous");
    list.add("two headers", good.clone(), "request-ambiguous").warrant.push(good.clone());
    list.add("two headers, joined by a proxy", format!("{good},{good}"), "request-ambiguous");
    list.add("a look-alike letter outside ASCII", good.replacen('e', "е", 1), "request-ambiguous");
    list.add("a full-width dot", good.replacen('.', "．", 1), "request-ambiguous");
    list.add("a second proof that nobody wants", good.clone(), "request-ambiguous").warrant_proof =
        vec!["a".into(), "a".into()];
    list.add("a proof of two joined, that nobody wants", good.clone(), "request-ambiguous").warrant_proof =
        vec!["a,b".into()];
    list.add("a proof that nobody wants is not read", good.clone(), "ok").warrant_proof = vec!["~".into()];

    list.rule("base64url without padding, canonical");
    let bits = |text: &str| {
        let mut t = text.to_owned();
        let last = t.pop().unwrap();
        t.push(next_letter(last));
        t
    };
    list.add("trailing bits of the signature", bits(&good), MALFORMED);
    let (header, rest) = good.split_once('.').unwrap();
    list.add("trailing bits of the header", format!("{}.{rest}", bits(&padded_header(header))), MALFORMED);
    list.add("standard alphabet", swapped_alphabet(&good), MALFORMED);
    list.add("a line break inside", good.replacen('.', "\n.", 1), MALFORMED);
}

/// A header with up to two extra spaces, so that its last base64url letter has unused bits.
fn padded_header(header: &str) -> String {
    let json = root_header();
    (0..3)
        .map(|n| base64url(format!("{json}{}", " ".repeat(n)).as_bytes()))
        .find(|t| t.len() % 4 != 0)
        .unwrap_or(header.into())
}

fn next_letter(letter: char) -> char {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = ALPHABET.find(letter).unwrap();
    ALPHABET.chars().nth(at + 1).unwrap()
}

/// A good token in the alphabet with `+` and `/`. It tries tokens until one has such a letter.
fn swapped_alphabet(_: &str) -> String {
    let tokens = (0..).map(|n| {
        root_with(move |l| {
            l.set("jti", json!(format!("n{n}")));
        })
    });
    tokens.filter(|t| t.contains(['-', '_'])).map(|t| t.replace('-', "+").replace('_', "/")).next().unwrap()
}

fn headers(list: &mut List) {
    list.rule("the protected header is exactly alg, typ, and on the root kid");
    for (name, member, value) in [
        ("crit", "crit", json!(["exp"])),
        ("b64", "b64", json!(false)),
        ("jwk", "jwk", jwk(&authority())),
        ("jku", "jku", json!("https://evil.example/jwks.json")),
        ("x5u", "x5u", json!("https://evil.example/c.pem")),
        ("x5c", "x5c", json!(["MIIB"])),
        ("x5t", "x5t", json!("AA")),
        ("zip", "zip", json!("DEF")),
        ("cty", "cty", json!("JWT")),
        ("an unknown member", "x", json!(1)),
    ] {
        list.add(
            &format!("a root's header with {name}"),
            root_with(|l| {
                l.head(member, value.clone());
            }),
            MALFORMED,
        );
    }
    list.add(
        "a link's header with kid",
        pair(same, |l| {
            l.head("kid", json!("a1"));
        }),
        MALFORMED,
    );
    list.add(
        "a link's header with jwk",
        pair(same, |l| {
            l.head("jwk", jwk(&holder(0)));
        }),
        MALFORMED,
    );
    list.add(
        "a root without kid",
        root_with(|l| {
            l.edit_header(r#""kid":"a1","#, "");
        }),
        MALFORMED,
    );
    list.add(
        "a header without typ",
        root_with(|l| {
            l.edit_header(r#","typ":"warrant+jwt""#, "");
        }),
        MALFORMED,
    );
    list.add(
        "a header without alg",
        root_with(|l| {
            l.edit_header(r#""alg":"ES256","#, "");
        }),
        MALFORMED,
    );
    list.add(
        "alg twice",
        root_with(|l| {
            l.edit_header("{", r#"{"alg":"none","#);
        }),
        MALFORMED,
    );
    list.add(
        "kid twice",
        root_with(|l| {
            l.edit_header("{", r#"{"kid":"a1","#);
        }),
        MALFORMED,
    );
    list.add(
        "a name with an escape",
        root_with(|l| {
            l.edit_header("\"alg\"", r#""\u0061lg""#);
        }),
        MALFORMED,
    );
    list.add(
        "a value with an escape",
        root_with(|l| {
            l.edit_header("ES256", r"\u0045S256");
        }),
        MALFORMED,
    );
    list.add(
        "a typ with an escaped slash is another text",
        root_with(|l| {
            l.edit_header("warrant+jwt", r"warrant\u002bjwt");
        }),
        MALFORMED,
    );
    for typ in [
        "JWT",
        "Warrant+JWT",
        "application/warrant+jwt",
        "warrant-proof+jwt",
        "at+jwt",
        "governance-statement+jwt",
        "",
    ] {
        list.add(
            &format!("typ {typ:?}"),
            root_with(|l| {
                l.head("typ", json!(typ));
            }),
            MALFORMED,
        );
    }
    for kid in ["", "a/1", "../a1", "a1' OR '1'='1", &"k".repeat(65)] {
        list.add(
            &format!("kid {:.8?}", kid),
            root_with(|l| {
                l.head("kid", json!(kid));
            }),
            MALFORMED,
        );
    }
    list.add(
        "kid of another type",
        root_with(|l| {
            l.head("kid", json!(["a1"]));
        }),
        MALFORMED,
    );
    list.add(
        "header that is an array",
        {
            let good = chain(1);
            let (_, rest) = good.split_once('.').unwrap();
            format!("{}.{rest}", base64url(b"[]"))
        },
        MALFORMED,
    );
    list.add(
        "white space and order are free",
        root_with(|l| {
            l.edit_header("{", "{ \n").edit("{", "\t{\r\n ");
        }),
        "ok",
    );

    list.rule("alg is ES256, Ed25519 or EdDSA, byte by byte; a key has one algorithm");
    for alg in [
        "none",
        "None",
        "HS256",
        "RS256",
        "PS256",
        "ES384",
        "ES512",
        "ES256K",
        "es256",
        "ed25519",
        "Ed448",
        "ML-DSA-44",
        "",
    ] {
        list.add(
            &format!("alg {alg:?}"),
            root_with(|l| {
                l.head("alg", json!(alg));
            }),
            MALFORMED,
        );
    }
    list.add(
        "alg none and no signature",
        {
            let t = signing_input(r#"{"alg":"none","typ":"warrant+jwt","kid":"a1"}"#, "{}");
            format!("{t}.")
        },
        MALFORMED,
    );
    list.add(
        "another alg than the key's",
        root_with(|l| {
            l.head("alg", json!("Ed25519"));
        }),
        "signature-invalid",
    );
    list.add(
        "a link's alg is another than its parent's key's",
        pair(same, |l| {
            l.head("alg", json!("EdDSA"));
        }),
        "signature-invalid",
    );
}

fn json_profile(list: &mut List) {
    list.rule("JSON: UTF-8, no member twice at any depth, plain integers, nothing before or after");
    let edits = [
        ("a byte order mark", "{", "\u{feff}{"),
        ("a byte after the object", r#""t1"}"#, r#""t1"}x"#),
        ("a second object", r#""t1"}"#, r#""t1"}{}"#),
        ("NUL at the end", r#""t1"}"#, "\"t1\"}\0"),
        ("a claim twice", "{", r#"{"sub":"admin","#),
        ("a nested member twice", r#""crv":"P-256""#, r#""crv":"P-256","crv":"P-256""#),
        ("a detail's member twice", r#""methods":["POST"]"#, r#""methods":["POST"],"methods":["POST"]"#),
        ("a dimension of env twice", r#""env":{}"#, r#""env":{"a":["b"],"a":["c"]}"#),
        ("a name with an escape", "\"sub\"", r#""\u0073ub""#),
        ("a lone surrogate", "spiffe://shop/ns", r"spiffe://shop/\ud800"),
        ("a lone low surrogate", "spiffe://shop/ns", r"spiffe://shop/\udc00"),
        ("a raw control character", "spiffe://shop/ns", "spiffe://shop/\n"),
        ("a float", r#""depth":0"#, r#""depth":0.0"#),
        ("an exponent", r#""depth":0"#, r#""depth":0e0"#),
        ("minus zero", r#""depth":0"#, r#""depth":-0"#),
        ("a leading zero", r#""depth":0"#, r#""depth":00"#),
        ("a plus sign", r#""depth":0"#, r#""depth":+0"#),
        ("a number as a string", r#""depth":0"#, r#""depth":"0""#),
        ("a number above 2^53-1", r#""max_depth":7"#, r#""max_depth":9007199254740992"#),
        ("a number that overflows 64 bits", r#""max_depth":7"#, r#""max_depth":18446744073709551623"#),
        ("a huge number", r#""max_depth":7"#, r#""max_depth":99999999999999999999999999999999999999"#),
        ("hexadecimal", r#""depth":0"#, r#""depth":0x0"#),
        ("NaN", r#""depth":0"#, r#""depth":NaN"#),
        ("null", r#""depth":0"#, r#""depth":null"#),
        ("true for a number", r#""depth":0"#, r#""depth":true"#),
        ("a comment", r#""depth":0"#, r#""depth":0/**/"#),
        ("a trailing comma", r#""t1"}"#, r#""t1",}"#),
        ("single quotes", r#""depth":0"#, r"'depth':0"),
        ("a missing brace", r#""t1"}"#, r#""t1""#),
    ];
    for (name, from, to) in edits {
        list.add(
            name,
            root_with(|l| {
                l.edit(from, to);
            }),
            MALFORMED,
        );
    }
    list.add(
        "values may be written with escapes",
        root_with(|l| {
            l.edit("spiffe://shop", r"spiffe:\/\/sh\u006fp");
        }),
        "ok",
    );
    list.add(
        "white space after the object",
        root_with(|l| {
            l.edit(r#""t1"}"#, "\"t1\"} \n");
        }),
        "ok",
    );
    list.add(
        "2^53-1 is a number",
        root_with(|l| {
            l.edit(r#""max_depth":7"#, r#""max_depth":9007199254740991"#);
        }),
        "ok",
    );
    let raw = |payload: &[u8]| {
        let input = format!("{}.{}", base64url(root_header().as_bytes()), base64url(payload));
        format!("{input}.{}", base64url(&authority().sign(input.as_bytes()).unwrap()))
    };
    list.add("bytes that are no UTF-8", raw(b"{\"sub\":\"\xff\"}"), MALFORMED);
    list.add("a surrogate in UTF-8", raw(b"{\"sub\":\"\xed\xa0\x80\"}"), MALFORMED);
    list.add("overlong UTF-8", raw(b"{\"sub\":\"\xc0\xaf\"}"), MALFORMED);
    list.add("UTF-16", raw(b"\xff\xfe{\0}\0"), MALFORMED);
    list.add("an empty object", raw(b"{}"), MALFORMED);
    list.add("an array", raw(b"[]"), MALFORMED);
    list.add("a string", raw(b"\"x\""), MALFORMED);
    list.add("nothing", raw(b""), MALFORMED);
    list.add("objects, very deep", raw("{\"env\":".repeat(200).as_bytes()), MALFORMED);
    list.add("arrays, very deep", raw(format!("{{\"aud\":{}", "[".repeat(1400)).as_bytes()), MALFORMED);
    list.add(
        "objects seven deep",
        root_with(|l| {
            l.set("env", json!({"a": {"b": {"c": {"d": {"e": {}}}}}}));
        }),
        MALFORMED,
    );
}

fn signatures(list: &mut List) {
    list.rule("the form of a signature is its 64 bytes; out of range or false is signature-invalid");
    let good = chain(1);
    let short = |n: usize| format!("{}.{}", good.rsplit_once('.').unwrap().0, base64url(&vec![1; n]));
    list.add("an empty signature", short(0), MALFORMED);
    list.add("63 bytes", short(63), MALFORMED);
    list.add("65 bytes", short(65), MALFORMED);
    list.add(
        "72 bytes of DER",
        {
            let input = good.rsplit_once('.').unwrap().0;
            let s = warrant::Signature::new(authority().sign(input.as_bytes()).unwrap());
            format!("{input}.{}", base64url(&s.to_der()))
        },
        MALFORMED,
    );
    let half = |r: &[u8; 32], s: &[u8; 32]| [*r, *s].concat().try_into().unwrap();
    let (zero, one) = ([0_u8; 32], {
        let mut b = [0_u8; 32];
        b[31] = 1;
        b
    });
    let order: [u8; 32] = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for (name, r, s) in [
        ("r and s of zero", zero, zero),
        ("r of zero", zero, one),
        ("s of zero", one, zero),
        ("r of n", order, one),
        ("s of n", one, order),
        ("r and s of n", order, order),
        ("all ones", [0xff; 32], [0xff; 32]),
        ("r and s of one", one, one),
    ] {
        list.add(
            &format!("ES256, {name}"),
            root_with(|l| {
                l.signature(half(&r, &s));
            }),
            "signature-invalid",
        );
    }
    list.add("the other s of the same signature is accepted", high_s(&good), "ok");
    list.add(
        "signed by another key",
        root_with(|l| {
            l.signed_by(holder(3));
        }),
        "signature-invalid",
    );
    list.add(
        "a link signed by the authority",
        pair(same, |l| {
            l.signed_by(authority());
        }),
        "signature-invalid",
    );
    list.add(
        "a link signed by its own key",
        pair(same, |l| {
            l.signed_by(holder(1));
        }),
        "signature-invalid",
    );
    let two = chain(2);
    list.add(
        "the payload of one under the signature of another",
        {
            let other = root_with(|l| {
                l.set("jti", json!("other"));
            });
            let (_, s) = good.rsplit_once('.').unwrap();
            format!("{}.{s}", other.rsplit_once('.').unwrap().0)
        },
        "signature-invalid",
    );
    list.add(
        "the root's signature on the link",
        {
            let (a, b) = two.split_once('~').unwrap();
            format!("{a}~{}.{}", b.rsplit_once('.').unwrap().0, a.rsplit_once('.').unwrap().1)
        },
        "signature-invalid",
    );

    list.rule("Ed25519: S < L, R canonical and not of small order, the cofactorless equation");
    let ed = || signer(Algorithm::Ed25519, 7);
    let to_ed = |l: &mut ForgedLink| {
        l.set("cnf", json!({"jwk": jwk(&ed())}));
    };
    let by_ed = move |l: &mut ForgedLink| {
        l.head("alg", json!("Ed25519")).signed_by(signer(Algorithm::Ed25519, 7));
        l.set("iss", json!(signer(Algorithm::Ed25519, 7).public_key().thumbprint().uri()));
    };
    list.add("a link by an Ed25519 key", pair(to_ed, by_ed), "ok");
    list.add(
        "EdDSA is the same name",
        pair(to_ed, |l| {
            by_ed(l);
            l.head("alg", json!("EdDSA"));
        }),
        "ok",
    );
    list.add(
        "ES256 under an Ed25519 key",
        pair(to_ed, |l| {
            by_ed(l);
            l.head("alg", json!("ES256"));
        }),
        "signature-invalid",
    );
    list.add("S and the group's order more", plus_order(&pair(to_ed, by_ed)), "signature-invalid");
    for (name, r) in small_order_points() {
        list.add(
            &format!("R is {name}"),
            pair(to_ed, |l| {
                by_ed(l);
                l.signature(half(&r, &zero));
            }),
            "signature-invalid",
        );
    }
}

pub(super) fn hex(text: &str) -> [u8; 32] {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect::<Vec<_>>().try_into().unwrap()
}

/// Encodings of points of small order, canonical and not.
pub(super) fn small_order_points() -> Vec<(&'static str, [u8; 32])> {
    vec![
        ("the neutral point", hex("0100000000000000000000000000000000000000000000000000000000000000")),
        (
            "the neutral point, with a sign",
            hex("0100000000000000000000000000000000000000000000000000000000000080"),
        ),
        ("the point of order 2", hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
        ("a point of order 4", hex("0000000000000000000000000000000000000000000000000000000000000000")),
        (
            "the other point of order 4",
            hex("0000000000000000000000000000000000000000000000000000000000000080"),
        ),
        ("a point of order 8", hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
        ("another point of order 8", hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")),
        ("p, another text of 0", hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
        ("p+1, another text of 1", hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
    ]
}

fn split_signature(token: &str) -> (String, [u8; 64]) {
    use base64::Engine as _;
    let (input, signature) = token.rsplit_once('.').unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap();
    (input.into(), bytes.try_into().unwrap())
}

/// Replaces s by n - s: to the curve the same signature, in other bytes.
fn high_s(token: &str) -> String {
    let (input, mut signature) = split_signature(token);
    let order: [u8; 32] = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let mut borrow = 0_i16;
    for i in (0..32).rev() {
        let difference = i16::from(order[i]) - i16::from(signature[32 + i]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + i] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("{input}.{}", base64url(&signature))
}

/// Adds the group's order to S: to the curve the same signature, in other bytes.
fn plus_order(token: &str) -> String {
    let (input, mut signature) = split_signature(token);
    let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0_u16;
    for i in 0..32 {
        let sum = u16::from(order[i]) + u16::from(signature[32 + i]) + carry;
        carry = sum >> 8;
        signature[32 + i] = u8::try_from(sum & 0xff).unwrap();
    }
    format!("{input}.{}", base64url(&signature))
}
