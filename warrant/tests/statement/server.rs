//! A small server: parts, a statement of them, and answers. A test changes what it says.

use std::collections::{BTreeMap, BTreeSet};

use warrant::{
    Algorithm, AwsLcVerifier, Denial, Digest, Host, Mark, PathPattern, RevocationKind, Seconds,
    mint::{PureSigner, Signer as _},
    statement::{
        Answer, Ended, Found, Halts, Held, MarkSet, Match, NotTaken, Pins, Posture, Rule, Rules, Section,
        Statement,
    },
};

use crate::common::{NOW, signer, terms, trust};

pub(crate) const ORIGIN: &str = "shop/log/000102030405060708090a0b0c0d0e0f";
pub(crate) const RESTORED: &str = "shop/log/101112131415161718191a1b1c1d1e1f";

/// What a server says, and the key that it signs with.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) rules: Rules,
    pub(crate) halts: Halts,
    pub(crate) revocations: MarkSet,
    pub(crate) ended: Ended,
    /// The claims. The digests of the parts are filled in when it is signed.
    pub(crate) says: Statement,
    pub(crate) key: (u8, &'static str),
}

impl Server {
    pub(crate) fn new() -> Self {
        let nothing = Digest::of(b"");
        let says = Statement {
            aud: "shop".into(),
            bundle: Digest::of(b"bundle"),
            ended: nothing,
            exp: Seconds::new(NOW + 20),
            halts: nothing,
            iat: Seconds::new(NOW),
            iss: ORIGIN.into(),
            judged: 90,
            n: 7,
            posture: Posture::Normal,
            restored: vec![],
            revocations: nothing,
            root: Digest::of(b"root at 100"),
            rules: nothing,
            seq: 100,
            version: 3,
        };
        let revocations = MarkSet::new([mark(1), mark(2)]);
        let ended = Ended::new(BTreeMap::from([([5; 16], Denial::Revoked)]));
        Self { rules: rules(), halts: halts(), revocations, ended, says, key: (100, "s1") }
    }

    /// The next statement: a second later, with another fact on record.
    pub(crate) fn next(&self) -> Self {
        let mut next = self.clone();
        next.says.n += 1;
        next.says.seq += 1;
        next.says.root = Digest::of(format!("root at {}", next.says.seq).as_bytes());
        next.says.iat = next.says.iat.plus(1);
        next.says.exp = next.says.exp.plus(1);
        next
    }

    /// The server of the restored log.
    pub(crate) fn restored(&self) -> Self {
        let mut new = self.clone();
        new.says.restored = vec![new.says.iss.clone()];
        new.says.iss = RESTORED.into();
        (new.says.n, new.says.seq, new.says.judged) = (1, 2, 2);
        new.says.root = Digest::of(b"another root");
        new
    }

    pub(crate) fn statement(&self) -> Statement {
        Statement {
            rules: self.rules.digest(),
            halts: self.halts.digest(),
            revocations: self.revocations.digest(),
            ended: self.ended.digest(),
            ..self.says.clone()
        }
    }

    pub(crate) fn jws(&self) -> String {
        let (seed, kid) = self.key;
        self.statement().sign(&signer(Algorithm::Es256, seed), kid).unwrap()
    }

    /// An answer to a poll that holds nothing.
    pub(crate) fn whole(&self) -> Answer<'static> {
        Answer {
            statement: self.jws().into_bytes().into(),
            rules: Some(self.rules.to_json().as_bytes().to_vec().into()),
            halts: Some(self.halts.to_json().as_bytes().to_vec().into()),
            revocations: Some(Section::Whole(self.revocations.to_bytes().into())),
            ended: Some(Section::Whole(self.ended.to_bytes().into())),
        }
    }

    /// An answer to a poll that holds everything.
    pub(crate) fn bare(&self) -> Answer<'static> {
        Answer { statement: self.jws().into_bytes().into(), ..Answer::default() }
    }

    /// An answer to a poll that holds what `older` has.
    pub(crate) fn since(&self, older: &Self) -> Answer<'static> {
        Answer {
            revocations: Some(Section::Delta(self.revocations.delta_from(&older.revocations).into())),
            ended: Some(Section::Delta(self.ended.delta_from(&older.ended).into())),
            ..self.bare()
        }
    }
}

pub(crate) fn statement_key(seed: u8) -> PureSigner {
    signer(Algorithm::Es256, seed)
}

pub(crate) fn pins() -> Pins {
    Pins {
        audience: "shop".into(),
        log_name: "shop".into(),
        origin: None,
        keys: vec![("s1".into(), *statement_key(100).public_key())],
    }
}

/// Takes an answer at the usual time, by the usual pins.
pub(crate) fn take(before: Option<&Held>, answer: &Answer<'_>) -> Result<Held, NotTaken> {
    take_by(before, &pins(), answer)
}

pub(crate) fn take_by(before: Option<&Held>, pins: &Pins, answer: &Answer<'_>) -> Result<Held, NotTaken> {
    Held::take(before, pins, &answer.encode(), Seconds::new(NOW), &AwsLcVerifier)
}

/// What a gate holds that took the whole answer of this server.
pub(crate) fn held(server: &Server) -> Held {
    take(None, &server.whole()).unwrap()
}

pub(crate) fn mark(number: u64) -> Mark {
    Mark::of(RevocationKind::Sub, "", &format!("spiffe://shop/{number}"))
}

pub(crate) fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

pub(crate) fn one_match<T>(host_name: &str, methods: &[&str], path: &str, says: T) -> Match<T> {
    let methods = methods.iter().map(|method| (*method).into()).collect();
    Match::new(host(host_name), methods, PathPattern::parse(path).unwrap(), says).unwrap()
}

pub(crate) fn rule(to: Found, until: Option<u64>) -> Rule {
    Rule::new(to, until.map(Seconds::new)).unwrap()
}

pub(crate) fn hosts() -> BTreeMap<Host, BTreeSet<Host>> {
    BTreeMap::from([
        (host("payments.shop"), BTreeSet::from([host("pay.shop:8443"), host("pay")])),
        (host("static.shop"), BTreeSet::new()),
    ])
}

pub(crate) fn rules() -> Rules {
    let matches = vec![
        one_match("payments.shop", &["GET"], "/health", rule(Found::Ungoverned, None)),
        one_match("payments.shop", &["POST", "GET"], "/v1/old/kept/*", rule(Found::Governed, None)),
        one_match("payments.shop", &["GET", "POST"], "/v1/old/**", rule(Found::Observed, Some(NOW + 60))),
        one_match("static.shop", &["GET"], "/**", rule(Found::Ungoverned, Some(NOW + 30))),
    ];
    Rules::new(terms(), trust(), hosts(), matches, None).unwrap()
}

pub(crate) fn halts() -> Halts {
    let matches = vec![
        one_match("payments.shop", &["POST"], "/v1/refunds/small/**", false),
        one_match("payments.shop", &["GET", "POST"], "/v1/refunds/**", true),
    ];
    Halts::new(BTreeSet::from(["https://stolen.shop".into()]), matches).unwrap()
}
