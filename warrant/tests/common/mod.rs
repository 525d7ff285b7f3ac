//! A small mesh for the tests: one authority, numbered holders, and a warrant that is good until a test changes it.

#![allow(dead_code, reason = "each test crate uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::string_slice,
    reason = "tests may panic: that is how they fail"
)]

pub(crate) mod cases;
pub(crate) mod forge;
pub(crate) mod garbage;
pub(crate) mod vector;

use warrant::{
    Algorithm, Chain, ChainExpectations, Denial, Host, Issuer, Method, PresentedWarrant, PureVerifier,
    RawPath, Revocable, Seconds, SubjectPattern, Target, Terms, Trust,
    mint::{Delegation, Grant, GrantDetail, PureSigner, Root, Signer as _},
};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const AUTHORITY: &str = "https://authority.shop";

pub(crate) fn signer(algorithm: Algorithm, seed: u8) -> PureSigner {
    PureSigner::from_secret(algorithm, &[seed; 32]).unwrap()
}

/// The authority's key is number 1; holders are numbered from 10.
pub(crate) fn authority() -> PureSigner {
    signer(Algorithm::Es256, 1)
}

pub(crate) fn holder(position: u8) -> PureSigner {
    signer(Algorithm::Es256, 10 + position)
}

pub(crate) fn trust() -> Trust {
    Trust::new(vec![Issuer {
        iss: AUTHORITY.into(),
        keys: vec![("a1".into(), *authority().public_key())],
        subjects: ["spiffe://shop/**", "agent:*"].iter().map(|p| SubjectPattern::parse(p).unwrap()).collect(),
        starters: vec!["https://idp.shop".into()],
    }])
    .unwrap()
}

pub(crate) fn terms() -> Terms {
    Terms::new("shop", 3600, 5).unwrap()
}

pub(crate) fn detail() -> GrantDetail {
    GrantDetail {
        hosts: vec!["payments.shop".into()],
        methods: vec!["POST".into()],
        paths: vec!["/v1/payments/**".into()],
        ..GrantDetail::default()
    }
}

pub(crate) fn grant(position: u8) -> Grant {
    Grant {
        sub: format!("spiffe://shop/ns/shop/sa/h{position}"),
        cnf: *holder(position).public_key(),
        aud: vec!["shop".into()],
        jti: format!("j{position}"),
        iat: Seconds::new(NOW - 10),
        nbf: Seconds::new(NOW - 10),
        exp: Seconds::new(NOW + 50),
        max_depth: 7,
        use_max: None,
        env: vec![],
        att: None,
        details: vec![detail()],
    }
}

pub(crate) fn root(grant: Grant) -> String {
    let root =
        Root { iss: AUTHORITY.into(), txn: "t1".into(), ini: None, pol: None, dec: None, attr: None, grant };
    root.sign(&authority(), "a1").unwrap()
}

/// A chain of that many links, each as wide as its parent.
pub(crate) fn chain(links: u8) -> String {
    (1..links).fold(root(grant(0)), |parent, position| delegate(&parent, position, grant(position)))
}

pub(crate) fn delegate(parent: &str, position: u8, grant: Grant) -> String {
    Delegation { grant }
        .sign(&PresentedWarrant::parse(parent.as_bytes()).unwrap(), &holder(position - 1))
        .unwrap()
}

pub(crate) fn target<'a>(method: &str, path: &'a str) -> Target<'a> {
    Target {
        host: Host::parse("payments.shop").unwrap(),
        method: Method::parse(method).unwrap(),
        path: RawPath::parse(path.as_bytes()).unwrap().0,
    }
}

pub(crate) fn verified(warrant: &str) -> Result<Chain, Denial> {
    PresentedWarrant::parse(warrant.as_bytes())?.verify(&trust(), &PureVerifier)
}

/// Judges a warrant for a request that the good warrant covers.
pub(crate) fn judged(warrant: &str) -> Result<Chain, Denial> {
    judged_for(warrant, &target("POST", "/v1/payments/a-7"), &|_: &Revocable| false)
}

pub(crate) fn judged_for(
    warrant: &str,
    target: &Target<'_>,
    revoked: &dyn warrant::Revocations,
) -> Result<Chain, Denial> {
    let chain = verified(warrant)?;
    chain.check(&ChainExpectations { now: Seconds::new(NOW), terms: &terms(), revoked, target })?;
    Ok(chain)
}

pub(crate) fn vectors_folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

pub(crate) fn file_name(vector: &vector::Vector) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = vector.name.chars().map(plain).take(60).collect();
    let words: Vec<_> = words.split('-').filter(|word| !word.is_empty()).collect();
    format!("{:03}-{}.json", vector.number, words.join("-"))
}

/// The text of a vector's file. Its free JSON is sorted by name, for the reason that `forge::text` gives.
pub(crate) fn file_text(vector: &vector::Vector) -> String {
    let mut sorted = vector.clone();
    sorted.trust.iter_mut().flat_map(|issuer| &mut issuer.keys).for_each(|key| key.jwk.sort_all_objects());
    sorted.call.iter_mut().for_each(|call| call.args.sort_keys());
    format!("{}\n", serde_json::to_string_pretty(&sorted).unwrap())
}
