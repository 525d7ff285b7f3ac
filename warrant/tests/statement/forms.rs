//! The one text or byte string of each part, fixed by value, and the refusal of every other.

use std::collections::{BTreeMap, BTreeSet};

use warrant::{
    Algorithm, Denial, Digest, Host, Issuer, Mark, PathPattern, PublicKey, Seconds, SubjectPattern, Terms,
    Trust,
    mint::Signer as _,
    statement::{Answer, Ended, Found, Halts, MarkSet, Match, NotTaken, Rule, Rules, Section, Statement},
};

use crate::{
    common::{NOW, forge::signed, signer, terms},
    server::{Server, halts, host, one_match, pins, rule, rules, statement_key, take},
};

/// The claims of the usual server.
fn claims() -> String {
    let server = Server::new();
    format!(
        concat!(
            r#"{{"aud":"shop","bundle":"sha256:3e9e5d9f41a6f8d4a09e96d3a8cf6b8e","ended":"{ended}","exp":1800000020,"#,
            r#""halts":"{halts}","iat":1800000000,"iss":"shop/log/000102030405060708090a0b0c0d0e0f","judged":90,"n":7,"#,
            r#""posture":"normal","restored":[],"revocations":"{revocations}","root":"{root}","rules":"{rules}","#,
            r#""seq":100,"version":3}}"#
        ),
        ended = server.ended.digest().to_base64url(),
        halts = server.halts.digest().to_base64url(),
        revocations = server.revocations.digest().to_base64url(),
        root = Digest::of(b"root at 100").to_base64url(),
        rules = server.rules.digest().to_base64url(),
    )
    .replace("sha256:3e9e5d9f41a6f8d4a09e96d3a8cf6b8e", &Digest::of(b"bundle").to_string())
}

const HEADER: &str = r#"{"alg":"ES256","kid":"s1","typ":"governance-statement+jwt"}"#;

/// What a gate says about a statement with this header and these claims.
fn taken(header: &str, claims: &str) -> Result<(), NotTaken> {
    let jws = signed(header, claims, &statement_key(100));
    take(None, &Answer { statement: jws.into_bytes().into(), ..Server::new().whole() }).map(drop)
}

#[test]
fn a_statement_has_one_text() {
    let server = Server::new();
    assert_eq!(server.statement().to_json(), claims());
    assert_eq!(server.jws(), signed(HEADER, &claims(), &statement_key(100)));
    assert_eq!(taken(HEADER, &claims()), Ok(()));
}

#[test]
fn the_content_of_a_statement_is_what_does_not_change_with_time() {
    let mut server = Server::new();
    server.says.restored = vec!["shop/log/1".into(), "shop/log/0".into()];
    let part = |digest: Digest| digest.to_base64url();
    let content = format!(
        concat!(
            r#"{{"aud":"shop","bundle":"{}","ended":"{}","halts":"{}","iss":"shop/log/000102030405060708090a0b0c0d0e0f","#,
            r#""posture":"normal","restored":["shop/log/1","shop/log/0"],"revocations":"{}","rules":"{}","version":3}}"#
        ),
        Digest::of(b"bundle"),
        part(server.ended.digest()),
        part(server.halts.digest()),
        part(server.revocations.digest()),
        part(server.rules.digest()),
    );
    assert_eq!(server.statement().content(), Digest::of(content.as_bytes()));
    let mut later = server.next();
    later.says.judged += 1;
    assert_eq!(later.statement().content(), server.statement().content());
    later.revocations = MarkSet::default();
    assert_ne!(later.statement().content(), server.statement().content());
}

