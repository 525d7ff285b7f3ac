//! Vectors about claims: the closed sets of a root and of a link, and the form of each claim.

use serde_json::{Value, json};

use super::{super::forge::*, List, measurement};
use crate::common::NOW;

const MALFORMED: &str = "warrant-malformed";

pub(super) fn add(list: &mut List) {
    places(list);
    forms(list);
    times(list);
}

fn places(list: &mut List) {
    list.rule("a closed set of claims, by position");
    for claim in [
        "iss",
        "sub",
        "aud",
        "jti",
        "iat",
        "nbf",
        "exp",
        "cnf",
        "txn",
        "depth",
        "max_depth",
        "env",
        "authorization_details",
    ] {
        list.add(
            &format!("a root without {claim}"),
            root_with(|l| {
                l.drop(claim);
            }),
            MALFORMED,
        );
    }
    for claim in [
        "iss",
        "sub",
        "aud",
        "jti",
        "iat",
        "nbf",
        "exp",
        "cnf",
        "depth",
        "max_depth",
        "env",
        "authorization_details",
        "parent",
    ] {
        list.add(
            &format!("a link without {claim}"),
            pair(same, |l| {
                l.drop(claim);
            }),
            MALFORMED,
        );
    }
    for (claim, value) in root_only() {
        list.add(
            &format!("a root with {claim}"),
            root_with(|l| {
                l.set(claim, value.clone());
            }),
            "ok",
        );
        list.add(
            &format!("a link with {claim}"),
            pair(same, |l| {
                l.set(claim, value.clone());
            }),
            MALFORMED,
        );
    }
    list.add(
        "a root with parent",
        root_with(|l| {
            l.set("parent", json!(digest_of("a.b.c")));
        }),
        MALFORMED,
    );
    for claim in ["scope", "client_id", "act", "may_act", "nonce", "Sub", "azp", ""] {
        list.add(
            &format!("an unknown claim {claim:?}"),
            root_with(|l| {
                l.set(claim, json!("x"));
            }),
            MALFORMED,
        );
    }
    list.add(
        "another JWT: an access token",
        {
            let mut token = root_with(same);
            token = token.replacen(
                &base64url(root_header().as_bytes()),
                &base64url(br#"{"alg":"ES256","typ":"at+jwt","kid":"a1"}"#),
                1,
            );
            token
        },
        MALFORMED,
    );
}

fn root_only() -> Vec<(&'static str, Value)> {
    vec![
        ("txn", json!("t1")),
        ("ini", json!({"iss": "https://idp.shop", "sub": "ann"})),
        ("pol", measurement('a')),
        ("dec", json!("d-1")),
        ("attr", json!({"run": "r", "agent": "é", "purpose": "large \"orders\""})),
    ]
}

fn forms(list: &mut List) {
    let long = |n: usize| json!("x".repeat(n));
    list.rule("strings are 1-256 bytes of 0x20-0x7E without quote and backslash");
    for claim in ["sub", "iss", "dec"] {
        for (name, value) in [
            ("empty", json!("")),
            ("with a quote", json!("a\"b")),
            ("with a backslash", json!("a\\b")),
            ("of 257 bytes", long(257)),
            ("with a letter outside ASCII", json!("spiffe://shop/é")),
            ("with DEL", json!("a\u{7f}")),
            ("of another type", json!(7)),
            ("null", json!(null)),
        ] {
            list.add(
                &format!("{claim} {name}"),
                root_with(|l| {
                    l.set(claim, value.clone());
                }),
                MALFORMED,
            );
        }
    }
    list.add(
        "sub of 256 bytes",
        root_with(|l| {
            l.set("sub", json!(format!("agent:{}", "x".repeat(250))));
        }),
        "ok",
    );
    list.rule("aud is a non-empty array of different strings, never a bare string");
    for (name, value) in [
        ("a bare string", json!("shop")),
        ("empty", json!([])),
        ("the same twice", json!(["shop", "shop"])),
        ("numbers", json!([1])),
        ("nested", json!([["shop"]])),
    ] {
        list.add(
            &format!("aud: {name}"),
            root_with(|l| {
                l.set("aud", value.clone());
            }),
            MALFORMED,
        );
    }
    list.add(
        "aud: the same, written otherwise",
        root_with(|l| {
            l.edit(r#"["shop"]"#, r#"["shop","\u0073hop"]"#);
        }),
        MALFORMED,
    );
    list.rule("the leaf's aud has exactly one member, this mesh; its parents' name it");
    list.add(
        "aud: another mesh",
        root_with(|l| {
            l.set("aud", json!(["bank"]));
        }),
        "audience-mismatch",
    );
    list.add(
        "aud: a leaf of two meshes",
        root_with(|l| {
            l.set("aud", json!(["shop", "bank"]));
        }),
        "audience-mismatch",
    );
    list.add(
        "aud: a root of two meshes, narrowed",
        pair(
            |l| {
                l.set("aud", json!(["bank", "shop"]));
            },
            same,
        ),
        "ok",
    );
    list.add(
        "aud: in other letters",
        root_with(|l| {
            l.set("aud", json!(["Shop"]));
        }),
        "audience-mismatch",
    );
    list.rule("jti and txn are 1-64 of letters, digits, _ and -");
    for claim in ["jti", "txn"] {
        for (name, value) in [
            ("empty", json!("")),
            ("with a slash", json!("a/b")),
            ("with a dot", json!("a.b")),
            ("of 65", long(65)),
            ("a number", json!(1)),
        ] {
            list.add(
                &format!("{claim} {name}"),
                root_with(|l| {
                    l.set(claim, value.clone());
                }),
                MALFORMED,
            );
        }
        list.add(
            &format!("{claim} of 64"),
            root_with(|l| {
                l.set(claim, long(64));
            }),
            "ok",
        );
    }
    list.rule("pol is sha256: and 64 lower-case digits; attr has run, agent, purpose; ini has iss and sub");
    for (name, claim, value) in [
        ("in upper case", "pol", json!(format!("sha256:{}", "A".repeat(64)))),
        ("without its prefix", "pol", json!("a".repeat(64))),
        ("too short", "pol", json!("sha256:aa")),
        ("empty", "attr", json!({})),
        ("with another member", "attr", json!({"who": "x"})),
        ("with an empty text", "attr", json!({"run": ""})),
        ("with a control character", "attr", json!({"run": "a\u{85}b"})),
        ("with a text of 257 bytes", "attr", json!({"run": "é".repeat(129)})),
        ("without sub", "ini", json!({"iss": "https://idp.shop"})),
        ("with another member", "ini", json!({"iss": "https://idp.shop", "sub": "a", "x": 1})),
        ("a string", "ini", json!("ann")),
    ] {
        list.add(
            &format!("{claim} {name}"),
            root_with(|l| {
                l.set(claim, value.clone());
            }),
            MALFORMED,
        );
    }
    list.rule("use is {max: 1..2^31-1}");
    for (name, value) in [
        ("of zero", json!({"max": 0})),
        ("negative", json!({"max": -1})),
        ("of 2^31", json!({"max": 2_147_483_648_u64})),
        ("empty", json!({})),
        ("a number", json!(1)),
        ("with another member", json!({"max": 1, "min": 1})),
        ("a string", json!({"max": "1"})),
    ] {
        list.add(
            &format!("use {name}"),
            root_with(|l| {
                l.set("use", value.clone());
            }),
            MALFORMED,
        );
    }
    list.add(
        "use of 2^31-1",
        root_with(|l| {
            l.set("use", json!({"max": 2_147_483_647}));
        }),
        "ok",
    )
    .burns = Some(vec!["j0".into()]);
    list.rule(
        "env is an object of non-empty sets, and may be empty; a server has one value for each dimension",
    );
    for (name, value) in [
        ("an empty set", json!({"region": []})),
        ("a bare string", json!({"region": "eu-1"})),
        ("the same twice", json!({"region": ["a", "a"]})),
        ("an empty name", json!({"": ["a"]})),
        ("an array", json!([])),
        ("a name outside ASCII", json!({"é": ["a"]})),
    ] {
        list.add(
            &format!("env: {name}"),
            root_with(|l| {
                l.set("env", value.clone());
            }),
            MALFORMED,
        );
    }
    let eu = |l: &mut ForgedLink| {
        l.set("env", json!({"region": ["eu-1", "eu-2"], "cluster": ["prod"]}));
    };
    let server = |values: &[(&str, &str)]| {
        Some(values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    };
    list.add("env: inside", root_with(eu), "ok").environment =
        server(&[("region", "eu-2"), ("cluster", "prod"), ("zone", "z")]);
    list.add("env: another value", root_with(eu), "environment-mismatch").environment =
        server(&[("region", "us-1"), ("cluster", "prod")]);
    list.add("env: a dimension that the server lacks", root_with(eu), "environment-mismatch").environment =
        server(&[("region", "eu-1")]);
    list.rule("att is {measurement: [sha256:…]}; every link that has it admits the current measurement");
    for (name, value) in [
        ("empty", json!({})),
        ("an empty set", json!({"measurement": []})),
        ("another member", json!({"measurement": [measurement('a')], "level": [1]})),
        ("not a digest", json!({"measurement": ["aa"]})),
        ("a bare digest", json!({"measurement": measurement('a')})),
    ] {
        list.add(
            &format!("att: {name}"),
            root_with(|l| {
                l.set("att", value.clone());
            }),
            MALFORMED,
        );
    }
    let bound = |l: &mut ForgedLink| {
        l.set("att", json!({"measurement": [measurement('a'), measurement('b')]}));
    };
    list.add("att: the measured build", root_with(bound), "ok").measurement =
        measurement('b').as_str().map(str::to_owned);
    list.add("att: another build", root_with(bound), "attestation-mismatch").measurement =
        measurement('c').as_str().map(str::to_owned);
    list.add("att: nothing measured", root_with(bound), "attestation-missing");
    list.add(
        "att: the leaf's set without it",
        pair(bound, |l| {
            l.set("att", json!({"measurement": [measurement('a')]}));
        }),
        "attestation-mismatch",
    )
    .measurement = measurement('b').as_str().map(str::to_owned);
    list.rule("depth and max_depth are whole numbers from 0");
    for claim in ["depth", "max_depth"] {
        list.add(
            &format!("{claim} negative"),
            root_with(|l| {
                l.set(claim, json!(-1));
            }),
            MALFORMED,
        );
    }
    list.rule("a thumbprint URI or digest of the wrong form is warrant-malformed");
    for (name, claim, value) in [
        ("a URL", "iss", json!("https://authority.shop")),
        (
            "a thumbprint of 42",
            "iss",
            json!(format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", "A".repeat(42))),
        ),
        (
            "a thumbprint by another hash",
            "iss",
            json!(format!("urn:ietf:params:oauth:jwk-thumbprint:sha-512:{}", "A".repeat(43))),
        ),
        (
            "a prefix in other letters",
            "iss",
            json!(format!("URN:ietf:params:oauth:jwk-thumbprint:sha-256:{}", "A".repeat(43))),
        ),
        ("of 42", "parent", json!("A".repeat(42))),
        ("of 44", "parent", json!("A".repeat(44))),
        ("with padding", "parent", json!(format!("{}=", "A".repeat(43)))),
        ("with trailing bits", "parent", json!(format!("{}B", "A".repeat(42)))),
        ("in hexadecimal", "parent", json!("a".repeat(64))),
    ] {
        list.add(
            &format!("a link's {claim}: {name}"),
            pair(same, |l| {
                l.set(claim, value.clone());
            }),
            MALFORMED,
        );
    }
}

fn times(list: &mut List) {
    list.rule("nbf < exp; nbf - leeway <= now < exp; iat - leeway <= now; exp - nbf is capped");
    let at = |iat: u64, nbf: u64, exp: u64| {
        move |l: &mut ForgedLink| {
            l.set("iat", json!(iat)).set("nbf", json!(nbf)).set("exp", json!(exp));
        }
    };
    list.add("exp equal to nbf", root_with(at(NOW, NOW, NOW)), MALFORMED);
    list.add("exp before nbf", root_with(at(NOW, NOW, NOW - 1)), MALFORMED);
    for claim in ["iat", "nbf", "exp"] {
        list.add(
            &format!("{claim} negative"),
            root_with(|l| {
                l.set(claim, json!(-1));
            }),
            MALFORMED,
        );
        list.add(
            &format!("{claim} a string"),
            root_with(|l| {
                l.set(claim, json!(NOW.to_string()));
            }),
            MALFORMED,
        );
        list.add(
            &format!("{claim} a float"),
            root_with(|l| {
                l.set(claim, json!(1.5));
            }),
            MALFORMED,
        );
    }
    list.add("the last second", root_with(at(NOW - 1, NOW - 1, NOW + 1)), "ok");
    list.add("the second of exp", root_with(at(NOW - 1, NOW - 1, NOW)), "expired");
    list.add("leeway is not for exp", root_with(at(NOW - 9, NOW - 9, NOW - 1)), "expired");
    list.add("nbf within the leeway", root_with(at(NOW, NOW + 5, NOW + 50)), "ok");
    list.add("nbf beyond the leeway", root_with(at(NOW, NOW + 6, NOW + 50)), "not-yet-valid");
    list.add("iat within the leeway", root_with(at(NOW + 5, NOW, NOW + 50)), "ok");
    list.add("iat beyond the leeway", root_with(at(NOW + 6, NOW, NOW + 50)), "not-yet-valid");
    list.add("the longest lifetime", root_with(at(NOW, NOW, NOW + 3600)), "ok");
    list.add("a second longer", root_with(at(NOW, NOW, NOW + 3601)), "lifetime-too-long");
    list.add(
        "a root that lives too long under a short leaf",
        pair(at(NOW, NOW, NOW + 3601), at(NOW, NOW, NOW + 60)),
        "lifetime-too-long",
    );
    list.add(
        "a leaf that expired under a root that lives",
        pair(at(NOW - 60, NOW - 60, NOW + 60), at(NOW - 50, NOW - 50, NOW)),
        "expired",
    );
    list.rule("each code is asked of all links before the next is asked of any");
    list.add(
        "the leaf expired, the root has not begun",
        pair(at(NOW, NOW + 60, NOW + 90), at(NOW - 50, NOW - 50, NOW)),
        "expired",
    );
    list.add(
        "the leaf malformed, the root for another issuer",
        pair(
            |l| {
                l.set("iss", json!("https://evil.example"));
            },
            |l| {
                l.drop("jti");
            },
        ),
        MALFORMED,
    );
    list.add(
        "a bad signature on the leaf, an expired root",
        pair(at(NOW - 50, NOW - 50, NOW), |l| {
            l.signature([1; 64]);
        }),
        "signature-invalid",
    );
}
