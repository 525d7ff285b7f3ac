//! Selects from everything that is known what concerns one request. It decides nothing.

use std::collections::BTreeMap;

use ledger::entry::{self, AttestationStatement, ConditionStatement, FactScope, Signer};
use policy::decision::{
    Attestation, ConditionFact, Evidence, Facts, HaltedScopes, HttpCase, Identity, Issuance,
};
use policy::{Attestor, Bundle, Posture};
use warrant::{Chain, Seconds};

use super::client_identity::ClientIdentity;
use crate::facts::{Known, Speakers, Tables, places_of};

/// What is known when a request is judged, the bundle by which it is judged, and where.
pub(super) struct Circumstances<'a> {
    known: &'a Known,
    /// The active bundle, or a candidate.
    bundle: &'a Bundle,
    now: Seconds,
    environment: BTreeMap<String, String>,
    /// The same, each written `dimension=value`.
    places: Vec<String>,
}

impl<'a> Circumstances<'a> {
    pub(super) fn of(
        known: &'a Known,
        bundle: &'a Bundle,
        now: Seconds,
        environment: BTreeMap<String, String>,
    ) -> Circumstances<'a> {
        let places = places_of(&environment);
        Circumstances { known, bundle, now, environment, places }
    }

    /// Whether the mesh, or an environment that this request is in, is halted.
    pub(super) fn is_halted(&self) -> bool {
        self.stance() == entry::Posture::Halted
    }

    fn stance(&self) -> entry::Posture {
        self.known.tables().postures.of_server(&self.places)
    }

    pub(super) fn facts<E: Evidence>(
        self,
        client: Option<ClientIdentity>,
        http: Option<&HttpCase<'_, E>>,
    ) -> Facts {
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
        let attestations = client.as_ref().map(|client| self.attestations(client)).unwrap_or_default();
        let (identity, certificate) =
            client.map_or((None, None), |client| (Some(client.identity), client.certificate));
        Facts {
            halted: HaltedScopes {
                route: route == entry::Posture::Halted,
                issuer: issuer == entry::Posture::Halted,
            },
            revoked: chain.map(|chain| self.revoked(chain)).unwrap_or_default(),
            conditions: conditions.flat_map(|wanted| self.conditions(&wanted.name)).collect(),
            attestations,
            posture: if is_restricted { Posture::Restricted } else { Posture::Normal },
            issuance: chain.map_or(Issuance::NotRecorded, |chain| issuance(tables, chain)),
            environment: self.environment,
            certificate,
            identity,
        }
    }

    /// When the first of the facts by which a route permits stops to hold; `None` if none of them does by time.
    pub(super) fn lapse<E: Evidence>(
        &self,
        client: Option<&ClientIdentity>,
        http: &HttpCase<'_, E>,
    ) -> Option<Seconds> {
        let route = http.located.as_ref().ok()?.found.route()?;
        let (require, tables) = (route.require(), self.known.tables());
        let attestors = Attestors(self.bundle.attestors());
        let conditions = require.conditions.iter().flat_map(|wanted| {
            let said = tables.conditions.current(&wanted.name, &self.places, self.now, &attestors);
            said.map(|said| held_until(said.iat, said.exp, wanted.max_age, &said.signer))
        });
        let is_bound = http.chain.as_deref().is_ok_and(Chain::is_bound_to_attestation);
        let client = client.filter(|_| is_bound || require.attestation.is_some());
        let most = require.attestation.unwrap_or(self.bundle.attestation_max_age());
        let attestations = client.into_iter().flat_map(|ClientIdentity { identity, certificate }| {
            let (Identity(workload), key) = (identity, certificate.as_deref());
            let said = tables.attestations.current(workload, key, self.now, &attestors);
            said.map(|said| held_until(said.iat, said.exp, most, &said.signer))
        });
        conditions.chain(attestations).min()
    }

    fn revoked(&self, chain: &Chain) -> Vec<warrant::Revocable> {
        let revocations = &self.known.tables().revocations;
        chain.revocables().iter().filter(|name| revocations.is_revoked(name, self.now)).cloned().collect()
    }

    fn conditions(&self, name: &str) -> Vec<ConditionFact> {
        let attestors = Attestors(self.bundle.attestors());
        let current = self.known.tables().conditions.current(name, &self.places, self.now, &attestors);
        current.map(condition).collect()
    }

    fn attestations(&self, client: &ClientIdentity) -> Vec<Attestation> {
        let Identity(workload) = &client.identity;
        let attestors = Attestors(self.bundle.attestors());
        let key = client.certificate.as_deref();
        self.known
            .tables()
            .attestations
            .current(workload, key, self.now, &attestors)
            .map(attestation)
            .collect()
    }
}

/// When a statement stops to hold: it ends, it is too old for the route, or its signer's certificate ends.
fn held_until(iat: u64, exp: u64, max_age: u64, signer: &Signer) -> Seconds {
    // An age equal to its bound still holds.
    let too_old = iat.saturating_add(max_age).saturating_add(1);
    Seconds::new([Some(exp), Some(too_old), signer.until].into_iter().flatten().fold(exp, u64::min))
}

/// Those who may make statements, as a bundle names them: a few, so a list.
struct Attestors<'a>(&'a [Attestor]);

impl Attestors<'_> {
    fn named(&self, iss: &str) -> Option<&Attestor> {
        self.0.iter().find(|attestor| attestor.iss == iss)
    }
}

impl Speakers for Attestors<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|attestor| attestor.iss.as_str())
    }

    fn trusts(&self, attestor: &str, signer: &Signer, now: Seconds) -> bool {
        let Some(attestor) = self.named(attestor) else { return false };
        let has_key = || attestor.keys.iter().any(|(_, key)| key.thumbprint().to_string() == signer.key);
        match &signer.anchor {
            None => has_key(),
            Some(anchor) => {
                let is_alive = signer.until.is_some_and(|until| now.get() < until);
                is_alive && attestor.anchors.iter().any(|known| known.digest == *anchor)
            }
        }
    }

    fn may_omit_key(&self, attestor: &str) -> bool {
        self.named(attestor).is_some_and(|attestor| attestor.keyless)
    }
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
