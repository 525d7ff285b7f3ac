//! Decides whether a fact could change a decision. The writer checks this for every fact that the judge had not read.
//! If it is unclear, the answer is yes.
//!
//! A fact that says again what the judge had read changes nothing. So an attestor that repeats its statements every few
//! seconds does not make decisions stale.

use super::{
    AttestationStatement, ConditionStatement, Decision, Entry, FactScope, RecordedFact, RecordedRevocation,
    Revocation, RevocationTarget,
};

/// Whether this fact could change the verdict of this decision.
#[must_use]
pub fn concerns(fact: &Entry, decision: &Decision) -> bool {
    let Some(fact) = fact.as_recorded_fact() else { return false };
    match fact {
        RecordedFact::Activation(_) => true,
        RecordedFact::Posture(posture) => match posture.scope {
            FactScope::Mesh => true,
            FactScope::Environment => may_be_here(&posture.subject, decision),
            FactScope::Route => decision.verdict.route.as_ref().is_none_or(|route| *route == posture.subject),
            FactScope::Issuer => issuer(decision).is_none_or(|iss| iss == posture.subject),
        },
        RecordedFact::Condition(statement) => {
            is_about_a_condition(statement, decision) && !repeats_condition(statement, decision)
        }
        RecordedFact::Attestation(statement) => {
            is_about_the_workload(statement, decision) && !repeats_attestation(statement, decision)
        }
        RecordedFact::Revocation(revocation) => {
            names(revocation.what, &revocation.iss, &revocation.value, decision)
                && !decision.revoked.iter().any(|read| is_same_revocation(read, revocation))
        }
        RecordedFact::Reinstate(reinstate) => {
            names(reinstate.what, &reinstate.iss, &reinstate.value, decision)
        }
        RecordedFact::Issued(_) => false,
    }
}

/// Whether this environment, as `dimension=value`, may be where the decision was taken. It is not where the decision's own
/// value of the dimension is another.
fn may_be_here(environment: &str, decision: &Decision) -> bool {
    let Some((dimension, value)) = environment.split_once('=') else { return true };
    decision.environment.get(dimension).is_none_or(|own| own == value)
}

/// A condition that the judge did not read concerns nothing: a judge reads all conditions that the route names, and without
/// a current statement it does not permit.
fn is_about_a_condition(statement: &ConditionStatement, decision: &Decision) -> bool {
    let is_here = match statement.scope {
        FactScope::Environment => may_be_here(&statement.subject, decision),
        FactScope::Mesh | FactScope::Route | FactScope::Issuer => true,
    };
    is_here && decision.conditions.iter().any(|read| read.name == statement.name)
}

/// Whether everything that the judge had read of this attestor about this condition has this value, and holds no longer than
/// this does.
fn repeats_condition(statement: &ConditionStatement, decision: &Decision) -> bool {
    let read = || {
        let of_attestor =
            |read: &&super::RecordedCondition| (&read.name, &read.iss) == (&statement.name, &statement.iss);
        decision.conditions.iter().filter(of_attestor)
    };
    statement.exp > decision.clock
        && read().next().is_some()
        && read().all(|read| read.value == statement.value && read.exp <= statement.exp)
}

/// A statement that names a key is about the workloads that hold this key. A decision that records no key may be about
/// any of them.
fn is_about_the_workload(statement: &AttestationStatement, decision: &Decision) -> bool {
    let is_its_subject = decision.identity.as_ref() == Some(&statement.subject)
        || decision.attestation.iter().any(|read| read.subject == statement.subject);
    let is_its_key = match (&statement.key, &decision.certificate) {
        (Some(key), Some(own)) => key == own,
        (None, _) | (_, None) => true,
    };
    is_its_subject && is_its_key
}

