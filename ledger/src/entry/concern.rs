//! Decides whether a fact could change a decision. The writer checks this for every fact that the judge had not read.
//! If it is unclear, the answer is yes.

use super::{Decision, Entry, FactScope, RevocationTarget};

/// Whether this fact could change the verdict of this decision.
#[must_use]
pub fn concerns(fact: &Entry, decision: &Decision) -> bool {
    match fact {
        Entry::Activation(_) => true,
        Entry::Posture(posture) => match posture.scope {
            FactScope::Mesh | FactScope::Environment => true,
            FactScope::Route => decision.verdict.route.as_ref().is_none_or(|route| *route == posture.subject),
            FactScope::Issuer => issuer(decision).is_none_or(|iss| iss == posture.subject),
        },
        Entry::Condition(state) => decision.conditions.iter().any(|read| read.name == state.name),
        Entry::Attestation(attestation) => {
            decision.identity.as_ref() == Some(&attestation.subject)
                || decision.attestation.iter().any(|read| read.subject == attestation.subject)
        }
        Entry::Revocation(revocation) => names(revocation.what, &revocation.iss, &revocation.value, decision),
        Entry::Reinstate(reinstate) => names(reinstate.what, &reinstate.iss, &reinstate.value, decision),
        Entry::Init(_)
        | Entry::Start(_)
        | Entry::Stop(_)
        | Entry::Decision(_)
        | Entry::Denials(_)
        | Entry::Issued(_)
        | Entry::Outcome(_)
        | Entry::Ungoverned(_)
        | Entry::Gap(_)
        | Entry::Archived(_) => false,
    }
}

fn issuer(decision: &Decision) -> Option<&str> {
    decision.chain.first().map(|root| root.iss.as_str())
}

/// Whether a revocation of this value names a link of the decision's warrant.
#[must_use]
pub(crate) fn names(what: RevocationTarget, iss: &str, value: &str, decision: &Decision) -> bool {
    match what {
        RevocationTarget::Path => issuer(decision) == Some(iss) && is_prefix(value, decision),
        RevocationTarget::Key => decision.chain.iter().any(|link| link.is_by_key(value)),
        RevocationTarget::Lineage => {
            issuer(decision) == Some(iss)
                && decision.chain.iter().any(|link| link.txn.as_deref() == Some(value))
        }
        RevocationTarget::Subject => decision.chain.iter().any(|link| link.sub == value),
    }
}

/// Whether this path of `jti`s is the path of a link of the warrant.
fn is_prefix(path: &str, decision: &Decision) -> bool {
    let mut links = decision.chain.iter();
    path.split('/').all(|jti| links.next().is_some_and(|link| link.jti == jti))
}

#[cfg(test)]
mod tests {
    use super::super::{
        Activation, AttestationStatement, ConditionStatement, DecisionOutcome, Details, Digest, Posture,
        PostureChange, RecordedCondition, RecordedLink, RecordedVerdict, Revocation, VerdictCode,
    };
    use super::*;
    use crate::example_decision::denied;

    fn link(jti: &str, txn: Option<&str>, iss: &str, sub: &str) -> RecordedLink {
        RecordedLink {
            att: None,
            attr: None,
            aud: vec!["demo".to_owned()],
            authorization_details: Details::Whole(vec![]),
            cnf: format!("key-of-{sub}"),
            dec: None,
            depth: 0,
            env: [].into(),
            exp: 9,
            iat: 1,
            ini: None,
            iss: iss.to_owned(),
            jti: jti.to_owned(),
            key: txn.map(|_| format!("key-of-{iss}")),
            kid: None,
            max_depth: 3,
            nbf: 1,
            pol: None,
            sub: sub.to_owned(),
            txn: txn.map(str::to_owned),
            r#use: Some(1),
        }
    }

    fn decision() -> Decision {
        Decision {
            chain: vec![link("r", Some("t"), "https://a", "root"), link("c", None, "urn:x", "child")],
            conditions: vec![RecordedCondition { iat: None, name: "window".to_owned(), value: None }],
            identity: Some("spiffe://s/me".to_owned()),
            environment: [].into(),
            outcome: DecisionOutcome::Allowed,
            verdict: permit("pay"),
            ..denied("d")
        }
    }

    fn permit(route: &str) -> RecordedVerdict {
        RecordedVerdict { code: VerdictCode::Permit, policies: vec![], route: Some(route.to_owned()) }
    }

    fn revoked(what: RevocationTarget, iss: &str, value: &str) -> Entry {
        let (by, reason) = (String::new(), String::new());
        Revocation { by, iss: iss.to_owned(), reason, until: None, value: value.to_owned(), what }.into()
    }

    fn posture(scope: FactScope, subject: &str) -> Entry {
        let (by, reason) = (String::new(), String::new());
        PostureChange { by, reason, scope, stance: Posture::Halted, subject: subject.to_owned() }.into()
    }

    #[test]
    fn a_fact_concerns_only_the_decisions_that_it_names() {
        let about = |subject: &str| -> Entry {
            AttestationStatement {
                debug: None,
                exp: 9,
                iat: 1,
                iss: String::new(),
                key: None,
                measurement: vec![],
                positive: false,
                statement: Digest::of(b""),
                subject: subject.to_owned(),
            }
            .into()
        };
        let condition = |name: &str| -> Entry {
            ConditionStatement {
                exp: 9,
                iat: 1,
                iss: String::new(),
                name: name.to_owned(),
                scope: FactScope::Mesh,
                statement: Digest::of(b""),
                subject: String::new(),
                value: String::new(),
            }
            .into()
        };
        let activation =
            Activation { bundle: Digest::of(b""), expires: 9, previous: None, retired: vec![], version: 1 }
                .into();
        let concern = [
            activation,
            posture(FactScope::Mesh, ""),
            posture(FactScope::Environment, "region=eu-1"),
            posture(FactScope::Route, "pay"),
            posture(FactScope::Issuer, "https://a"),
            about("spiffe://s/me"),
            condition("window"),
            revoked(RevocationTarget::Path, "https://a", "r"),
            revoked(RevocationTarget::Path, "https://a", "r/c"),
            revoked(RevocationTarget::Lineage, "https://a", "t"),
            revoked(RevocationTarget::Subject, "", "child"),
            revoked(RevocationTarget::Key, "", "key-of-child"),
            revoked(RevocationTarget::Key, "", "key-of-https://a"),
        ];
        let foreign = [
            posture(FactScope::Route, "hello"),
            posture(FactScope::Issuer, "https://b"),
            about("spiffe://s/other"),
            condition("incident"),
            revoked(RevocationTarget::Path, "https://b", "r"),
            revoked(RevocationTarget::Path, "https://a", "c"),
            revoked(RevocationTarget::Path, "https://a", "r/c/more"),
            revoked(RevocationTarget::Path, "https://a", "r/cc"),
            revoked(RevocationTarget::Lineage, "https://a", "u"),
            revoked(RevocationTarget::Key, "", "key-of-nobody"),
            revoked(RevocationTarget::Subject, "", "nobody"),
            Entry::Decision(decision()),
        ];
        for fact in concern {
            assert!(concerns(&fact, &decision()), "{fact:?}");
        }
        for fact in foreign {
            assert!(!concerns(&fact, &decision()), "{fact:?}");
        }
    }
}
