//! The trusted issuers, and the mesh's own terms. This module does not know where they were configured.

use crate::{denial::Denial, formats, key::PublicKey, limits::MAX_LEEWAY_SECONDS, subject::SubjectPattern};

/// One authority: its keys, and the holders it may vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its URL: the `iss` of roots.
    pub iss: String,
    /// Its keys by `kid`.
    pub keys: Vec<(String, PublicKey)>,
    /// The holders it may vouch for.
    pub subjects: Vec<SubjectPattern>,
    /// The other issuers whose people and workloads it may name in `ini`.
    pub starters: Vec<String>,
}

/// Every trusted issuer, and for what it is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(Vec<Issuer>);

/// Every fault in issuers or terms, each with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFaults(Vec<String>);

/// The mesh's own terms for time and audience.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// The name of this mesh. The leaf's `aud` must be this name.
    pub audience: String,
    /// The most that `exp - nbf` may be, on every link.
    pub max_lifetime: u64,
    /// How far `nbf` and `iat` may be in the future.
    pub leeway: u64,
}

impl Trust {
    /// Takes all issuers together.
    ///
    /// # Errors
    /// All faults at once: names that have a wrong form or occur twice, and subject patterns of two issuers that
    /// overlap. With an overlap, the weaker issuer could vouch for a holder of the stronger one.
    pub fn new(issuers: Vec<Issuer>) -> Result<Self, TrustFaults> {
        let mut faults = Vec::new();
        let mut rest = issuers.as_slice();
        while let [issuer, others @ ..] = rest {
            issuer.collect_faults(&mut faults);
            for other in others {
                issuer.collect_conflicts(other, &mut faults);
            }
            rest = others;
        }
        if faults.is_empty() { Ok(Self(issuers)) } else { Err(TrustFaults(faults)) }
    }

    /// The issuers.
    pub fn issuers(&self) -> &[Issuer] {
        &self.0
    }

    /// The key that must have signed a root for `sub`, started by somebody known to the issuer `starter`.
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
        if issuer.may_vouch(sub, starter) { Ok(key) } else { Err(Denial::IssuerUntrusted) }
    }
}

impl Issuer {
    /// Whether it may name `sub` as a holder, on behalf of somebody known to the issuer `starter`.
    pub fn may_vouch(&self, sub: &str, starter: Option<&str>) -> bool {
        let may_name = |by| by == self.iss || self.starters.iter().any(|own| own == by);
        self.subjects.iter().any(|pattern| pattern.matches(sub)) && starter.is_none_or(may_name)
    }

    fn collect_faults(&self, faults: &mut Vec<String>) {
        let iss = &self.iss;
        if !formats::is_plain(iss) {
            faults.push(format!(
                "issuer {iss:?}: write 1 to 256 printable ASCII characters, without `\"` and `\\`"
            ));
        }
        for starter in self.starters.iter().filter(|starter| !formats::is_plain(starter)) {
            faults.push(format!("issuer {iss:?}: starter {starter:?} is not the name of an issuer"));
        }
        let mut rest = self.keys.as_slice();
        while let [(kid, _), others @ ..] = rest {
            if !formats::is_kid(kid) {
                faults.push(format!(
                    "issuer {iss:?}: kid {kid:?}: write 1 to 64 letters, digits, `.`, `_` or `-`"
                ));
            }
            if others.iter().any(|(other, _)| other == kid) {
                faults.push(format!(
                    "issuer {iss:?}: two keys have the kid {kid:?}; give each key its own kid"
                ));
            }
            rest = others;
        }
    }

    fn collect_conflicts(&self, other: &Self, faults: &mut Vec<String>) {
        if self.iss == other.iss {
            faults.push(format!("issuer {:?} occurs twice; put its keys into one entry", self.iss));
        }
        for own in &self.subjects {
            for theirs in other.subjects.iter().filter(|theirs| own.overlaps(theirs)) {
                faults.push(format!(
                    "subjects {own} of {:?} and {theirs} of {:?} overlap; each holder must have one issuer",
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
    /// When `aud` could not contain the audience, the lifetime is 0, or the leeway is above 30 seconds.
    pub fn new(audience: impl Into<String>, max_lifetime: u64, leeway: u64) -> Result<Self, TrustFaults> {
        let terms = Self { audience: audience.into(), max_lifetime, leeway };
        let faults: Vec<_> = [
            (!formats::is_plain(&terms.audience)).then(|| {
                format!(
                    "audience {:?}: write 1 to 256 printable ASCII characters, without `\"` and `\\`",
                    terms.audience
                )
            }),
            (max_lifetime == 0)
                .then(|| "a lifetime of 0 s: no warrant could be valid; write at least 1".to_owned()),
            (leeway > MAX_LEEWAY_SECONDS)
                .then(|| format!("a leeway of {leeway} s is too long: write at most {MAX_LEEWAY_SECONDS}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if faults.is_empty() { Ok(terms) } else { Err(TrustFaults(faults)) }
    }
}

impl TrustFaults {
    /// One sentence for each fault.
    pub fn faults(&self) -> &[String] {
        &self.0
    }
}

impl std::fmt::Display for TrustFaults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for TrustFaults {}
