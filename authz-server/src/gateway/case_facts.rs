//! Selects from everything that is known what concerns one request. It decides nothing.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::entry::{self, AttestationStatement, ConditionStatement, Digest, FactScope, Signer};
use policy::decision::{Attestation, ConditionFact, Facts, HaltedScopes, HttpCase, Issuance};
use policy::{Attestor, Bundle, Posture};
use warrant::{Chain, Seconds};

use super::IncomingRequest;
use crate::facts::{Known, Speakers, Tables};

/// What is known when a request is judged, the bundle by which it is judged, and where.
pub(super) struct Circumstances<'a> {
    pub(super) known: &'a Known,
    /// The active bundle, or a candidate.
    pub(super) bundle: &'a Bundle,
    pub(super) now: Seconds,
    pub(super) environment: BTreeMap<String, String>,
}

impl Circumstances<'_> {
    /// Whether the mesh, or an environment that this request is in, is halted.
    pub(super) fn is_halted(&self) -> bool {
        self.stance() == entry::Posture::Halted
    }

    fn stance(&self) -> entry::Posture {
        self.known.tables().postures.of_server(self.environment.iter())
    }

    pub(super) fn facts(self, request: &IncomingRequest, http: Option<&HttpCase<'_>>) -> Facts {
        let tables = self.known.tables();
        let found = http.and_then(|http| Some(http.located.as_ref().ok()?.found));
        let chain = http.and_then(|http| http.chain.as_deref().ok());
        let of = |scope, subject: Option<&str>| {
            subject.map_or(entry::Posture::Normal, |subject| tables.postures.stance(scope, subject))
        };
        let route = of(FactScope::Route, found.and_then(|found| found.name()));
        let issuer = of(FactScope::Issuer, chain.map(|chain| chain.root().iss()));
        let is_restricted = [self.stance(), route, issuer].contains(&entry::Posture::Restricted);
        let conditions = found.and_then(|found| found.route()).map(|route| &route.require().conditions);
        let conditions = conditions.into_iter().flatten();
        Facts {
            halted: HaltedScopes {
                route: route == entry::Posture::Halted,
                issuer: issuer == entry::Posture::Halted,
            },
            revoked: chain.map(|chain| self.revoked(chain)).unwrap_or_default(),
            conditions: conditions.flat_map(|wanted| self.conditions(&wanted.name)).collect(),
            attestations: self.attestations(request),
            posture: if is_restricted { Posture::Restricted } else { Posture::Normal },
            issuance: chain.map_or(Issuance::NotRecorded, |chain| issuance(tables, chain)),
            identity: request.identity.clone(),
            certificate: request.certificate.clone(),
            environment: self.environment,
        }
    }

    fn revoked(&self, chain: &Chain) -> Vec<warrant::Revocable> {
        let revocations = &self.known.tables().revocations;
        chain.revocables().iter().filter(|name| revocations.is_revoked(name, self.now)).cloned().collect()
    }

    fn conditions(&self, name: &str) -> Vec<ConditionFact> {
        let is_here = |place: &str| {
            place.split_once('=').is_some_and(|(dimension, value)| {
                self.environment.get(dimension).is_some_and(|here| here == value)
            })
        };
        let attestors = Attestors(self.bundle.attestors());
        let current = self.known.tables().conditions.current(name, is_here, self.now, &attestors);
        current.map(condition).collect()
    }

    fn attestations(&self, request: &IncomingRequest) -> Vec<Attestation> {
        let Some(policy::decision::Identity(workload)) = &request.identity else { return Vec::new() };
        let attestors = Attestors(self.bundle.attestors());
        let key = request.certificate.as_deref();
        self.known
            .tables()
            .attestations
            .current(workload, key, self.now, &attestors)
            .map(attestation)
            .collect()
    }
}

/// Those who may make statements, as a bundle names them: a few, so a list.
struct Attestors<'a>(&'a [Attestor]);

impl Attestors<'_> {
    fn named(&self, iss: &str) -> Option<&Attestor> {
        self.0.iter().find(|attestor| attestor.iss == iss)
    }
}

impl Speakers for Attestors<'_> {
    fn knows(&self, attestor: &str) -> bool {
        self.named(attestor).is_some()
    }

    fn trusts(&self, attestor: &str, signer: &Signer, now: Seconds) -> bool {
        let Some(attestor) = self.named(attestor) else { return false };
        let has_key = || attestor.keys.iter().any(|(_, key)| key.thumbprint().to_string() == signer.key);
        match &signer.anchor {
            None => has_key(),
            Some(anchor) => {
                let is_alive = signer.until.is_some_and(|until| now.get() < until);
                is_alive && attestor.anchors.iter().any(|text| is_of(text, anchor))
            }
        }
    }

    fn may_omit_key(&self, attestor: &str) -> bool {
        self.named(attestor).is_some_and(|attestor| attestor.keyless)
    }
}

/// Whether the certificate, as base64 of its DER, has this digest.
fn is_of(certificate: &str, digest: &Digest) -> bool {
    STANDARD.decode(certificate).is_ok_and(|der| Digest::of(&der) == *digest)
}

/// The whole signing input is compared: with a stolen key somebody could make another root of the same `jti`.
fn issuance(tables: &Tables, chain: &Chain) -> Issuance {
    match chain.digests().next() {
        Some(root) if tables.issued.contains(&root) => Issuance::Recorded,
        Some(_) | None => Issuance::NotRecorded,
    }
}

fn condition(said: &ConditionStatement) -> ConditionFact {
    ConditionFact {
        name: said.name.clone(),
        iss: said.iss.clone(),
        value: said.value.clone(),
        iat: said.iat,
        exp: said.exp,
    }
}

fn attestation(said: &AttestationStatement) -> Attestation {
    Attestation {
        iss: said.iss.clone(),
        subject: said.subject.clone(),
        key: said.key.clone(),
        iat: said.iat,
        exp: said.exp,
        positive: said.positive,
        debug: said.debug,
        measurements: said.measurement.iter().map(ToString::to_string).collect(),
    }
}
