//! Bearer tokens: which are accepted, and which attacks are refused.

use super::*;
use crate::authority::tokens::example_issuer::encode;
use policy::CallerKeys;

async fn ask_with(key: &IssuerKey, token: &str) -> Result<Caller, String> {
    ask(&callers(key), &Connection::Anonymous, &bearer(token)).await
}

#[tokio::test]
async fn a_token_names_a_person_and_its_groups_under_every_algorithm() {
    let keys = [
        IssuerKey::es256(),
        IssuerKey::es384(),
        IssuerKey::ed25519(),
        IssuerKey::rsa("RS256"),
        IssuerKey::rsa("PS256"),
    ];
    for key in keys {
        let caller = ask_with(&key, &key.token(&claims())).await.unwrap();
        assert_eq!(caller.id, CallerId::Person(format!("{ISS}|alice")));
        let groups: Vec<_> = caller.groups.iter().map(ToString::to_string).collect();
        assert_eq!(groups, [format!("{ISS}|sre"), format!("{ISS}|on call")]);
        assert_eq!(caller.until, Some(Seconds::new(NOW + 60)));
    }
}

#[tokio::test]
async fn the_algorithm_is_the_keys_and_never_the_headers() {
    let (key, rsa) = (IssuerKey::es256(), IssuerKey::rsa("RS256"));
    let header = |alg: &str| json!({"alg": alg, "kid": "k1"});
    for alg in ["none", "HS256", "RS256", "PS256", "ES384", "EdDSA", "Ed25519", "RS512", "es256", ""] {
        let answer = ask_with(&key, &key.token_with(&header(alg), &claims())).await;
        assert_refused(answer, "algorithm of its key");
    }
    // The padding belongs to the key too: without `alg` in its JWK an RSA key is for RS256.
    assert_refused(ask_with(&rsa, &rsa.token_with(&header("PS256"), &claims())).await, "algorithm");
    let mut plain = rsa;
    plain.jwk.as_object_mut().unwrap().remove("alg");
    assert!(ask_with(&plain, &plain.token(&claims())).await.is_ok());
    assert_refused(ask_with(&plain, &plain.token_with(&header("PS256"), &claims())).await, "algorithm");
    // No signature at all.
    let input = format!("{}.{}", encode(header("none").to_string()), encode(claims().to_string()));
    assert_refused(ask_with(&key, &format!("{input}.")).await, "algorithm");
}

#[tokio::test]
async fn an_hmac_with_the_public_key_as_its_secret_is_refused() {
    for key in [IssuerKey::es256(), IssuerKey::rsa("RS256")] {
        let secret = key.jwk.to_string();
        for alg in ["HS256", key.alg] {
            let input = format!(
                "{}.{}",
                encode(json!({"alg": alg, "kid": "k1"}).to_string()),
                encode(claims().to_string())
            );
            let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
            let tag = aws_lc_rs::hmac::sign(&hmac, input.as_bytes());
            let answer = ask_with(&key, &format!("{input}.{}", encode(tag))).await;
            let why = if alg == "HS256" { "algorithm of its key" } else { "no valid signature" };
            assert_refused(answer, why);
        }
    }
}

#[tokio::test]
async fn a_token_is_for_exactly_one_audience_which_is_ours() {
    let key = IssuerKey::es256();
    let with = |aud: Value| key.token(&claims_but(&json!({"aud": aud})));
    assert!(ask_with(&key, &with(json!([AUDIENCE]))).await.is_ok());
    for (aud, why) in [
        (json!("another"), "that the bundle lists"),
        (json!(["another"]), "that the bundle lists"),
        (json!([AUDIENCE, "another"]), "more than one audience"),
        (json!(["another", AUDIENCE]), "more than one audience"),
        (json!([AUDIENCE, AUDIENCE]), "more than one audience"),
        (json!([]), "no valid claim `aud`"),
        (json!(null), "no valid claim `aud`"),
        (json!(7), "no valid claim `aud`"),
        (json!({AUDIENCE: true}), "no valid claim `aud`"),
    ] {
        assert_refused(ask_with(&key, &with(aud)).await, why);
    }
}