/// Whether the judge had read a statement of this attestor about this workload and key that says the same, and holds no longer.
fn repeats_attestation(statement: &AttestationStatement, decision: &Decision) -> bool {
    let says_the_same = |read: &super::RecordedAttestation| {
        (&read.iss, &read.subject, &read.key) == (&statement.iss, &statement.subject, &statement.key)
            && (read.positive, read.debug, &read.measurement)
                == (statement.positive, statement.debug, &statement.measurement)
            && read.exp <= statement.exp
    };
    statement.exp > decision.clock && decision.attestation.iter().any(says_the_same)
}

fn is_same_revocation(read: &RecordedRevocation, revocation: &Revocation) -> bool {
    (read.what, &read.iss, &read.value) == (revocation.what, &revocation.iss, &revocation.value)
}

fn issuer(decision: &Decision) -> Option<&str> {
    decision.chain.first().and_then(|root| root.iss.as_deref())
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
        Activation, DecisionOutcome, Digest, Posture, PostureChange, RecordedAttestation, RecordedCondition,
        RecordedLink, RecordedVerdict, Signer, VerdictCode,
    };
    use super::*;
    use crate::example_decision::denied;

    fn link(jti: &str, txn: Option<&str>, iss: &str, sub: &str) -> RecordedLink {
        RecordedLink {
            att: None,
            cnf: format!("key-of-{sub}"),
            exp: 9,
            iss: txn.map(|_| iss.to_owned()),
            jti: jti.to_owned(),
            key: txn.map(|_| format!("key-of-{iss}")),
            sub: sub.to_owned(),
            txn: txn.map(str::to_owned),
            r#use: Some(1),
        }
    }

    fn decision() -> Decision {
        Decision {
            chain: vec![link("r", Some("t"), "https://a", "root"), link("c", None, "urn:x", "child")].into(),
            certificate: Some("key-of-me".to_owned()),
            conditions: vec![read_condition("open")],
            identity: Some("spiffe://s/me".to_owned()),
            environment: [("region".to_owned(), "eu-1".to_owned())].into(),
            outcome: DecisionOutcome::Allowed,
            verdict: permit("pay"),
            ..denied("d")
        }
    }

    fn read_condition(value: &str) -> RecordedCondition {
        let (iss, name) = ("https://attestor".to_owned(), "window".to_owned());
        RecordedCondition { exp: 1_800_000_000, iat: 1, iss, name, value: value.to_owned() }
    }

    fn attestation() -> AttestationStatement {
        AttestationStatement {
            bundle: None,
            debug: Some(false),
            exp: 1_800_000_000,
            iat: 1,
            iss: "https://attestor".to_owned(),
            key: None,
            measurement: vec![Digest::of(b"1")],
            positive: true,
            signer: signer(),
            statement: Digest::of(b""),
            subject: "spiffe://s/me".to_owned(),
            was: None,
        }
    }

    fn condition() -> ConditionStatement {
        ConditionStatement {
            bundle: None,
            exp: 1_800_000_000,
            iat: 1,
            iss: "https://attestor".to_owned(),
            name: "window".to_owned(),
            scope: FactScope::Mesh,
            signer: signer(),
            statement: Digest::of(b""),
            subject: String::new(),
            value: "closed".to_owned(),
            was: None,
        }
    }

    fn signer() -> Signer {
        Signer { anchor: None, key: "key-of-the-attestor".to_owned(), until: None }
    }

    fn permit(route: &str) -> RecordedVerdict {
        RecordedVerdict { code: VerdictCode::Permit, policies: vec![], route: Some(route.to_owned()) }
    }

    fn revoked(what: RevocationTarget, iss: &str, value: &str) -> Entry {
        let (by, reason) = (String::new(), String::new());
        let (iss, value) = (iss.to_owned(), value.to_owned());
        Revocation { bundle: None, by, iss, reason, until: None, value, was: None, what }.into()
    }

    fn posture(scope: FactScope, subject: &str) -> Entry {
        let (by, reason) = (String::new(), String::new());
        let (stance, subject) = (Posture::Halted, subject.to_owned());
        PostureChange { bundle: None, by, reason, replaces: None, scope, stance, subject, was: None }.into()
    }

    #[test]
    fn a_fact_concerns_only_the_decisions_that_it_names() {
        let about = |subject: &str| -> Entry {
            AttestationStatement { subject: subject.to_owned(), ..attestation() }.into()
        };
        let of_key = |key: &str| -> Entry {
            AttestationStatement { key: Some(key.to_owned()), ..attestation() }.into()
        };
        let named =
            |name: &str| -> Entry { ConditionStatement { name: name.to_owned(), ..condition() }.into() };
        let here = |subject: &str| -> Entry {
            let (scope, subject) = (FactScope::Environment, subject.to_owned());
            ConditionStatement { scope, subject, ..condition() }.into()
        };
        let bundle = Digest::of(b"");
        let activation = Activation {
            attestors: vec![],
            bundle,
            expires: 9,
            previous: None,
            retired: vec![],
            routes: None,
            version: 1,
            was: None,
        }
        .into();
        let concern = [
            activation,
            posture(FactScope::Mesh, ""),
            posture(FactScope::Environment, "region=eu-1"),
            posture(FactScope::Route, "pay"),
            posture(FactScope::Issuer, "https://a"),
            about("spiffe://s/me"),
            of_key("key-of-me"),
            named("window"),
            here("region=eu-1"),
            here("zone=a"),
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
            of_key("key-of-another"),
            posture(FactScope::Environment, "region=us-1"),
            named("incident"),
            here("region=us-1"),
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
        let without_a_key = Decision { certificate: None, ..decision() };
        assert!(concerns(&of_key("key-of-another"), &without_a_key), "it may be the key of this workload");
    }

    #[test]
    fn a_fact_that_repeats_what_the_judge_read_does_not_concern_the_decision() {
        let read = |positive| RecordedAttestation {
            debug: Some(false),
            exp: 1_800_000_000,
            iat: 1,
            iss: "https://attestor".to_owned(),
            key: None,
            measurement: vec![Digest::of(b"1")],
            positive,
            subject: "spiffe://s/me".to_owned(),
        };
        let attested = Decision { attestation: vec![read(true)], ..decision() };
        let newer = AttestationStatement { iat: 5, exp: 1_900_000_000, ..attestation() };
        assert!(!concerns(&newer.clone().into(), &attested));
        for other in [
            AttestationStatement { positive: false, ..newer.clone() },
            AttestationStatement { debug: None, ..newer.clone() },
            AttestationStatement { debug: Some(true), ..newer.clone() },
            AttestationStatement { measurement: vec![], ..newer.clone() },
            AttestationStatement { measurement: vec![Digest::of(b"2")], ..newer.clone() },
            AttestationStatement { key: Some("key-of-me".to_owned()), ..newer.clone() },
            AttestationStatement { iss: "https://b".to_owned(), ..newer.clone() },
            AttestationStatement { exp: attested.clock, ..newer },
        ] {
            assert!(concerns(&other.clone().into(), &attested), "{other:?}");
        }

        let open = ConditionStatement { value: "open".to_owned(), iat: 5, ..condition() };
        assert!(!concerns(&open.clone().into(), &decision()));
        for other in [
            ConditionStatement { value: "closed".to_owned(), ..open.clone() },
            ConditionStatement { iss: "https://b".to_owned(), ..open.clone() },
            ConditionStatement { exp: decision().clock, ..open.clone() },
        ] {
            assert!(concerns(&other.clone().into(), &decision()), "{other:?}");
        }
        let both = vec![read_condition("open"), read_condition("closed")];
        let contradictory = Decision { conditions: both, ..decision() };
        assert!(concerns(&open.into(), &contradictory), "it may replace the other statement");

        let key = revoked(RevocationTarget::Key, "", "key-of-child");
        let (what, iss, value) = (RevocationTarget::Key, String::new(), "key-of-child".to_owned());
        let known = Decision { revoked: vec![RecordedRevocation { iss, value, what }], ..decision() };
        assert!(concerns(&key, &decision()) && !concerns(&key, &known));
    }
}
