//! Facts for tests.

use ledger::entry::{
    AttestationStatement, ConditionStatement, Digest, FactScope, Issued, OutcomeReport, Posture,
    PostureChange, Reinstate, Revocation, RevocationTarget, Signer,
};

/// The outcome of the decision with this id, at this index.
pub(crate) fn outcome(index: u64, id: &str) -> OutcomeReport {
    OutcomeReport {
        attempts: 1,
        bytes_in: 3,
        bytes_out: 5,
        duration: 12,
        id: id.to_owned(),
        index,
        proxy: "local".to_owned(),
        reached: true,
        repeat: false,
        status: Some(200),
        termination: String::new(),
    }
}

pub(crate) fn revocation(what: RevocationTarget, value: &str, until: Option<u64>) -> Revocation {
    let is_by_issuer = matches!(what, RevocationTarget::Path | RevocationTarget::Lineage);
    let iss = if is_by_issuer { "https://a" } else { "" };
    Revocation {
        bundle: None,
        by: "op".to_owned(),
        iss: iss.to_owned(),
        reason: "a drill".to_owned(),
        until,
        value: value.to_owned(),
        was: None,
        what,
    }
}

pub(crate) fn reinstate(value: &str, revocation: u64) -> Reinstate {
    Reinstate {
        bundle: None,
        by: "op".to_owned(),
        iss: String::new(),
        reason: "found it".to_owned(),
        revocation,
        value: value.to_owned(),
        what: RevocationTarget::Key,
    }
}

/// Of the mesh.
pub(crate) fn posture(stance: Posture, replaces: Option<u64>) -> PostureChange {
    PostureChange {
        bundle: None,
        by: "op".to_owned(),
        reason: "a drill".to_owned(),
        replaces,
        scope: FactScope::Mesh,
        stance,
        subject: String::new(),
        was: None,
    }
}

fn signer() -> Signer {
    Signer { anchor: None, key: "k".to_owned(), until: None }
}

pub(crate) fn attestation(iat: u64, positive: bool, key: Option<&str>) -> AttestationStatement {
    AttestationStatement {
        bundle: None,
        debug: Some(false),
        exp: iat.saturating_add(600),
        iat,
        iss: "https://attest".to_owned(),
        key: key.map(str::to_owned),
        measurement: vec![],
        positive,
        signer: signer(),
        statement: Digest::of(format!("{iat}{positive}{key:?}").as_bytes()),
        subject: "spiffe://s/w".to_owned(),
        was: None,
    }
}

pub(crate) fn condition(iat: u64, value: &str, environment: Option<&str>) -> ConditionStatement {
    ConditionStatement {
        bundle: None,
        exp: iat.saturating_add(600),
        iat,
        iss: "https://attest".to_owned(),
        name: "window".to_owned(),
        scope: if environment.is_some() { FactScope::Environment } else { FactScope::Mesh },
        signer: signer(),
        statement: Digest::of(format!("{iat}{value}{environment:?}").as_bytes()),
        subject: environment.unwrap_or_default().to_owned(),
        value: value.to_owned(),
        was: None,
    }
}

/// A root that expires after a minute.
pub(crate) fn issued(iat: u64) -> Issued {
    Issued {
        by: "op".to_owned(),
        cnf: "k".to_owned(),
        details: Digest::of(b"d"),
        exp: iat.saturating_add(60),
        grants: vec![],
        iat,
        id: "i".to_owned(),
        ini: None,
        iss: "https://a".to_owned(),
        jti: "r".to_owned(),
        policy: None,
        root: Digest::of(b"root"),
        roots: 0,
        sub: "s".to_owned(),
        token: None,
        token_exp: None,
        txn: "t".to_owned(),
        r#use: None,
    }
}
