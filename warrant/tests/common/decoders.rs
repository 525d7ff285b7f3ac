//! One entry point for each decoder. It takes any bytes and must not panic. The fuzz targets and the test `decoders`
//! share these entry points.

use std::sync::OnceLock;

use warrant::{
    Algorithm, Denial, Digest, Host, Method, PathPattern, PresentedProof, PresentedWarrant, PublicKey,
    PureVerifier, RawPath, Seconds, Signature, Stamp, SubjectPattern, Terms, Thumbprint, Trust,
    mint::{PureSigner, Signer as _},
    single_header,
    statement::{
        Answer, Ended, FilterConfig, Halts, Held, MarkSet, NotTaken, Part, Pins, Posture, Rules, Section,
        Statement,
    },
    verifier::is_signed_by,
};

/// Decodes any bytes, and asserts what must be true of the result.
pub type Decoder = fn(&[u8]);

/// Each decoder, with the name of its fuzz target.
pub const DECODERS: &[(&str, Decoder)] = &[
    ("warrant", warrant),
    ("proof", proof),
    ("jwk", jwk),
    ("path", path),
    ("pattern", pattern),
    ("signature", signature),
    ("names", names),
    ("stamp", stamp),
    ("statement", statement),
    ("parts", parts),
    ("delta", delta),
    ("filter", filter),
];

/// The header `Warrant`.
pub fn warrant(bytes: &[u8]) {
    match PresentedWarrant::parse(bytes) {
        Ok(presented) => {
            assert!(PresentedWarrant::first_fault(bytes).is_none(), "both readings agree");
            assert!((1..=8).contains(&presented.len()));
            assert_eq!(presented.header().as_bytes(), bytes);
            assert_eq!(
                presented.unverified_claims().unwrap().len(),
                presented.len(),
                "what was parsed can be read again"
            );
            let without_trust = presented.verify(&Trust::default(), &PureVerifier).err();
            assert!(matches!(without_trust, Some(Denial::WarrantMalformed | Denial::IssuerUntrusted)));
        }
        Err(denial) => {
            assert!(matches!(
                denial,
                Denial::RequestAmbiguous | Denial::WarrantMissing | Denial::WarrantMalformed
            ));
        }
    }
}

/// The header `Warrant-Proof`.
pub fn proof(bytes: &[u8]) {
    if let Err(denial) = PresentedProof::parse(bytes) {
        assert!(matches!(denial, Denial::RequestAmbiguous | Denial::ProofMissing | Denial::ProofInvalid));
    }
}

/// A JWK.
pub fn jwk(bytes: &[u8]) {
    if let Ok(key) = PublicKey::from_jwk(bytes) {
        assert_eq!(PublicKey::from_jwk(key.to_jwk_json().as_bytes()), Ok(key));
        assert_eq!(PublicKey::from_raw(key.alg(), key.as_raw()), Ok(key));
    }
}

/// A raw path with its query, and values of a header.
pub fn path(bytes: &[u8]) {
    if let Ok((path, query)) = RawPath::parse(bytes) {
        assert_eq!(path.as_str().len() + query.map_or(0, |q| q.len() + 1), bytes.len());
        assert!(PathPattern::parse("/**").unwrap().matches(&path));
        for segment in path.segments() {
            assert!(!RawPath::unescaped(segment).contains(['/', '\0']));
        }
    }
    let _ = single_header(bytes.split(|b| *b == b'\n'));
}

/// Two patterns of paths.
pub fn pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut patterns = text.split('\n').filter_map(PathPattern::parse);
    if let Some(one) = patterns.next() {
        assert!(one.is_within(&one));
        let all = PathPattern::parse("/**").unwrap();
        assert!(one.is_within(&all));
        if let Some(two) = patterns.next().filter(|two| one.is_within(two)) {
            // A pattern without stars is also a path.
            if let Ok((path, None)) = RawPath::parse(one.as_str().as_bytes()) {
                assert!(!one.matches(&path) || two.matches(&path));
            }
        }
    }
}

/// A key, a signature and a message.
pub fn signature(bytes: &[u8]) {
    let (Some(key), Some(signature), Some(message)) = (bytes.get(..64), bytes.get(64..128), bytes.get(128..))
    else {
        return;
    };
    let signature = Signature::new(signature.try_into().unwrap());
    let der = signature.to_der();
    assert!(der.len() <= 72 && usize::from(der[1]) + 2 == der.len());
    for (algorithm, length) in [(Algorithm::Es256, 64), (Algorithm::Ed25519, 32)] {
        if let Ok(key) = PublicKey::from_raw(algorithm, &key[..length]) {
            assert!(!is_signed_by(&PureVerifier, &key, message, &signature), "a forgery");
        }
    }
}

/// Everything that is parsed from a string.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (Host::parse(text), Method::parse(text), Denial::from_code(text));
    assert!(Digest::parse_base64url(text).is_none_or(|digest| digest.to_base64url() == text));
    assert!(Digest::parse(text).is_none_or(|digest| digest.to_string() == text));
    assert!(Thumbprint::from_uri(text).is_none_or(|thumbprint| thumbprint.uri() == text));
    if let Some(pattern) = SubjectPattern::parse(text) {
        assert_eq!(pattern.to_string(), text);
        assert!(pattern.overlaps(&pattern) || !pattern.matches(text));
    }
}

