//! The configuration of a filter.

use warrant::{
    Algorithm,
    mint::{PureSigner, Signer as _},
    statement::{FilterConfig, Pins, Position, pin},
};

fn jwk(kid: &str, algorithm: Algorithm, secret: u8) -> String {
    let key = PureSigner::from_secret(algorithm, &[secret; 32]).unwrap().public_key().to_jwk_json();
    key.replacen('{', &format!("{{\"kid\":\"{kid}\","), 1)
}

fn good() -> FilterConfig {
    let key = |secret| *PureSigner::from_secret(Algorithm::Es256, &[secret; 32]).unwrap().public_key();
    let pins = Pins {
        audience: "shop".into(),
        log_name: "shop".into(),
        origin: Some("shop/log/000102030405060708090a0b0c0d0e0f".into()),
        keys: vec![("s1".into(), key(1)), ("s2".into(), key(2))],
    };
    FilterConfig { position: Position::Seal, pins, cluster: "portcullis".into() }
}

fn faults(json: &str) -> Vec<String> {
    FilterConfig::parse(json.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_configuration_is_read_as_it_was_written() {
    assert_eq!(FilterConfig::parse(good().to_json().as_bytes()), Ok(good()));
    let open =
        FilterConfig { position: Position::Gate, pins: Pins { origin: None, ..good().pins }, ..good() };
    assert_eq!(FilterConfig::parse(open.to_json().as_bytes()), Ok(open.clone()));
    assert_ne!(open.pins_digest(), good().pins_digest());
    let gate = FilterConfig { position: Position::Gate, ..good() };
    assert_eq!(gate.pins_digest(), good().pins_digest(), "the position is not pinned");
}

#[test]
fn a_filter_reports_its_pins_by_the_key_and_its_name() {
    let pins = good().pins;
    let [first, second] = [0, 1].map(|place| pin(&pins.keys[place].0, &pins.keys[place].1));
    assert_eq!(pins.report(), format!("{}.{}", first.to_base64url(), second.to_base64url()));
    assert_ne!(pin("s2", &pins.keys[0].1), first, "it looks keys up by their names");
}

#[test]
fn each_fault_is_named_with_its_place() {
    let json = good().to_json();
    for (from, to, fault) in [
        (r#""seal""#, r#""door""#, r#"position: write "gate" or "seal""#),
        (r#""audience":"shop""#, r#""audience":7"#, "audience: not a string"),
        (
            r#""audience":"shop""#,
            r#""audience":"a\"b""#,
            "audience: write 1 to 256 printable ASCII characters, without `\"` and `\\`",
        ),
        (
            r#""cluster":"portcullis""#,
            r#""cluster":"""#,
            "cluster: write 1 to 256 printable ASCII characters, without `\"` and `\\`",
        ),
        (
            r#""cluster":"portcullis""#,
            r#""fail_open":true"#,
            "fail_open: unknown member; the known ones are position, audience, log, statementKeys and cluster",
        ),
        (r#"{"name":"shop","#, r#"{"#, "log: lacks `name`"),
        (
            r#"{"name":"shop","#,
            r#"{"name":"other","#,
            "log: `origin` is not an origin of this log: write the name, `/log/` and 32 hex digits",
        ),
        (
            r#"{"name":"shop","#,
            r#"{"name":"shop","more":[{}],"#,
            "log: has an unknown member; the known ones are name and origin",
        ),
        (r#""s2""#, r#""s1""#, "statementKeys: two keys have the same `kid`"),
        (r#""position":"seal""#, r#""position":"seal","position":"gate""#, "position: a member occurs twice"),
    ] {
        let other = json.replacen(from, to, 1);
        assert_ne!(other, json, "{from} is there");
        assert_eq!(faults(&other).first().map(String::as_str), Some(fault), "{other}");
    }
    let keys = |keys: &[String]| {
        let (before, rest) = json.split_once(r#""statementKeys":["#).unwrap();
        let (_, after) = rest.split_once("],\"cluster\"").unwrap();
        faults(&format!("{before}\"statementKeys\":[{}],\"cluster\"{after}", keys.join(",")))
    };
    let ed25519 = jwk("s1", Algorithm::Ed25519, 1);
    assert_eq!(keys(&[ed25519]), ["statementKeys: a key is not for ES256, with which statements are signed"]);
    let number = "statementKeys: write 1 to 16 keys: the server's public statement keys, each with its `kid`";
    assert_eq!(keys(&[]), [number]);
    let many: Vec<_> = (1..=17).map(|n| jwk(&format!("s{n}"), Algorithm::Es256, n)).collect();
    assert_eq!(keys(&many), [number]);
}

#[test]
fn all_faults_are_reported_at_once_and_what_is_missing_is_named() {
    assert_eq!(
        faults("{}"),
        [
            "position: is missing",
            "audience: is missing",
            "log: is missing",
            "statementKeys: is missing",
            "cluster: is missing"
        ]
    );
    let several =
        faults(r#"{"position":1,"audience":{"a":[1,"]"]},"log":{"name":""},"more":null,"cluster":"c"}"#);
    let places: Vec<_> = several.iter().filter_map(|fault| fault.split(": ").next()).collect();
    assert_eq!(places, ["position", "audience", "log", "more", "statementKeys"], "{several:?}");
}

#[test]
fn what_is_no_object_is_refused_with_one_fault() {
    for text in ["", "[]", "7", "{", "\u{feff}{}", "{}{}", "{\"position\"}"] {
        assert_eq!(faults(text).len(), 1, "{text:?}: {:?}", faults(text));
    }
    assert_eq!(FilterConfig::parse(b"\xff").unwrap_err().len(), 1);
}
