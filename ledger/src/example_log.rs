//! Entries of a sound log, for tests: an activation, and allows by its bundle. Tests change one member at a time.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers in tests")]

use crate::entry::{
    Activation, BurnKind, Burned, CheckResult, Checks, Decision, DecisionOutcome, Details, Digest, LinkTerms,
    RecordedBundle, RecordedBurn, RecordedLink, RecordedVerdict, VerdictCode,
};
use crate::example_decision::denied;

/// The second at which the example decisions are taken.
pub(crate) const CLOCK: u64 = 1_700_000_000;
pub(crate) const ISSUER: &str = "https://authority.example";

pub(crate) fn bundle(version: u64) -> Digest {
    Digest::of(format!("bundle {version}").as_bytes())
}

/// The activation of the bundle of this version, after the one before it.
pub(crate) fn activation(version: u64) -> Activation {
    let previous = version.checked_sub(1).filter(|before| *before > 0).map(bundle);
    let bundle = bundle(version);
    Activation {
        attestors: vec![],
        bundle,
        expires: CLOCK + 3600,
        previous,
        retired: vec![],
        routes: None,
        version,
        was: None,
    }
}

/// An allow through one link without a limit, under the bundle of version 1.
pub(crate) fn allowed(id: &str) -> Decision {
    let passed = Some(CheckResult::Passed);
    Decision {
        bundle: Some(RecordedBundle { digest: bundle(1), version: 1 }),
        chain: vec![root(id, None)].into(),
        checks: Checks {
            arguments: passed,
            binding: passed,
            governance: passed,
            parse: passed,
            request: passed,
            signatures: passed,
            ..Checks::default()
        },
        ends: Some(CLOCK + 60),
        outcome: DecisionOutcome::Allowed,
        terms: vec![terms(0)].into(),
        verdict: RecordedVerdict {
            code: VerdictCode::Permit,
            policies: vec!["hello/caller".to_owned()],
            route: Some("hello".to_owned()),
        },
        ..denied(id)
    }
}

/// An allow through links with these limits, which burns a use of each.
pub(crate) fn allowed_with_limits(id: &str, jtis: &[(&str, Option<u64>)]) -> Decision {
    let mut decision = allowed(id);
    let mut links: Vec<RecordedLink> = Vec::new();
    let mut path = String::new();
    for (jti, max) in jtis {
        let link = match links.last() {
            None => root(jti, *max),
            Some(_) => child(jti, *max),
        };
        path = if path.is_empty() { (*jti).to_owned() } else { format!("{path}/{jti}") };
        decision.burned.extend(max.map(|max| {
            let (name, owner) = (path.clone(), ISSUER.to_owned());
            Burned::Item(RecordedBurn { max, name, owner, until: link.exp, what: BurnKind::Use })
        }));
        links.push(link);
    }
    let signed = |(depth, parent): (u64, &RecordedLink)| LinkTerms {
        depth,
        iss: Some(format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", parent.cnf)),
        kid: None,
        ..terms(depth)
    };
    let delegated = (1..).zip(&links).map(signed).take(links.len() - 1);
    decision.terms = std::iter::once(terms(0)).chain(delegated).collect::<Vec<_>>().into();
    decision.chain = links.into();
    decision
}

pub(crate) fn root(jti: &str, max: Option<u64>) -> RecordedLink {
    RecordedLink {
        att: None,
        cnf: "key-of-the-agent".to_owned(),
        exp: CLOCK + 60,
        iss: Some(ISSUER.to_owned()),
        jti: jti.to_owned(),
        key: Some("key-of-the-authority".to_owned()),
        sub: "agent:demo".to_owned(),
        txn: Some("lineage".to_owned()),
        r#use: max,
    }
}

/// The terms of a root, at this place.
pub(crate) fn terms(depth: u64) -> LinkTerms {
    LinkTerms {
        attr: None,
        aud: vec!["demo".to_owned()],
        authorization_details: Details::Whole(vec![]),
        dec: None,
        depth,
        env: [].into(),
        iat: CLOCK,
        ini: None,
        iss: None,
        kid: Some("a1".to_owned()),
        max_depth: 3,
        nbf: CLOCK,
        pol: None,
    }
}

fn child(jti: &str, max: Option<u64>) -> RecordedLink {
    RecordedLink {
        cnf: format!("key-of-{jti}"),
        iss: None,
        key: None,
        sub: format!("agent:{jti}"),
        txn: None,
        ..root(jti, max)
    }
}