#[test]
fn every_other_text_of_a_statement_is_refused() {
    let edits = [
        (r#""version":3"#, r#""version": 3"#),
        (r#""version":3"#, r#""version":3,"x":1"#),
        (r#""version":3"#, r#""version":3,"version":3"#),
        (r#","version":3"#, ""),
        (r#""seq":100,"version":3"#, r#""version":3,"seq":100"#),
        (r#""n":7"#, r#""n":-7"#),
        (r#""n":7"#, r#""n":07"#),
        (r#""n":7"#, r#""n":9007199254740992"#),
        (r#""normal""#, r#""Normal""#),
        (r#""normal""#, r#""n\u006frmal""#),
        (r#""restored":[]"#, r#""restored":["a","a"]"#),
        (r#""restored":[]"#, r#""restored":["shop/log/000102030405060708090a0b0c0d0e0f"]"#),
        (r#""restored":[]"#, r#""restored":[""]"#),
        (r#""bundle":"sha256:"#, r#""bundle":"SHA256:"#),
        (r#""exp":1800000020"#, r#""exp":1800000000"#),
        (r#""aud":"shop""#, r#""aud":["shop"]"#),
    ];
    for (from, to) in edits {
        let other = claims().replacen(from, to, 1);
        assert_ne!(other, claims(), "{from} is there");
        assert!(matches!(taken(HEADER, &other), Err(NotTaken::Malformed(_))), "{to}");
    }
    let long_lived = claims().replacen("1800000020", "1800000031", 1);
    assert_eq!(taken(HEADER, &long_lived), Err(NotTaken::LivesTooLong));
    assert!(matches!(taken(HEADER, &format!("{} ", claims())), Err(NotTaken::Malformed(_))));
}

#[test]
fn a_statement_has_one_header() {
    for (from, to) in [
        ("ES256", "Ed25519"),
        ("ES256", "none"),
        ("governance-statement+jwt", "warrant+jwt"),
        (r#""kid":"s1","#, ""),
        (r#""kid":"s1","#, r#""kid":"s1","crit":[],"#),
        (r#""kid":"s1""#, r#""kid":"s 1""#),
        (r#"{"alg""#, r#"{ "alg""#),
        (r#"{"alg":"ES256","kid":"s1","#, r#"{"kid":"s1","alg":"ES256","#),
    ] {
        let other = HEADER.replacen(from, to, 1);
        assert_ne!(other, HEADER, "{from} is there");
        assert!(matches!(taken(&other, &claims()), Err(NotTaken::Malformed(_))), "{other}");
    }
}

#[test]
fn a_statement_that_no_gate_would_take_is_not_signed() {
    let key = statement_key(100);
    let good = Server::new().statement();
    assert!(good.sign(&key, "s1").is_ok());
    assert!(good.sign(&key, "s 1").is_err());
    assert!(good.sign(&signer(Algorithm::Ed25519, 1), "s1").is_err());
    let changes: [fn(&mut Statement); 6] = [
        |one| one.exp = one.iat.plus(31),
        |one| one.exp = one.iat,
        |one| one.n = 1 << 53,
        |one| one.aud = "".into(),
        |one| one.restored = vec![one.iss.clone()],
        |one| one.restored = (0..129).map(|number| format!("shop/log/{number}").into()).collect(),
    ];
    for change in changes {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(bad.sign(&key, "s1").is_err(), "{bad:?}");
    }
}

#[test]
fn a_log_that_was_restored_128_times_has_room() {
    let mut server = Server::new();
    server.says.restored =
        (0..128).map(|number| format!("{}/log/{number:032x}", "a".repeat(64)).into()).collect();
    assert_eq!(take(None, &server.whole()).unwrap().statement().restored.len(), 128);
}

/// The rules of the usual server.
fn rules_text() -> String {
    let key = signer(Algorithm::Es256, 1);
    let jwk: serde_json::Value = serde_json::from_str(&key.public_key().to_jwk_json()).unwrap();
    let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
    let jwk = format!(r#"{{"alg":"ES256","crv":"P-256","kid":"a1","kty":"EC","x":"{x}","y":"{y}"}}"#);
    [
        r#"{"hosts":{"payments.shop":["pay","pay.shop:8443"],"static.shop":[]},"#,
        r#""issuers":[{"iss":"https://authority.shop","keys":["#,
        &jwk,
        r#"],"starters":["https://idp.shop"],"subjects":["spiffe://shop/**","agent:*"]}],"#,
        r#""matches":[{"host":"payments.shop","methods":["GET"],"path":"/health","to":"ungoverned"},"#,
        r#"{"host":"payments.shop","methods":["GET","POST"],"path":"/v1/old/kept/*","to":"governed"},"#,
        r#"{"host":"payments.shop","methods":["GET","POST"],"path":"/v1/old/**","to":"observed","until":1800000060},"#,
        r#"{"host":"static.shop","methods":["GET"],"path":"/**","to":"ungoverned","until":1800000030}],"#,
        r#""terms":{"leeway":5,"maxLifetime":3600}}"#,
    ]
    .concat()
}

#[test]
fn rules_have_one_text() {
    let rules = rules();
    assert_eq!(rules.to_json(), rules_text());
    assert_eq!(rules.digest(), Digest::of(rules_text().as_bytes()));
    assert_eq!(Rules::parse(rules_text().as_bytes(), "shop").unwrap(), rules);
    assert_eq!(rules.terms(), &terms());
    assert_eq!(rules.trust(), &crate::common::trust());
}

#[test]
fn rules_of_another_form_are_refused() {
    let hosts = "the hosts or their names are not in order";
    let methods = "a match has no method, or its methods are not in order";
    for (from, to, what) in [
        (r#"["GET","POST"]"#, r#"["POST","GET"]"#, methods),
        (r#"["GET","POST"]"#, r#"["GET","GET","POST"]"#, methods),
        (r#"["pay","pay.shop:8443"]"#, r#"["pay.shop:8443","pay"]"#, hosts),
        (r#""static.shop":[]"#, r#""static.shop":[],"static.shop":[]"#, hosts),
        (r#""leeway":5"#, r#""leeway":5,"leeway":5"#, "a member occurs twice"),
        (r#""static.shop":[]"#, r#""static.shop":["pay"]"#, "a name of a host occurs twice"),
        (r#""static.shop":[]"#, r#""static.shop":["static.shop"]"#, "a name of a host occurs twice"),
        (r#""static.shop":[]"#, r#""Static.shop":[]"#, "a host that is not canonical"),
        (r#"["pay","#, r#"["Pay","#, "a host that is not canonical"),
        (r#""methods":["GET"]"#, r#""methods":[]"#, methods),
        (r#""methods":["GET"]"#, r#""methods":["get"]"#, "a method that is not of upper-case letters"),
        (r#""/health""#, r#""health""#, "`path` is not a pattern of paths"),
        (r#""to":"governed""#, r#""to":"governed","until":1"#, "a governed match has `until`"),
        (r#""to":"governed""#, r#""to":"allowed""#, "`to` is not a known word"),
        (r#","to":"governed""#, "", "a match lacks `to`"),
        (r#","to":"governed""#, r#","to":"governed","x":1"#, "a match has an unknown member"),
        (r#""leeway":5"#, r#""leeway":31"#, "a leeway of 31 s is too long: write at most 30"),
        (
            r#""maxLifetime":3600"#,
            r#""maxLifetime":0"#,
            "a lifetime of 0 s: no warrant could be valid; write at least 1",
        ),
        (r#""kid":"a1","#, "", "a key lacks `kid`"),
        (r#""kid":"a1","#, r#""d":"AA","kid":"a1","#, "a key has a member that a public key does not have"),
        (
            r#""subjects":["spiffe://shop/**","#,
            r#""subjects":["*","#,
            "a subject that is not a pattern of names",
        ),
        (r#"],"terms""#, r#"],"more":1,"terms""#, "rules have an unknown member"),
        (r#","terms":{"leeway":5,"maxLifetime":3600}"#, "", "rules lack `terms`"),
        (r#"3600}}"#, r#"3600}} {}"#, "there are bytes after the end of the object"),
    ] {
        let other = rules_text().replacen(from, to, 1);
        assert_ne!(other, rules_text(), "{from} is there");
        let fault = Rules::parse(other.as_bytes(), "shop").map(drop).unwrap_err();
        assert_eq!(fault.to_string(), what, "{to}");
    }
}

#[test]
fn issuers_have_the_faults_that_trust_names() {
    let text = rules_text();
    let (from, to) = (text.find(r#"[{"iss""#).unwrap(), text.find(r#","matches""#).unwrap());
    let issuers = text.get(from..to).unwrap();
    let one = issuers.trim_matches(['[', ']']);
    let twice = text.replacen(issuers, &format!("[{one},{one}]"), 1);
    let fault = Rules::parse(twice.as_bytes(), "shop").map(drop).unwrap_err().to_string();
    assert!(fault.contains(r#"issuer "https://authority.shop" occurs twice"#), "{fault}");
    assert!(fault.contains("overlap"), "{fault}");
}

#[test]
fn rules_of_too_many_issuers_or_subjects_are_refused_before_they_are_compared() {
    let issuer = |number: usize, subjects: usize| Issuer {
        iss: format!("https://{number}"),
        keys: vec![],
        subjects: (0..subjects)
            .map(|one| SubjectPattern::parse(&format!("{number}/{one}")).unwrap())
            .collect(),
        starters: vec![],
    };
    let made =
        |issuers| Rules::new(terms(), Trust::new(issuers).unwrap(), BTreeMap::new(), vec![], None).is_ok();
    assert!(made(vec![issuer(1, 1024)]) && !made(vec![issuer(1, 1025)]));
    assert!(made((0..256).map(|number| issuer(number, 4)).collect()));
    assert!(!made((0..257).map(|number| issuer(number, 0)).collect()));

    let (from, to) = (r#""subjects":["spiffe://shop/**","#, r#""subjects":["#);
    let many: String = (0..200_000).map(|number| format!(r#""s{number}","#)).collect();
    let text = rules_text().replacen(from, &format!("{to}{many}"), 1);
    let fault = Rules::parse(text.as_bytes(), "shop").map(drop).unwrap_err().to_string();
    assert!(fault.starts_with("rules have more than 256 issuers"), "{fault}");
}

#[test]
fn rules_read_back_with_keys_of_both_curves_and_every_kind_of_subject() {
    let issuers = vec![Issuer {
        iss: "https://a".into(),
        keys: vec![
            ("b".into(), *signer(Algorithm::Ed25519, 1).public_key()),
            ("a".into(), *signer(Algorithm::Es256, 2).public_key()),
        ],
        subjects: ["x", "y/**", "z:*"].iter().map(|text| SubjectPattern::parse(text).unwrap()).collect(),
        starters: vec![],
    }];
    let rules = Rules::new(terms(), Trust::new(issuers).unwrap(), BTreeMap::new(), vec![], None).unwrap();
    assert_eq!(Rules::parse(rules.to_json().as_bytes(), "shop").unwrap(), rules);
}

#[test]
fn rules_that_cannot_be_written_are_not_made() {
    let made = |terms: Terms, hosts: &[(&str, &[&str])]| {
        let names = |names: &[&str]| names.iter().map(|name| host(name)).collect::<BTreeSet<_>>();
        let hosts = hosts.iter().map(|(canonical, others)| (host(canonical), names(others))).collect();
        Rules::new(terms, Trust::default(), hosts, vec![], None).is_ok()
    };
    assert!(made(terms(), &[("a", &["b"]), ("c", &[])]));
    assert!(!made(terms(), &[("a", &["b"]), ("b", &[])]));
    assert!(!made(terms(), &[("a", &["x"]), ("b", &["x"])]));
    assert!(!made(Terms::new("shop", 1 << 53, 0).unwrap(), &[]));
    let late = Some(Seconds::new(1 << 53));
    assert!(Rule::new(Found::Observed, late).is_none());
    assert!(Rule::new(Found::Governed, Some(Seconds::new(NOW))).is_none());
    let path = || PathPattern::parse("/").unwrap();
    assert!(Match::new(host("a"), BTreeSet::new(), path(), true).is_none());
    assert!(Match::new(host("a"), BTreeSet::from(["get".into()]), path(), true).is_none());
}

const HALTS: &str = concat!(
    r#"{"issuers":["https://stolen.shop"],"#,
    r#""matches":[{"halted":false,"host":"payments.shop","methods":["POST"],"path":"/v1/refunds/small/**"},"#,
    r#"{"halted":true,"host":"payments.shop","methods":["GET","POST"],"path":"/v1/refunds/**"}]}"#
);

#[test]
fn halts_have_one_text() {
    assert_eq!(halts().to_json(), HALTS);
    assert_eq!(halts().digest(), Digest::of(HALTS.as_bytes()));
    assert_eq!(Halts::parse(HALTS.as_bytes()).unwrap(), halts());
    assert_eq!(Halts::new([].into(), vec![]).unwrap().to_json(), r#"{"issuers":[],"matches":[]}"#);
    for (from, to) in [
        (r#""halted":false"#, r#""halted":0"#),
        (r#""halted":false,"#, ""),
        (r#"["https://stolen.shop"]"#, r#"["b","a"]"#),
        (r#"["https://stolen.shop"]"#, r#"["a","a"]"#),
        (r#"["https://stolen.shop"]"#, r#"[""]"#),
        (r#"{"issuers":["https://stolen.shop"],"#, "{"),
        (r#"]}"#, r#"],"x":1}"#),
    ] {
        let other = HALTS.replacen(from, to, 1);
        assert_ne!(other, HALTS, "{from} is there");
        assert!(Halts::parse(other.as_bytes()).is_err(), "{to}");
    }
    assert!(Halts::new(BTreeSet::from(["\n".into()]), vec![]).is_err());
}

#[test]
fn the_decisions_to_end_have_these_bytes() {
    let ended = Ended::new(BTreeMap::from([([2; 16], Denial::Expired), ([1; 16], Denial::PolicyDenied)]));
    let bytes = [&[1; 16][..], b"\x0dpolicy-denied", &[2; 16], b"\x07expired"].concat();
    assert_eq!(ended.to_bytes(), bytes);
    assert_eq!(ended.digest(), Digest::of(&bytes));
    assert_eq!(Ended::from_bytes(&bytes).unwrap(), ended);
    assert_eq!(Ended::from_bytes(b"").unwrap(), Ended::default());
    let backward = [&bytes[30..], &bytes[..30]].concat();
    for bad in [&bytes[1..], &bytes[..bytes.len() - 1], &backward, &[bytes.as_slice(), &bytes].concat()] {
        assert!(Ended::from_bytes(bad).is_err(), "{bad:?}");
    }
    assert!(Ended::from_bytes(&[&[1; 16][..], b"\x07Expired"].concat()).is_err());
    let older = Ended::new(BTreeMap::from([([0; 16], Denial::Halted), ([1; 16], Denial::PolicyDenied)]));
    let delta = [older.digest().bytes(), &[0, 0, 0, 1][..], &[0; 16], &[2; 16], b"\x07expired"].concat();
    assert_eq!(ended.delta_from(&older), delta);
}

#[test]
fn the_revoked_marks_have_these_bytes() {
    let (one, two, three) = ([1; 16], [2; 16], [0xff; 16]);
    let marks = MarkSet::new([three, one, two, one].map(Mark::from_bytes));
    let bytes = [one, two, three].concat();
    assert_eq!(marks.to_bytes(), bytes);
    assert_eq!(marks.len(), 3);
    assert_eq!(MarkSet::from_bytes(&bytes).unwrap(), marks);
    let buckets: Vec<u8> = (0..=255)
        .flat_map(|first| match first {
            1 => *Digest::of(&one).bytes(),
            2 => *Digest::of(&two).bytes(),
            255 => *Digest::of(&three).bytes(),
            _ => *Digest::of(b"").bytes(),
        })
        .collect();
    assert_eq!(marks.digest(), Digest::of(&buckets));
    // for i in $(seq 256); do printf '' | sha256sum; done | cut -c-64 | xxd -r -p | sha256sum
    assert_eq!(
        MarkSet::default().digest().to_string(),
        "sha256:0e89e7ed74c9a5944c886585d634e3c68f4dccd0a31968fe52d6df0873ccdec6"
    );
    for bad in [&bytes[1..], &[two, one].concat(), &[one, one].concat(), &bytes[..47]] {
        assert!(MarkSet::from_bytes(bad).is_err(), "{bad:?}");
    }
    let older = MarkSet::new([Mark::from_bytes(one), Mark::from_bytes([3; 16])]);
    let delta = [older.digest().bytes(), &[0, 0, 0, 2][..], &two, &three, &[3; 16]].concat();
    assert_eq!(marks.delta_from(&older), delta);
}

#[test]
fn an_answer_has_these_bytes() {
    let answer = Answer {
        statement: b"a.b.c".as_slice().into(),
        rules: Some(b"{}".as_slice().into()),
        halts: None,
        revocations: Some(Section::Delta(b"xyz".as_slice().into())),
        ended: Some(Section::Whole(b"".as_slice().into())),
    };
    let bytes = b"PSTM1\x01\0\0\0\x05a.b.c\x02\0\0\0\x02{}\x05\0\0\0\x03xyz\x06\0\0\0\0";
    assert_eq!(answer.encode(), bytes);
    assert_eq!(Answer::decode(bytes).unwrap(), answer);
    let other = Answer {
        rules: None,
        halts: Some(b"h".as_slice().into()),
        revocations: Some(Section::Whole(b"m".as_slice().into())),
        ended: Some(Section::Delta(b"e".as_slice().into())),
        ..answer
    };
    let bytes = b"PSTM1\x01\0\0\0\x05a.b.c\x03\0\0\0\x01h\x04\0\0\0\x01m\x07\0\0\0\x01e";
    assert_eq!(other.encode(), bytes);
    assert_eq!(Answer::decode(bytes).unwrap(), other);
}

#[test]
fn a_pinned_key_is_read_with_its_name() {
    let key = *statement_key(100).public_key();
    let named = |kid: &str| key.to_jwk_json().replacen('{', &format!(r#"{{"kid":{kid},"#), 1);
    assert_eq!(PublicKey::from_jwk_with_kid(named(r#""s1""#).as_bytes()), Ok(("s1".into(), key)));
    assert_eq!(pins().keys[0], ("s1".into(), key));
    for bad in [
        key.to_jwk_json(),
        named("1"),
        named(r#""""#),
        named(r#""a","kid":"b""#),
        format!("{} 1", named(r#""s1""#)),
    ] {
        assert!(PublicKey::from_jwk_with_kid(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn the_canonical_name_of_a_host_needs_no_other() {
    let one = one_match("a", &["GET"], "/", rule(Found::Ungoverned, None));
    let rules = Rules::new(
        terms(),
        Trust::default(),
        BTreeMap::from([(host("a"), BTreeSet::new())]),
        vec![one],
        None,
    );
    assert_eq!(rules.unwrap().host(b"A").map(Host::as_str), Some("a"));
}

#[test]
fn the_page_about_resources_is_a_plain_text_that_may_be_missing() {
    let made = |page: Option<&str>| {
        Rules::new(terms(), Trust::default(), BTreeMap::new(), vec![], page.map(Box::from))
    };
    for page in [None, Some("https://authority.shop/.well-known/oauth-protected-resource")] {
        let rules = made(page).unwrap();
        let read = Rules::parse(rules.to_json().as_bytes(), terms().audience.as_str()).unwrap();
        assert_eq!((read.resource_page(), &read), (page, &rules));
    }
    assert!(made(Some("https://a\"b")).is_err() && made(Some("")).is_err());
}