#[tokio::test]
async fn a_token_of_another_kind_is_refused_although_the_same_key_signed_it() {
    let key = IssuerKey::es256();
    let with = |typ: Value| key.token_with(&json!({"alg": "ES256", "kid": "k1", "typ": typ}), &claims());
    for typ in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
        assert!(ask_with(&key, &with(json!(typ))).await.is_ok(), "{typ}");
    }
    assert!(ask_with(&key, &key.token_with(&json!({"alg": "ES256", "kid": "k1"}), &claims())).await.is_ok());
    for typ in [
        "warrant+jwt",
        "warrant-proof+jwt",
        "decision-receipt+jwt",
        "workload-attestation+jwt",
        "condition+jwt",
        "logout+jwt",
        "dpop+jwt",
        "",
    ] {
        assert_refused(ask_with(&key, &with(json!(typ))).await, "another kind");
    }
    assert_refused(ask_with(&key, &with(json!(["JWT"]))).await, "another kind");
}

#[tokio::test]
async fn a_critical_header_member_a_missing_kid_and_an_unknown_kid_are_refused() {
    let key = IssuerKey::es256();
    for (header, why) in [
        (json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]}), "crit"),
        (json!({"alg": "ES256", "kid": "k1", "crit": []}), "crit"),
        (json!({"alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false}), "crit"),
        (json!({"alg": "ES256"}), "no `kid`"),
        (json!({"alg": "ES256", "kid": 1}), "no `kid`"),
        (json!({"alg": "ES256", "kid": "k2"}), "does not publish"),
    ] {
        assert_refused(ask_with(&key, &key.token_with(&header, &claims())).await, why);
    }
}

#[tokio::test]
async fn keys_in_the_header_are_not_read() {
    let (key, stranger) = (IssuerKey::es256(), IssuerKey::ed25519());
    let header = json!({"alg": "EdDSA", "kid": "k1", "jwk": stranger.jwk, "jku": "https://stranger.example"});
    assert_refused(ask_with(&key, &stranger.token_with(&header, &claims())).await, "algorithm");
    let other = IssuerKey::es384();
    let header = json!({"alg": "ES256", "kid": "k1", "jwk": other.jwk});
    assert_refused(ask_with(&key, &other.token_with(&header, &claims())).await, "no valid signature");
}

#[tokio::test]
async fn times_have_no_leeway() {
    let key = IssuerKey::es256();
    for (times, why) in [
        (json!({"exp": NOW + 1}), None),
        (json!({"exp": NOW}), Some("expired")),
        (json!({"exp": 1}), Some("expired")),
        (json!({"nbf": NOW}), None),
        (json!({"nbf": NOW + 1}), Some("not valid yet")),
        (json!({"exp": null}), Some("no valid claim `exp`")),
        (json!({"exp": (NOW + 60).to_string()}), Some("no valid claim `exp`")),
        (json!({"exp": -1}), Some("no valid claim `exp`")),
        (json!({"exp": 1.8e9 + 60.5}), Some("no valid claim `exp`")),
        (json!({"nbf": "now"}), Some("no valid claim `nbf`")),
    ] {
        let answer = ask_with(&key, &key.token(&claims_but(&times))).await;
        match why {
            None => assert!(answer.is_ok(), "{times}: {answer:?}"),
            Some(why) => assert_refused(answer, why),
        }
    }
}

#[tokio::test]
async fn issuer_and_subject_are_one_text_each() {
    let key = IssuerKey::es256();
    for (changes, why) in [
        (json!({"iss": "https://other.shop"}), "that the bundle lists"),
        (json!({"iss": [ISS]}), "no valid claim `iss`"),
        (json!({"iss": null}), "no valid claim `iss`"),
        (json!({"sub": null}), "no valid claim `sub`"),
        (json!({"sub": ""}), "no valid claim `sub`"),
        (json!({"sub": "a\u{0}b"}), "no valid claim `sub`"),
        (json!({"sub": "x".repeat(257)}), "no valid claim `sub`"),
        (json!({"sub": 1}), "no valid claim `sub`"),
    ] {
        assert_refused(ask_with(&key, &key.token(&claims_but(&changes))).await, why);
    }
}

#[tokio::test]
async fn groups_are_a_text_or_a_bounded_list_of_texts() {
    let key = IssuerKey::es256();
    let with = |groups: Value| key.token(&claims_but(&json!({"groups": groups})));
    for (groups, count) in [(json!("sre"), 1), (json!(["a", "b"]), 2), (json!([]), 0), (json!(null), 0)] {
        assert_eq!(ask_with(&key, &with(groups)).await.unwrap().groups.len(), count);
    }
    let many: Vec<_> = (0..257).map(|n| n.to_string()).collect();
    assert_eq!(ask_with(&key, &with(json!(many[..256]))).await.unwrap().groups.len(), 256);
    for groups in
        [json!(many), json!([1]), json!(true), json!({"a": 1}), json!(["a", ["b"]]), json!("x".repeat(257))]
    {
        assert_refused(ask_with(&key, &with(groups)).await, "claim of groups");
    }
    // An issuer without a claim for groups gives none.
    let issuer = CallerIssuer {
        iss: ISS.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys: CallerKeys::Jwks(json!({"keys": [key.jwk]}).to_string()),
        groups: None,
    };
    let callers = Callers::new(vec![issuer], Fetcher::new().unwrap(), None).unwrap();
    let caller = ask(&callers, &Connection::Anonymous, &bearer(&key.token(&claims()))).await.unwrap();
    assert_eq!(caller.groups, []);
}

#[tokio::test]
async fn a_repeated_name_is_refused_in_header_and_claims() {
    let key = IssuerKey::es256();
    let header = r#"{"alg":"ES256","kid":"k1"}"#;
    let good = claims().to_string();
    assert!(ask_with(&key, &key.token_of(header, &good)).await.is_ok());
    let twice = good.replacen('{', r#"{"sub":"root","#, 1);
    assert_refused(ask_with(&key, &key.token_of(header, &twice)).await, "each name once");
    let twice = r#"{"alg":"none","alg":"ES256","kid":"k1"}"#;
    assert_refused(ask_with(&key, &key.token_of(twice, &good)).await, "each name once");
}

#[tokio::test]
async fn a_text_that_is_not_a_compact_jws_is_refused() {
    let key = IssuerKey::es256();
    let token = key.token(&claims());
    let (input, signature) = token.rsplit_once('.').unwrap();
    for (text, why) in [
        ("x".to_owned(), "compact JWS"),
        (format!("{token}.{signature}"), "compact JWS"),
        (format!("{token}="), "no valid signature"),
        (format!("{input}."), "no valid signature"),
        (format!("{}.{}.{signature}", encode("[]"), encode("{}")), "compact JWS"),
        (format!(" {token}"), "compact JWS"),
    ] {
        assert_refused(ask_with(&key, &text).await, why);
    }
    // Exactly 8 KiB, and one byte more.
    let padded = |length: usize| key.token(&claims_but(&json!({"pad": "x".repeat(length)})));
    let longest = (5000..6500).rev().map(padded).find(|token| token.len() <= 8192).unwrap();
    assert!(ask_with(&key, &longest).await.is_ok(), "{}", longest.len());
    assert_refused(ask_with(&key, &padded(6500)).await, "more than 8 KiB");
}

#[tokio::test]
async fn there_is_one_authorization_header_of_the_scheme_bearer() {
    let key = IssuerKey::es256();
    let callers = callers(&key);
    let token = key.token(&claims());
    let header =
        |value: String| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(value).unwrap())]);
    for scheme in ["Bearer", "bearer"] {
        assert!(ask(&callers, &Connection::Anonymous, &header(format!("{scheme} {token}"))).await.is_ok());
    }
    for value in [token.clone(), format!("DPoP {token}"), "Basic YTpi".to_owned(), String::new()] {
        assert_refused(ask(&callers, &Connection::Anonymous, &header(value)).await, "of the form `Bearer");
    }
    let mut two = header(format!("Bearer {token}"));
    two.append(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    assert_refused(ask(&callers, &Connection::Anonymous, &two).await, "one header");
}

