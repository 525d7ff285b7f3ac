//! A small mesh for the tests of this crate: one authority, one holder, one host.

use std::collections::{BTreeMap, BTreeSet};

use warrant::{
    Algorithm, Chain, Denial, Digest, Host, Issuer, Mark, PathPattern, PresentedWarrant, PublicKey,
    PureVerifier, Seconds, SubjectPattern, Terms, Trust,
    mint::{Delegation, Grant, GrantDetail, PureSigner, Root, Signer},
    statement::{
        Answer, DecisionKey, Ended, FilterConfig, Found, Halts, Held, MarkSet, Match, Pins, Position,
        Posture, Rule, Rules, Section, Statement,
    },
};

pub(crate) const NOW: Seconds = Seconds::new(1_800_000_000);

pub(crate) fn authority() -> PureSigner {
    PureSigner::from_secret(Algorithm::Es256, &[1; 32]).unwrap()
}

pub(crate) fn holder() -> PureSigner {
    PureSigner::from_secret(Algorithm::Ed25519, &[2; 32]).unwrap()
}

/// A key that no configuration names.
pub(crate) fn stranger() -> PureSigner {
    PureSigner::from_secret(Algorithm::Es256, &[3; 32]).unwrap()
}

/// What signs statements.
fn statement_key() -> PureSigner {
    PureSigner::from_secret(Algorithm::Es256, &[4; 32]).unwrap()
}

/// A key that signs no statement here.
pub(crate) fn stranger_key() -> PublicKey {
    *stranger().public_key()
}

pub(crate) fn config() -> FilterConfig {
    let pins = Pins {
        audience: "demo".into(),
        log_name: "demo".into(),
        origin: None,
        keys: vec![("s1".into(), *statement_key().public_key())],
    };
    FilterConfig { position: Position::Gate, pins, cluster: "portcullis".into() }
}

pub(crate) fn trust() -> Trust {
    let issuer = Issuer {
        iss: "https://authority.demo".to_owned(),
        keys: vec![("a1".to_owned(), *authority().public_key())],
        subjects: vec![SubjectPattern::parse("agent:*").unwrap()],
        starters: Vec::new(),
    };
    Trust::new(vec![issuer]).unwrap()
}

/// What the server of the small mesh says. A test changes it.
#[derive(Clone)]
pub(crate) struct Says {
    pub(crate) statement: Statement,
    pub(crate) rules: Rules,
    pub(crate) halts: Halts,
    pub(crate) revocations: MarkSet,
    pub(crate) ended: Ended,
}

pub(crate) fn says() -> Says {
    let host = |text| Host::parse(text).unwrap();
    let names = ["localhost:10000", "127.0.0.1"].map(host);
    let hosts =
        BTreeMap::from([(host("localhost"), BTreeSet::from(names)), (host("other"), BTreeSet::new())]);
    let rule = |path, to| {
        let rule = Rule::new(to, None).unwrap();
        Match::new(host("localhost"), ["GET".into()].into(), PathPattern::parse(path).unwrap(), rule).unwrap()
    };
    let matches = vec![rule("/open/**", Found::Ungoverned), rule("/watched/**", Found::Observed)];
    let nothing = Digest::of(b"");
    Says {
        statement: Statement {
            aud: "demo".into(),
            bundle: nothing,
            ended: nothing,
            exp: NOW.plus(30),
            halts: nothing,
            iat: NOW,
            iss: "demo/log/000102030405060708090a0b0c0d0e0f".into(),
            judged: 10,
            n: 1,
            posture: Posture::Normal,
            restored: Vec::new(),
            revocations: nothing,
            root: nothing,
            rules: nothing,
            seq: 10,
            version: 1,
        },
        rules: Rules::new(Terms::new("demo", 3600, 5).unwrap(), trust(), hosts, matches, None).unwrap(),
        halts: Halts::new(BTreeSet::new(), Vec::new()).unwrap(),
        revocations: MarkSet::default(),
        ended: Ended::default(),
    }
}