/// The stamp that the seal reads.
pub fn stamp(bytes: &[u8]) {
    if let Some(stamp) = Stamp::parse(bytes) {
        assert_eq!(stamp.to_text().map(String::into_bytes).as_deref(), Some(bytes), "one stamp has one text");
    }
}

/// The answer of a server to a gate that pins no key, so that none can be taken.
pub fn statement(bytes: &[u8]) {
    let pins = Pins { audience: "demo".into(), log_name: "demo".into(), origin: None, keys: Vec::new() };
    assert!(Held::take(None, &pins, bytes, Seconds::new(1_800_000_000), &PureVerifier).is_err());
    if let Ok(answer) = Answer::decode(bytes) {
        assert_eq!(answer.encode(), bytes, "one answer has one form");
    }
}

/// The parts of a statement that are not signed by themselves.
pub fn parts(bytes: &[u8]) {
    if let Ok(rules) = Rules::parse(bytes, "demo") {
        assert_eq!(rules.to_json().as_bytes(), bytes);
        assert!(rules.host(b"no host").is_none());
    }
    if let Ok(halts) = Halts::parse(bytes) {
        assert_eq!(halts.to_json().as_bytes(), bytes);
    }
    if let Ok(marks) = MarkSet::from_bytes(bytes) {
        assert_eq!(marks.to_bytes(), bytes);
        assert_eq!(MarkSet::new(marks.iter()).digest(), marks.digest());
    }
    if let Ok(ended) = Ended::from_bytes(bytes) {
        assert_eq!(ended.to_bytes(), bytes);
    }
}

/// A change of what a gate holds, after a statement that is signed. Nothing makes the content that the statement names.
pub fn delta(bytes: &[u8]) {
    static GATE: OnceLock<(Pins, Held, String, String)> = OnceLock::new();
    let (pins, held, next, same_marks) = GATE.get_or_init(gate);
    let after = |base: Digest| Some(Section::Delta([&base.bytes()[..], bytes].concat().into()));
    let answer = Answer { statement: next.as_bytes().into(), ..Answer::default() };
    let marks = Answer { revocations: after(held.revocations().digest()), ..answer.clone() };
    let ended =
        Answer { statement: same_marks.as_bytes().into(), ended: after(held.ended().digest()), ..answer };
    for answer in [marks, ended] {
        let taken =
            Held::take(Some(held), pins, &answer.encode(), Seconds::new(1_800_000_000), &PureVerifier);
        let refused = taken.map(drop).unwrap_err();
        assert!(
            matches!(
                refused,
                NotTaken::Malformed(_) | NotTaken::OtherDigest(Part::Revocations | Part::Ended)
            ),
            "{refused}"
        );
    }
}

/// A gate that holds almost nothing, and next statements: one with digests that nothing has, and one of which only the decisions to
/// end have such a digest.
fn gate() -> (Pins, Held, String, String) {
    let key = PureSigner::from_secret(Algorithm::Es256, &[1; 32]).unwrap();
    let (audience, log_name) = ("demo".into(), "demo".into());
    let keys = vec![("s1".into(), *key.public_key())];
    let pins = Pins { audience, log_name, origin: None, keys };
    let terms = Terms::new("demo", 3600, 5).unwrap();
    let rules = Rules::new(terms, Trust::default(), [].into(), Vec::new(), None).unwrap();
    let halts = Halts::new([].into(), Vec::new()).unwrap();
    let (marks, ended) = (MarkSet::default(), Ended::default());
    let first = Statement {
        aud: "demo".into(),
        bundle: Digest::of(b""),
        ended: ended.digest(),
        exp: Seconds::new(1_800_000_030),
        halts: halts.digest(),
        iat: Seconds::new(1_800_000_000),
        iss: "demo/log/000102030405060708090a0b0c0d0e0f".into(),
        judged: 1,
        n: 1,
        posture: Posture::Normal,
        restored: Vec::new(),
        revocations: marks.digest(),
        root: Digest::of(b""),
        rules: rules.digest(),
        seq: 1,
        version: 1,
    };
    let answer = Answer {
        statement: first.sign(&key, "s1").unwrap().into_bytes().into(),
        rules: Some(rules.to_json().as_bytes().into()),
        halts: Some(halts.to_json().as_bytes().into()),
        revocations: Some(Section::Whole(marks.to_bytes().into())),
        ended: Some(Section::Whole(ended.to_bytes().into())),
    };
    let held = Held::take(None, &pins, &answer.encode(), Seconds::new(1_800_000_000), &PureVerifier);
    let nothing_has_it = Digest::of(b"nothing");
    let same_marks = Statement { n: 2, seq: 2, ended: nothing_has_it, ..first };
    let next = Statement { revocations: nothing_has_it, ..same_marks.clone() };
    let [next, same_marks] = [next, same_marks].map(|one| one.sign(&key, "s1").unwrap());
    (pins, held.unwrap(), next, same_marks)
}

/// The configuration of a filter.
pub fn filter(bytes: &[u8]) {
    match FilterConfig::parse(bytes) {
        Ok(config) => assert_eq!(FilterConfig::parse(config.to_json().as_bytes()), Ok(config)),
        Err(faults) => assert!(!faults.is_empty()),
    }
}
