//! Chains thrown by dice: a child is its parent with a few things changed, for better or worse, so that most chains are
//! nearly right and every rule gets its turn.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use warrant::{Algorithm, PublicKey};

use crate::common::{AUTHORITY, NOW, forge};

pub(crate) const CAP: u64 = 600;
pub(crate) const LEEWAY: u64 = 5;
pub(crate) const GOOD_SIGNATURE: u8 = 1;
pub(crate) const NO_POINT: u8 = 0xee;

type Set = BTreeSet<&'static str>;

/// SplitMix64: repeatable from its seed.
pub(crate) struct Dice(u64);

impl Dice {
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

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// One or more of these.
    fn some(&mut self, of: &[&'static str]) -> Set {
        let mut set: Set = of.iter().copied().filter(|_| self.percent(60)).collect();
        set.insert(self.one(of));
        set
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum V {
    Text(&'static str),
    Flag(bool),
    Number(i64),
}

#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Exact(V),
    OneOf(BTreeSet<V>),
    Range(i64, i64),
    Any,
}

#[derive(Clone, Debug)]
pub(crate) struct Detail {
    pub(crate) hosts: Set,
    pub(crate) methods: Set,
    pub(crate) paths: Set,
    pub(crate) actions: Option<Set>,
    pub(crate) args: BTreeMap<&'static str, Bound>,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
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
    pub(crate) details: Vec<Detail>,
    pub(crate) is_signed: bool,
    pub(crate) names_parent: bool,
    pub(crate) names_signer: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) host: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) action: &'static str,
    pub(crate) args: BTreeMap<&'static str, V>,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kid: &'static str,
    pub(crate) links: Vec<Link>,
    pub(crate) request: Request,
    pub(crate) now: u64,
    pub(crate) revoked: Vec<(&'static str, String)>,
    /// A claim that one link lacks.
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

impl Case {
    pub(crate) fn thrown(dice: &mut Dice) -> Self {
        let mut links = vec![Link::root(dice)];
        for position in 1..=dice.below(4) {
            let child = links.last().unwrap().child(dice, position);
            links.push(child);
        }
        let request = Request {
            host: if dice.percent(85) { "a.shop" } else { "b.shop" },
            method: if dice.percent(85) { "POST" } else { "GET" },
            path: dice.one(&[
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
            action: dice.one(ACTIONS),
            args: NAMES
                .iter()
                .filter(|_| dice.percent(90))
                .copied()
                .collect::<Vec<_>>()
                .into_iter()
                .map(|name| (name, value(dice)))
                .collect(),
        };
        let revoked = if dice.percent(4) { vec![revocation(dice, &links)] } else { vec![] };
        let lacking = dice.percent(2).then(|| {
            (dice.below(links.len() as u64) as usize, dice.one(&["sub", "env", "exp", "cnf", "jti"]))
        });
        let kid = if dice.percent(2) { "a2" } else { "a1" };
        let now = if dice.percent(95) { NOW } else { NOW - 60 + dice.below(300) };
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

impl Link {
    fn root(dice: &mut Dice) -> Self {
        let count = 1 + dice.below(2);
        Self {
            aud: if dice.percent(92) { Set::from(["shop"]) } else { dice.some(&["shop", "bank"]) },
            sub: if dice.percent(97) { "agent:a" } else { "person:a" },
            jti: "j0",
            iat: NOW - 10,
            nbf: NOW - 20 + dice.below(10),
            exp: if dice.percent(97) { NOW + 100 + dice.below(100) } else { NOW + 700 },
            key: 10,
            depth: u64::from(dice.percent(1)),
            max_depth: dice.one(&[0, 2, 3, 3, 7, 7]),
            use_max: dice.one(&[None, Some(1), Some(5)]),
            env: if dice.percent(30) {
                BTreeMap::from([("region", dice.some(REGIONS))])
            } else {
                BTreeMap::new()
            },
            att: dice.percent(20).then(|| dice.some(DIGESTS)),
            details: (0..count).map(|_| Detail::thrown(dice)).collect(),
            is_signed: dice.percent(99),
            names_parent: true,
            names_signer: true,
        }
    }

    /// The same for the next holder, with now and then one thing changed.
    fn child(&self, dice: &mut Dice, position: u64) -> Self {
        let mut child = self.clone();
        child.jti = ["j0", "j1", "j2", "j3"][position as usize];
        child.key = if dice.percent(99) { 10 + position as u8 } else { NO_POINT };
        child.depth = if dice.percent(98) { position } else { dice.below(4) };
        child.is_signed = dice.percent(99);
        child.names_parent = dice.percent(98);
        child.names_signer = dice.percent(98);
        for _ in 0..dice.below(4) {
            match dice.below(13) {
                0 => {
                    child.aud =
                        if dice.percent(60) { Set::from(["shop"]) } else { dice.some(&["shop", "bank"]) }
                }
                1 => child.iat = NOW - 12 + dice.below(20),
                2 => child.nbf = NOW - 25 + dice.below(32),
                3 => child.exp = NOW + 50 + dice.below(120),
                4 => child.max_depth = dice.below(9),
                5 => child.use_max = dice.one(&[None, Some(1), Some(5), Some(9)]),
                6 => child.env = BTreeMap::from([("region", dice.some(REGIONS))]),
                7 => child.env = BTreeMap::new(),
                8 => child.att = dice.percent(70).then(|| dice.some(DIGESTS)),
                9 => child.details.truncate(1),
                10 => child.details.push(Detail::thrown(dice)),
                _ => {
                    let at = dice.below(child.details.len() as u64) as usize;
                    child.details[at].change(dice);
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
            "authorization_details": self.details.iter().map(Detail::json).collect::<Vec<_>>(),
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

impl Detail {
    fn thrown(dice: &mut Dice) -> Self {
        let mut detail = Self {
            hosts: dice.some(HOSTS),
            methods: dice.some(METHODS),
            paths: Set::from([dice.one(&["/**", "/v1/**", "/v1/*", "/v1/x", "/v1/*/y"])]),
            actions: dice.percent(20).then(|| dice.some(ACTIONS)),
            args: BTreeMap::new(),
        };
        if dice.percent(40) {
            detail.args.insert(dice.one(NAMES), bound(dice));
        }
        detail
    }

    fn change(&mut self, dice: &mut Dice) {
        match dice.below(7) {
            0 => self.hosts = dice.some(HOSTS),
            1 => self.methods = dice.some(METHODS),
            2 | 3 => self.paths = dice.some(PATHS),
            4 => self.actions = dice.percent(70).then(|| dice.some(ACTIONS)),
            5 => drop(self.args.insert(dice.one(NAMES), bound(dice))),
            _ => drop(self.args.remove(dice.one(NAMES))),
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

impl Bound {
    fn json(&self) -> Value {
        match self {
            Self::Exact(value) => json!({"exact": value.json()}),
            Self::OneOf(values) => json!({"one_of": values.iter().map(V::json).collect::<Vec<_>>()}),
            Self::Range(low, high) => json!({"range": [low, high]}),
            Self::Any => json!({"any": true}),
        }
    }
}

impl V {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Flag(flag) => json!(flag),
            Self::Number(number) => json!(number),
        }
    }
}

fn value(dice: &mut Dice) -> V {
    dice.one(
        &[V::Number(1), V::Number(2), V::Number(3), V::Number(-4), V::Text("1"), V::Text(""), V::Flag(true)]
            .each_ref(),
    )
    .clone()
}

fn bound(dice: &mut Dice) -> Bound {
    match dice.below(5) {
        0 => Bound::Exact(value(dice)),
        1 => Bound::OneOf((0..=dice.below(4)).map(|_| value(dice)).collect()),
        2 => {
            let (one, two) = (dice.below(6) as i64, dice.below(6) as i64);
            Bound::Range(one.min(two) - 3, one.max(two))
        }
        _ => Bound::Any,
    }
}

fn revocation(dice: &mut Dice, links: &[Link]) -> (&'static str, String) {
    let at = dice.below(links.len() as u64) as usize;
    let path = || links[..=at].iter().map(|link| link.jti).collect::<Vec<_>>().join("/");
    match dice.below(5) {
        0 => ("path", path()),
        1 => ("path", links[at].jti.to_owned()),
        2 => ("key", key(dice.one(&[1, 10, 11, 12])).thumbprint().to_string()),
        3 => ("txn", dice.one(&["t1", "t2"]).to_owned()),
        _ => ("sub", dice.one(&["agent:a", "agent:b"]).to_owned()),
    }
}

/// A key of good form; only the stand-in takes it for a point.
pub(crate) fn key(number: u8) -> PublicKey {
    PublicKey::from_raw(Algorithm::Es256, &[number; 64]).unwrap()
}
