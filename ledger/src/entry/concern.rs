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
