//! A small mesh for the tests of this crate: one authority, one holder, one host.

use serde_json::{Value, json};
use warrant::{
    Algorithm, Chain, PresentedWarrant, PureVerifier, Seconds,
    mint::{Delegation, Grant, GrantDetail, PureSigner, Root, Signer},
};

use crate::config::{FilterConfig, GateConfig};

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

/// A configuration without a fault.
pub(crate) fn config_json() -> Value {
    let mut key: Value = serde_json::from_str(&authority().public_key().to_jwk_json()).unwrap();
    key["kid"] = json!("a1");
    json!({
        "position": "gate", "audience": "demo", "max_lifetime": 3600, "leeway": 5,
        "hosts": {"localhost": ["localhost:10000", "127.0.0.1"], "other": []},
        "issuers": [{"iss": "https://authority.demo", "keys": [key], "subjects": ["agent:*"], "starters": []}],
    })
}

pub(crate) fn config() -> GateConfig {
    let FilterConfig::Gate(config) = FilterConfig::parse(config_json().to_string().as_bytes()).unwrap()
    else {
        panic!("it is a gate's")
    };
    config
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
    PresentedWarrant::parse(warrant.as_bytes()).unwrap().verify(&config().trust, &PureVerifier).unwrap()
}
