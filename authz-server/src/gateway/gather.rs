//! Gather: from what was asked to a case. Here the clock is read (once), signatures are verified, and facts are looked
//! up; nothing is decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::entry;
use warrant::{
    AwsLcVerifier, Chain, Denial, Method, PresentedProof, ProofExpectations, RawPath, Seconds, Target,
    single_header,
};

use super::asked::{Asked, AskedHttp};
use super::verified::Verified;
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use policy::arguments::{ArgumentError, Extracted, Sent, SentBody};
use policy::decision::{Case, Facts, HttpCase, ProofFound};
use policy::{Bundle, Found, Holder, Located, Posture, Route};

/// A wall clock further behind the record than this is broken, and no window can be trusted to it.
const CLOCK_MAY_LAG_MS: u64 = 5_000;

/// Where facts come from.
#[derive(Debug)]
pub struct Gatherer {
    pub clock: Clock,
    pub policy: Arc<PolicyInForce>,
    pub ledger: ledger::Ledger,
    pub verified: Verified,
    /// Where this server runs.
    pub environment: BTreeMap<String, String>,
    /// How the mesh stood when this server started; nobody can change it while it runs.
    pub stance: entry::Posture,
}

/// What is known apart from the request, read once for one judging.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) bundle: Arc<Bundle>,
    pub(super) now: Seconds,
    /// The ledger's size, read before all other facts.
    pub(super) as_of: u64,
    /// Whether governance itself stands.
    pub(super) governance: Result<(), Denial>,
}

impl Gatherer {
    pub(super) async fn known(&self) -> Known {
        // Before all other facts: one that is recorded while they are read must not seem to have been seen.
        let settled = self.policy.settled().await;
        let as_of = self.ledger.size();
        let (now, clock_sane) = self.time();
        let (bundle, in_force) = self.policy.at(now);
        drop(settled);
        let halted = if self.stance == entry::Posture::Halted { Err(Denial::Halted) } else { Ok(()) };
        Known { bundle, now, as_of, governance: halted.and(in_force).and(clock_sane) }
    }

    /// The case of a request under the bundle that is known, in force or not.
    pub(super) fn case<'a>(&self, known: &'a Known, asked: &'a Asked) -> Case<'a> {
        let posture = match self.stance {
            entry::Posture::Restricted => Posture::Restricted,
            entry::Posture::Halted | entry::Posture::Normal => Posture::Normal,
        };
        let proxy = asked.proxy.clone().unwrap_or_default();
        let http = match &asked.http {
            Some(http) => self.http_case(http, &proxy, &known.bundle, known.now),
            None => Err(Denial::RequestAmbiguous),
        };
        // A condition, an attestation, a posture or an issuance cannot be recorded yet; what asks for one denies.
        let facts = Facts {
            identity: asked.identity.clone(),
            environment: self.environment.clone(),
            posture,
            ..Facts::default()
        };
        Case {
            now: known.now,
            as_of: known.as_of,
            governance: known.governance,
            proxy,
            line: asked.http.as_ref().map(AskedHttp::line),
            http,
            facts,
        }
    }

    /// Now is the later of the wall clock and the last record, unless they are too far apart to believe either.
    fn time(&self) -> (Seconds, Result<(), Denial>) {
        let (wall, last) = (self.clock.milliseconds(), self.ledger.time());
        let sane = wall.saturating_add(CLOCK_MAY_LAG_MS) >= last;
        let now = Seconds::new(wall.max(last) / 1000);
        (now, if sane { Ok(()) } else { Err(Denial::GovernanceInconsistent) })
    }

    fn http_case<'a>(
        &self,
        http: &'a AskedHttp,
        proxy: &str,
        bundle: &'a Bundle,
        now: Seconds,
    ) -> Result<HttpCase<'a>, Denial> {
        same_line(http)?;
        let method = Method::parse(&http.method).ok_or(Denial::RequestAmbiguous)?;
        let (path, query) = RawPath::parse(&http.path)?;
        let presented = single_header(http.values("warrant"))?.unwrap_or_default();
        let proof = single_header(http.values("warrant-proof"))?.unwrap_or_default();
        let chain = self.verified.chain(presented, bundle.trust());
        let located = bundle.locate(proxy, &http.authority, &method, path);
        let (mut found, mut given, mut body) = (ProofFound::NotWanted, None, None);
        if let Ok(Located { target, found: Found::Route(route) }) = &located {
            body = route.reads_body().then(|| http.body.as_ref().map_or(&[][..], |body| &body.bytes));
            given = Some(read_arguments(route, target, query, http));
            let of = ProofExpectations {
                now,
                method: &http.method,
                authority: &http.authority,
                path_and_query: &http.path,
                warrant_header: presented,
                body,
            };
            found = proof_found(route, chain.as_deref(), proof, &of);
        }
        Ok(HttpCase { authority: &http.authority, located, chain, proof: found, body, given })
    }
}

/// Where the raw headers are there, they say the request line once more, and the same; else somebody between changed one.
fn same_line(http: &AskedHttp) -> Result<(), Denial> {
    let line: [(&'static str, &[u8]); 3] =
        [(":method", http.method.as_bytes()), (":authority", &http.authority), (":path", &http.path)];
    let same = |(name, value): &(&'static str, &[u8])| {
        let mut said = http.values(name);
        (said.next(), said.next()) == (Some(*value), None)
    };
    if !http.are_raw || line.iter().all(same) { Ok(()) } else { Err(Denial::RequestAmbiguous) }
}

fn read_arguments(
    route: &Route,
    target: &Target<'_>,
    query: Option<&[u8]>,
    http: &AskedHttp,
) -> Result<Extracted, ArgumentError> {
    let headers: Vec<(&str, &[u8])> =
        http.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let body = match &http.body {
        None => SentBody::Absent,
        Some(body) if body.is_partial => SentBody::Partial,
        Some(body) => SentBody::Whole(&body.bytes),
    };
    route.read(target, &Sent { query, headers: &headers, body })
}

/// Nothing of a proof is read where the route wants none; and without a chain there is no key to prove possession of.
fn proof_found(
    route: &Route,
    chain: Result<&Chain, &Denial>,
    proof: &[u8],
    of: &ProofExpectations<'_>,
) -> ProofFound {
    let (Ok(chain), Holder::Proof | Holder::Both) = (chain, route.require().holder) else {
        return ProofFound::NotWanted;
    };
    let Some(key) = chain.leaf().cnf().key() else { return ProofFound::Failed(Denial::Internal) };
    let checked = PresentedProof::parse(proof).and_then(|proof| proof.check(key, &AwsLcVerifier, of));
    checked.map_or_else(ProofFound::Failed, ProofFound::Holds)
}