#[test]
fn a_key_set_keeps_only_keys_that_can_verify_a_token() {
    let good = IssuerKey::es256().jwk;
    let but = |changes: Value| {
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        jwk
    };
    let read = |keys: Value| KeySet::read(json!({"keys": keys}).to_string().as_bytes());
    let rsa = |n: Vec<u8>| json!({"kid": "k1", "kty": "RSA", "n": encode(n), "e": "AQAB"});
    let (short, odd) = (vec![0xff; 128], [&[0x7f], &[0xff; 255][..]].concat());
    for unusable in [
        but(json!({"use": "enc"})),
        but(json!({"key_ops": ["sign"]})),
        but(json!({"d": "AAAA"})),
        but(json!({"alg": "HS256"})),
        but(json!({"alg": "ES384"})),
        but(json!({"crv": "P-521"})),
        but(json!({"kty": "oct", "k": "AAAA"})),
        but(json!({"kid": ""})),
        but(json!({"x": "AAAA"})),
        json!({"kty": "oct", "kid": "k1", "k": "AAAA", "alg": "HS256"}),
        json!("no key"),
        rsa(short),
        rsa(odd),
        rsa([&[0], &[0xff; 256][..]].concat()),
        rsa(vec![0xff; 1025]),
    ] {
        assert_eq!(read(json!([unusable])).err(), Some(KeySetFault::NoUsableKey), "{unusable}");
        assert!(read(json!([unusable, good])).is_ok(), "{unusable}");
    }
    assert!(read(json!([rsa(vec![0xff; 256])])).is_ok());
    assert_eq!(read(json!([good, good])).err(), Some(KeySetFault::Twice("k1".to_owned())));
    assert_eq!(read(json!(vec![&good; 101])).err(), Some(KeySetFault::TooMany(101)));
    assert_eq!(read(json!({})).err(), Some(KeySetFault::NoKeys));
    assert!(matches!(KeySet::read(b"keys"), Err(KeySetFault::NotJson(_))));
}

/// Why this crate checks more than the library does: each of these passes the library's own validation.
#[test]
fn the_library_alone_accepts_several_audiences_any_typ_and_any_crit() {
    let key = IssuerKey::es256();
    let set = KeySet::read(json!({"keys": [key.jwk]}).to_string().as_bytes()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISS]);
    let accepted = |header: Value, changes: Value| {
        let token = key.token_with(&header, &claims_but(&changes));
        jsonwebtoken::decode::<Value>(token, &set.find("k1").unwrap().key, &validation).is_ok()
    };
    assert!(accepted(json!({"alg": "ES256", "kid": "k1"}), json!({"aud": [AUDIENCE, "another"]})));
    assert!(accepted(json!({"alg": "ES256", "kid": "k1"}), json!({"iss": [ISS, "another"]})));
    assert!(accepted(json!({"alg": "ES256", "typ": "warrant+jwt"}), json!({})));
    assert!(accepted(json!({"alg": "ES256", "crit": ["exp"]}), json!({})));
    assert!(!accepted(json!({"alg": "ES256"}), json!({"aud": "another"})));
    assert!(!accepted(json!({"alg": "ES256"}), json!({"aud": null})));
}
