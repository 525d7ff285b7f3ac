//! What the bundle says of issuers, and the mesh's own terms. May not know where either was read.

use crate::{denial::Denial, key::PublicKey, limits::MAX_LEEWAY_SECONDS, rules, subject::SubjectPattern};

/// One authority: its keys, and for whom it may vouch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its URL, as roots name it.
    pub iss: String,
    /// Its keys by `kid`.
    pub keys: Vec<(String, PublicKey)>,
    /// The holders that it may vouch for.
    pub subjects: Vec<SubjectPattern>,
    /// The issuers, other than itself, whose people and workloads it may name in `ini`.
    pub starters: Vec<String>,
}

/// Every issuer that is trusted, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(Vec<Issuer>);

/// Every fault that was found, each with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustError(Vec<String>);

/// The mesh's own terms for time and audience.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// This mesh, as the leaf's `aud` must name it.
    pub audience: String,
    /// The cap of `exp - nbf` on every link.
    pub max_lifetime: u64,
    /// How far `nbf` and `iat` may lie in the future.
    pub leeway: u64,
}

impl Trust {
    /// Takes the issuers as a whole.
    ///
    /// # Errors
    /// All faults at once: names of the wrong form or given twice, and patterns of two issuers that overlap, since the
    /// weaker of the two could be anybody.
    pub fn new(issuers: Vec<Issuer>) -> Result<Self, TrustError> {
        let mut faults = Vec::new();
        let mut rest = issuers.as_slice();
        while let [issuer, others @ ..] = rest {
            issuer.faults(&mut faults);
            for other in others {
                issuer.faults_beside(other, &mut faults);
            }
            rest = others;
        }
        if faults.is_empty() { Ok(Self(issuers)) } else { Err(TrustError(faults)) }
    }

    /// The issuers.
    pub fn issuers(&self) -> &[Issuer] {
        &self.0
    }

    /// The key with which that issuer signed a root for `sub`, begun by someone of `starter`.
    pub(crate) fn key_for(
        &self,
        iss: &str,
        kid: &str,
        sub: &str,
        starter: Option<&str>,
    ) -> Result<&PublicKey, Denial> {
        let issuer = self.0.iter().find(|issuer| issuer.iss == iss).ok_or(Denial::IssuerUntrusted)?;
        let key = issuer
            .keys
            .iter()
            .find(|(own, _)| own == kid)
            .map(|(_, key)| key)
            .ok_or(Denial::IssuerUntrusted)?;
        let may_vouch = issuer.subjects.iter().any(|pattern| pattern.matches(sub));
        let may_name = starter.is_none_or(|by| by == iss || issuer.starters.iter().any(|own| own == by));
        if may_vouch && may_name { Ok(key) } else { Err(Denial::IssuerUntrusted) }
    }
}

impl Issuer {
    fn faults(&self, faults: &mut Vec<String>) {
        let iss = &self.iss;
        if !rules::is_plain(iss) {
            faults.push(format!(
                "issuer {iss:?}: write 1-256 printable ASCII characters without quote and backslash"
            ));
        }
        for starter in self.starters.iter().filter(|starter| !rules::is_plain(starter)) {
            faults.push(format!("issuer {iss:?}: starter {starter:?} is not the name of an issuer"));
        }
        let mut rest = self.keys.as_slice();
        while let [(kid, _), others @ ..] = rest {
            if !rules::is_kid(kid) {
                faults.push(format!(
                    "issuer {iss:?}: kid {kid:?}: write 1-64 of letters, digits, `.`, `_`, `-`"
                ));
            }
            if others.iter().any(|(other, _)| other == kid) {
                faults.push(format!("issuer {iss:?}: two keys are called {kid:?}; give each its own kid"));
            }
            rest = others;
        }
    }

    fn faults_beside(&self, other: &Self, faults: &mut Vec<String>) {
        if self.iss == other.iss {
            faults.push(format!("issuer {:?} is there twice; put its keys into one entry", self.iss));
        }
        for own in &self.subjects {
            for theirs in other.subjects.iter().filter(|theirs| own.overlaps(theirs)) {
                faults.push(format!(
                    "subjects {own} of {:?} and {theirs} of {:?} overlap; a holder has one authority",
                    self.iss, other.iss
                ));
            }
        }
    }
}

impl Terms {
    /// Takes the terms.
    ///
    /// # Errors
    /// When the audience is no string that `aud` could hold, nothing could live, or the leeway is above 30 seconds.
    pub fn new(audience: impl Into<String>, max_lifetime: u64, leeway: u64) -> Result<Self, TrustError> {
        let terms = Self { audience: audience.into(), max_lifetime, leeway };
        let faults: Vec<_> = [
            (!rules::is_plain(&terms.audience))
                .then(|| format!("audience {:?}: write 1-256 printable ASCII characters", terms.audience)),
            (max_lifetime == 0).then(|| "a lifetime of 0 s: nothing could be valid".to_owned()),
            (leeway > MAX_LEEWAY_SECONDS)
                .then(|| format!("a leeway of {leeway} s: at most {MAX_LEEWAY_SECONDS} s")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if faults.is_empty() { Ok(terms) } else { Err(TrustError(faults)) }
    }
}

impl TrustError {
    /// One sentence a fault.
    pub fn faults(&self) -> &[String] {
        &self.0
    }
}

impl std::fmt::Display for TrustError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for TrustError {}
