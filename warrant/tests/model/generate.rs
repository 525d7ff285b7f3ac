//! Generates random chains. A child is its parent with a few changes, good or bad. So most chains are nearly right, and
//! every rule is broken now and then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use warrant::{Algorithm, PublicKey};

use crate::common::{AUTHORITY, NOW, forge};

pub(crate) const CAP: u64 = 600;
pub(crate) const LEEWAY: u64 = 5;
pub(crate) const GOOD_SIGNATURE: u8 = 1;
pub(crate) const NO_POINT: u8 = 0xee;

type Set = BTreeSet<&'static str>;

/// The SplitMix64 random number generator. The same seed gives the same numbers.
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// `true` in `percent` of a hundred calls.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// A random subset with at least one member.
    fn some(&mut self, of: &[&'static str]) -> Set {
        let mut set: Set = of.iter().copied().filter(|_| self.chance(60)).collect();
        set.insert(self.one(of));
        set
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModelValue {
    Text(&'static str),
    Flag(bool),
    Number(i64),
}

#[derive(Clone, Debug)]
pub(crate) enum ModelConstraint {
    Exact(ModelValue),
    OneOf(BTreeSet<ModelValue>),
    Range(i64, i64),
    Any,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelDetail {
    pub(crate) hosts: Set,
    pub(crate) methods: Set,
    pub(crate) paths: Set,
    pub(crate) actions: Option<Set>,
    pub(crate) args: BTreeMap<&'static str, ModelConstraint>,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelLink {
    pub(crate) aud: Set,
    pub(crate) sub: &'static str,
    pub(crate) jti: &'static str,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) exp: u64,
    pub(crate) key: u8,
    pub(crate) depth: u64,
    pub(crate) max_depth: u64,
    pub(crate) use_max: Option<u32>,
    pub(crate) env: BTreeMap<&'static str, Set>,
    pub(crate) att: Option<Set>,
    pub(crate) details: Vec<ModelDetail>,
    pub(crate) is_signed: bool,
    pub(crate) names_parent: bool,
    pub(crate) names_signer: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelRequest {
    pub(crate) host: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) action: &'static str,
    pub(crate) args: BTreeMap<&'static str, ModelValue>,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelCase {
    pub(crate) kid: &'static str,
    pub(crate) links: Vec<ModelLink>,
    pub(crate) request: ModelRequest,
    pub(crate) now: u64,
    pub(crate) revoked: Vec<(&'static str, String)>,
    /// A link's position, and the claim that this link lacks.
    pub(crate) lacking: Option<(usize, &'static str)>,
}

const HOSTS: &[&str] = &["a.shop", "b.shop"];
const METHODS: &[&str] = &["GET", "POST"];
const PATHS: &[&str] =
    &["/**", "/v1/**", "/v1/*", "/v1/x", "/v1/*/y", "/v1/x/y", "/v1", "/v1/", "/v1/x%3Az", "/v1/x:z"];
const ACTIONS: &[&str] = &["pay", "read"];
const NAMES: &[&str] = &["amount", "kind"];
const REGIONS: &[&str] = &["eu", "us"];
const DIGESTS: &[&str] = &["a", "b"];

impl ModelCase {
    pub(crate) fn generated(random: &mut SplitMix64) -> Self {
        let mut links = vec![ModelLink::root(random)];
        for position in 1..=random.below(4) {
            let child = links.last().unwrap().child(random, position);
            links.push(child);
        }
        let request = ModelRequest {
            host: if random.chance(85) { "a.shop" } else { "b.shop" },
            method: if random.chance(85) { "POST" } else { "GET" },
            path: random.one(&[
                "/v1/x",
                "/v1/x",
                "/v1/x",
                "/v1/x",
                "/v1/x",
                "/v1/x",
                "/v1/x/y",
                "/v1/",
                "/v1",
                "/v1/x:z",
                "/v1/x%3az",
                "/v2",
            ]),
            action: random.one(ACTIONS),
            args: NAMES
                .iter()
                .filter(|_| random.chance(90))
                .copied()
                .collect::<Vec<_>>()
                .into_iter()
                .map(|name| (name, value(random)))
                .collect(),
        };
        let revoked = if random.chance(4) { vec![revocation(random, &links)] } else { vec![] };
        let lacking = random.chance(2).then(|| {
            (random.below(links.len() as u64) as usize, random.one(&["sub", "env", "exp", "cnf", "jti"]))
        });
        let kid = if random.chance(2) { "a2" } else { "a1" };
        let now = if random.chance(95) { NOW } else { NOW - 60 + random.below(300) };
        Self { kid, links, request, now, revoked, lacking }
    }

    pub(crate) fn text(&self) -> String {
        let mut texts: Vec<String> = Vec::new();
        for (position, link) in self.links.iter().enumerate() {
            let mut claims = link.json();
            if position == 0 {
                claims["iss"] = json!(AUTHORITY);
                claims["txn"] = json!("t1");
            } else {
                let signer = if link.names_signer { self.links[position - 1].key } else { 200 };
                claims["iss"] = json!(key(signer).thumbprint().uri());
                let parent = if link.names_parent { texts[position - 1].as_str() } else { "x.y.z" };
                claims["parent"] = json!(forge::digest_of(parent));
            }
            if let Some((at, claim)) = self.lacking.filter(|(at, _)| *at == position) {
                assert!(claims.as_object_mut().unwrap().remove(claim).is_some(), "{at} {claim}");
            }
            let header = if position == 0 {
                format!(r#"{{"alg":"ES256","typ":"warrant+jwt","kid":"{}"}}"#, self.kid)
            } else {
                forge::link_header()
            };
            let signature = [if link.is_signed { GOOD_SIGNATURE } else { 2 }; 64];
            texts.push(format!(
                "{}.{}",
                forge::signing_input(&header, &claims.to_string()),
                forge::base64url(&signature)
            ));
        }
        texts.join("~")
    }
}

impl ModelLink {
    fn root(random: &mut SplitMix64) -> Self {
        let count = 1 + random.below(2);
        Self {
            aud: if random.chance(92) { Set::from(["shop"]) } else { random.some(&["shop", "bank"]) },
            sub: if random.chance(97) { "agent:a" } else { "person:a" },
            jti: "j0",
            iat: NOW - 10,
            nbf: NOW - 20 + random.below(10),
            exp: if random.chance(97) { NOW + 100 + random.below(100) } else { NOW + 700 },
            key: 10,
            depth: u64::from(random.chance(1)),
            max_depth: random.one(&[0, 2, 3, 3, 7, 7]),
            use_max: random.one(&[None, Some(1), Some(5)]),
            env: if random.chance(30) {
                BTreeMap::from([("region", random.some(REGIONS))])
            } else {
                BTreeMap::new()
            },
            att: random.chance(20).then(|| random.some(DIGESTS)),
            details: (0..count).map(|_| ModelDetail::generated(random)).collect(),
            is_signed: random.chance(99),
            names_parent: true,
            names_signer: true,
        }
    }

    /// A copy for the next holder, with up to three changes.
    fn child(&self, random: &mut SplitMix64, position: u64) -> Self {
        let mut child = self.clone();
        child.jti = ["j0", "j1", "j2", "j3"][position as usize];
        child.key = if random.chance(99) { 10 + position as u8 } else { NO_POINT };
        child.depth = if random.chance(98) { position } else { random.below(4) };
        child.is_signed = random.chance(99);
        child.names_parent = random.chance(98);
        child.names_signer = random.chance(98);
        for _ in 0..random.below(4) {
            match random.below(13) {
                0 => {
                    child.aud =
                        if random.chance(60) { Set::from(["shop"]) } else { random.some(&["shop", "bank"]) }
                }
                1 => child.iat = NOW - 12 + random.below(20),
                2 => child.nbf = NOW - 25 + random.below(32),
                3 => child.exp = NOW + 50 + random.below(120),
                4 => child.max_depth = random.below(9),
                5 => child.use_max = random.one(&[None, Some(1), Some(5), Some(9)]),
                6 => child.env = BTreeMap::from([("region", random.some(REGIONS))]),
                7 => child.env = BTreeMap::new(),
                8 => child.att = random.chance(70).then(|| random.some(DIGESTS)),
                9 => child.details.truncate(1),
                10 => child.details.push(ModelDetail::generated(random)),
                _ => {
                    let at = random.below(child.details.len() as u64) as usize;
                    child.details[at].change(random);
                }
            }
        }
        child
    }

    fn json(&self) -> Value {
        let mut claims = json!({
            "sub": self.sub, "aud": self.aud, "jti": self.jti, "iat": self.iat, "nbf": self.nbf, "exp": self.exp,
            "cnf": {"jwk": serde_json::from_str::<Value>(&key(self.key).to_jwk_json()).unwrap()},
            "depth": self.depth, "max_depth": self.max_depth, "env": self.env,
            "authorization_details": self.details.iter().map(ModelDetail::json).collect::<Vec<_>>(),
        });
        if let Some(max) = self.use_max {
            claims["use"] = json!({"max": max});
        }
        if let Some(att) = &self.att {
            let digests: Vec<_> = att.iter().map(|digit| format!("sha256:{}", digit.repeat(64))).collect();
            claims["att"] = json!({"measurement": digests});
        }
        claims
    }
}

impl ModelDetail {
    fn generated(random: &mut SplitMix64) -> Self {
        let mut detail = Self {
            hosts: random.some(HOSTS),
            methods: random.some(METHODS),
            paths: Set::from([random.one(&["/**", "/v1/**", "/v1/*", "/v1/x", "/v1/*/y"])]),
            actions: random.chance(20).then(|| random.some(ACTIONS)),
            args: BTreeMap::new(),
        };
        if random.chance(40) {
            detail.args.insert(random.one(NAMES), constraint(random));
        }
        detail
    }

    fn change(&mut self, random: &mut SplitMix64) {
        match random.below(7) {
            0 => self.hosts = random.some(HOSTS),
            1 => self.methods = random.some(METHODS),
            2 | 3 => self.paths = random.some(PATHS),
            4 => self.actions = random.chance(70).then(|| random.some(ACTIONS)),
            5 => drop(self.args.insert(random.one(NAMES), constraint(random))),
            _ => drop(self.args.remove(random.one(NAMES))),
        }
    }

    fn json(&self) -> Value {
        let mut detail =
            json!({"type": "execution", "hosts": self.hosts, "methods": self.methods, "paths": self.paths});
        if let Some(actions) = &self.actions {
            detail["actions"] = json!(actions);
        }
        if !self.args.is_empty() {
            let args: serde_json::Map<_, _> =
                self.args.iter().map(|(name, bound)| ((*name).to_owned(), bound.json())).collect();
            detail["args"] = json!(args);
        }
        detail
    }
}

impl ModelConstraint {
    fn json(&self) -> Value {
        match self {
            Self::Exact(value) => json!({"exact": value.json()}),
            Self::OneOf(values) => json!({"one_of": values.iter().map(ModelValue::json).collect::<Vec<_>>()}),
            Self::Range(low, high) => json!({"range": [low, high]}),
            Self::Any => json!({"any": true}),
        }
    }
}

impl ModelValue {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Flag(flag) => json!(flag),
            Self::Number(number) => json!(number),
        }
    }
}

fn value(random: &mut SplitMix64) -> ModelValue {
    random
        .one(
            &[
                ModelValue::Number(1),
                ModelValue::Number(2),
                ModelValue::Number(3),
                ModelValue::Number(-4),
                ModelValue::Text("1"),
                ModelValue::Text(""),
                ModelValue::Flag(true),
            ]
            .each_ref(),
        )
        .clone()
}

fn constraint(random: &mut SplitMix64) -> ModelConstraint {
    match random.below(5) {
        0 => ModelConstraint::Exact(value(random)),
        1 => ModelConstraint::OneOf((0..=random.below(4)).map(|_| value(random)).collect()),
        2 => {
            let (one, two) = (random.below(6) as i64, random.below(6) as i64);
            ModelConstraint::Range(one.min(two) - 3, one.max(two))
        }
        _ => ModelConstraint::Any,
    }
}

fn revocation(random: &mut SplitMix64, links: &[ModelLink]) -> (&'static str, String) {
    let at = random.below(links.len() as u64) as usize;
    let path = || links[..=at].iter().map(|link| link.jti).collect::<Vec<_>>().join("/");
    match random.below(5) {
        0 => ("path", path()),
        1 => ("path", links[at].jti.to_owned()),
        2 => ("key", key(random.one(&[1, 10, 11, 12])).thumbprint().to_string()),
        3 => ("txn", random.one(&["t1", "t2"]).to_owned()),
        _ => ("sub", random.one(&["agent:a", "agent:b"]).to_owned()),
    }
}

/// A key of good form. Only the stand-in verifier accepts it as a point.
pub(crate) fn key(number: u8) -> PublicKey {
    PublicKey::from_raw(Algorithm::Es256, &[number; 64]).unwrap()
}