impl Says {
    /// The same a moment later, with something changed: the next number, and the next size of the log.
    pub(crate) fn next(&self, change: impl FnOnce(&mut Says)) -> Says {
        let mut next = self.clone();
        for number in [&mut next.statement.n, &mut next.statement.seq, &mut next.statement.judged] {
            *number = number.saturating_add(1);
        }
        next.statement.root = Digest::of(&next.statement.seq.to_be_bytes());
        change(&mut next);
        next
    }

    /// The answer to somebody who holds this, or nothing.
    pub(crate) fn answer(&self, held: Option<&Says>) -> Vec<u8> {
        let signed = Statement {
            rules: self.rules.digest(),
            halts: self.halts.digest(),
            revocations: self.revocations.digest(),
            ended: self.ended.digest(),
            ..self.statement.clone()
        };
        let differs = |same: fn(&Says, &Says) -> bool| held.is_none_or(|held| !same(held, self));
        let revocations = match held {
            Some(held) => Section::Delta(self.revocations.delta_from(&held.revocations).into()),
            None => Section::Whole(self.revocations.to_bytes().into()),
        };
        let ended = match held {
            Some(held) => Section::Delta(self.ended.delta_from(&held.ended).into()),
            None => Section::Whole(self.ended.to_bytes().into()),
        };
        let answer = Answer {
            statement: signed.sign(&statement_key(), "s1").unwrap().into_bytes().into(),
            rules: differs(|a, b| a.rules == b.rules).then(|| self.rules.to_json().as_bytes().into()),
            halts: differs(|a, b| a.halts == b.halts).then(|| self.halts.to_json().as_bytes().into()),
            revocations: differs(|a, b| a.revocations == b.revocations).then_some(revocations),
            ended: differs(|a, b| a.ended == b.ended).then_some(ended),
        };
        answer.encode()
    }

    /// What a gate holds that was told this.
    pub(crate) fn held(&self) -> Held {
        Held::take(None, &config().pins, &self.answer(None), NOW, &PureVerifier).unwrap()
    }
}

/// What is held with these marks revoked, and these decisions to end.
pub(crate) fn held_with(revoked: &[Mark], ended: &[(DecisionKey, Denial)]) -> Held {
    let revocations = MarkSet::new(revoked.iter().copied());
    Says { revocations, ended: Ended::new(ended.iter().copied().collect()), ..says() }.held()
}

/// The grant of the good warrant.
pub(crate) fn grant() -> Grant {
    let texts = |text: &str| vec![text.to_owned()];
    Grant {
        sub: "agent:demo".to_owned(),
        cnf: *holder().public_key(),
        aud: texts("demo"),
        jti: "j1".to_owned(),
        iat: NOW,
        nbf: NOW,
        exp: NOW.plus(300),
        max_depth: 2,
        use_max: None,
        env: Vec::new(),
        att: None,
        details: vec![GrantDetail {
            hosts: texts("localhost"),
            methods: texts("GET"),
            paths: texts("/hello/**"),
            actions: None,
            args: Vec::new(),
        }],
    }
}

pub(crate) fn root(grant: &Grant) -> Root {
    Root {
        iss: "https://authority.demo".to_owned(),
        txn: "t1".to_owned(),
        ini: None,
        pol: None,
        dec: None,
        attr: None,
        grant: grant.clone(),
    }
}

pub(crate) fn signed_by_authority(grant: &Grant) -> String {
    root(grant).sign(&authority(), "a1").unwrap()
}

pub(crate) fn warrant() -> String {
    signed_by_authority(&grant())
}

/// The good warrant, delegated by its holder to itself.
pub(crate) fn delegated() -> String {
    let parent = warrant();
    let parent = PresentedWarrant::parse(parent.as_bytes()).unwrap();
    Delegation { grant: Grant { jti: "j2".to_owned(), ..grant() } }.sign(&parent, &holder()).unwrap()
}

pub(crate) fn chain() -> Chain {
    let warrant = warrant();
    PresentedWarrant::parse(warrant.as_bytes()).unwrap().verify(&trust(), &PureVerifier).unwrap()
}
