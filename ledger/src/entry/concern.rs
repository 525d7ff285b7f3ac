//! Whether a fact could change what a judge said of a request: the writer asks this of every fact that the judge had
//! not read yet. In doubt it could.

use super::{Decision, Entry, Revoked, Scope};

/// Whether this fact might make another verdict of that decision.
#[must_use]
pub fn concerns(fact: &Entry, decision: &Decision) -> bool {
    match fact {
        Entry::Activation(_) => true,
        Entry::Posture(posture) => match posture.scope {
            Scope::Mesh | Scope::Environment => true,
            Scope::Route => decision.verdict.route.as_ref().is_none_or(|route| *route == posture.subject),
            Scope::Issuer => issuer(decision).is_none_or(|iss| iss == posture.subject),
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

/// Whether a revocation of this value reaches a link of that decision's warrant.
#[must_use]
pub(crate) fn names(what: Revoked, iss: &str, value: &str, decision: &Decision) -> bool {
    match what {
        Revoked::Path => issuer(decision) == Some(iss) && is_prefix(value, decision),
        // The authority's own key may be meant, which the record names by `kid` alone.
        Revoked::Key => !decision.chain.is_empty(),
        Revoked::Lineage => {
            issuer(decision) == Some(iss)
                && decision.chain.iter().any(|link| link.txn.as_deref() == Some(value))
        }
        Revoked::Subject => decision.chain.iter().any(|link| link.sub == value),
    }
}

/// Whether a path of `jti`s is that of one of the warrant's links.
fn is_prefix(path: &str, decision: &Decision) -> bool {
    let mut links = decision.chain.iter();
    path.split('/').all(|jti| links.next().is_some_and(|link| link.jti == jti))
}

#[cfg(test)]
mod tests {
    use super::super::{
        Activation, Answer, Attestation, Checks, Condition, Details, Digest, Link, Posture, Request,
        Revocation, Stance, State, Verdict,
    };
    use super::*;

    fn link(jti: &str, txn: Option<&str>, iss: &str, sub: &str) -> Link {
        Link {
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
            args: [].into(),
            as_of: 0,
            attestation: vec![],
            burned: vec![],
            bundle: None,
            chain: vec![link("r", Some("t"), "https://a", "root"), link("c", None, "urn:x", "child")],
            checks: Checks::default(),
            clock: 5,
            conditions: vec![Condition { iat: None, name: "window".to_owned(), value: None }],
            environment: [].into(),
            id: "d".to_owned(),
            identity: Some("spiffe://s/me".to_owned()),
            outcome: Answer::Allowed,
            posture: "normal".to_owned(),
            proxy: "local".to_owned(),
            request: Request {
                action: None,
                body: None,
                host: "h".into(),
                method: "GET".into(),
                path: "/".into(),
                query: None,
            },
            traceparent: None,
            verdict: Verdict { code: "permit".to_owned(), policies: vec![], route: Some("pay".to_owned()) },
        }
    }

    fn revoked(what: Revoked, iss: &str, value: &str) -> Entry {
        let (by, reason) = (String::new(), String::new());
        Revocation { by, iss: iss.to_owned(), reason, until: None, value: value.to_owned(), what }.into()
    }

    fn posture(scope: Scope, subject: &str) -> Entry {
        let (by, reason) = (String::new(), String::new());
        Posture { by, reason, scope, stance: Stance::Halted, subject: subject.to_owned() }.into()
    }

    #[test]
    fn a_fact_concerns_what_it_names_and_nothing_else() {
        let about = |subject: &str| -> Entry {
            Attestation {
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
            State {
                exp: 9,
                iat: 1,
                iss: String::new(),
                name: name.to_owned(),
                scope: Scope::Mesh,
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
            posture(Scope::Mesh, ""),
            posture(Scope::Environment, "region=eu-1"),
            posture(Scope::Route, "pay"),
            posture(Scope::Issuer, "https://a"),
            about("spiffe://s/me"),
            condition("window"),
            revoked(Revoked::Path, "https://a", "r"),
            revoked(Revoked::Path, "https://a", "r/c"),
            revoked(Revoked::Lineage, "https://a", "t"),
            revoked(Revoked::Subject, "", "child"),
            revoked(Revoked::Key, "", "any: the authority's own may be meant"),
        ];
        let foreign = [
            posture(Scope::Route, "hello"),
            posture(Scope::Issuer, "https://b"),
            about("spiffe://s/other"),
            condition("incident"),
            revoked(Revoked::Path, "https://b", "r"),
            revoked(Revoked::Path, "https://a", "c"),
            revoked(Revoked::Path, "https://a", "r/c/more"),
            revoked(Revoked::Path, "https://a", "r/cc"),
            revoked(Revoked::Lineage, "https://a", "u"),
            revoked(Revoked::Subject, "", "nobody"),
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
