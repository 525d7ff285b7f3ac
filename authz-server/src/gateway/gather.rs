//! Gathers the case for a request: reads the clock (once), verifies signatures and looks up facts. It decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::entry;
use warrant::{
    AwsLcVerifier, Chain, Denial, Method, PresentedProof, ProofBody, ProofExpectations, RawPath, Seconds,
    Target, single_header,
};

use super::incoming::{IncomingBody, IncomingHttp, IncomingRequest};
use super::verified_chains::VerifiedChains;
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use policy::arguments::{ArgumentError, Extracted, Sent, SentBody};
use policy::decision::{Case, Facts, HttpCase, ProofFound};
use policy::{Bundle, Found, Holder, Located, Posture, Route};

/// The sources of facts.
#[derive(Debug)]
pub struct Gatherer {
    pub clock: Clock,
    pub policy: Arc<PolicyInForce>,
    pub ledger: ledger::Ledger,
    pub chains: VerifiedChains,
    /// Where this server runs.
    pub environment: BTreeMap<String, String>,
    /// The mesh's posture when this server started; it cannot change while the server runs.
    pub posture: entry::Posture,
}

/// What is known apart from the request; read once for each judging.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) bundle: Arc<Bundle>,
    pub(super) now: Seconds,
    /// The ledger's size, read before all other facts.
    pub(super) as_of: u64,
    /// Whether the server may decide at all: not halted, a bundle in force, a plausible clock.
    pub(super) governance: Result<(), Denial>,
}

impl Gatherer {
    pub(super) async fn known(&self) -> Known {
        // Read before all other facts: a fact that is recorded meanwhile must not look as if it had been read.
        let settled = self.policy.settled().await;
        let as_of = self.ledger.size();
        let (now, clock_ok) = self.time();
        let (bundle, in_force) = self.policy.at(now);
        drop(settled);
        let halted = if self.posture == entry::Posture::Halted { Err(Denial::Halted) } else { Ok(()) };
        Known { bundle, now, as_of, governance: halted.and(in_force).and(clock_ok) }
    }

    /// The case of a request under this bundle, in force or not.
    pub(super) fn case<'a>(&self, known: &'a Known, request: &'a IncomingRequest) -> Case<'a> {
        let posture = match self.posture {
            entry::Posture::Restricted => Posture::Restricted,
            entry::Posture::Halted | entry::Posture::Normal => Posture::Normal,
        };
        let proxy = request.proxy.clone().unwrap_or_default();
        let http = match &request.http {
            Some(http) => self.http_case(http, &proxy, &known.bundle, known.now),
            None => Err(Denial::RequestAmbiguous),
        };
        // Conditions, attestations, issuances, revocations and halted routes cannot be recorded yet; a route that
        // requires one denies.
        let facts = Facts {
            identity: request.identity.clone(),
            environment: self.environment.clone(),
            posture,
            ..Facts::default()
        };
        Case {
            now: known.now,
            as_of: known.as_of,
            governance: known.governance,
            proxy,
            line: request.http.as_ref().map(IncomingHttp::line),
            http,
            facts,
        }
    }

    /// The time of the last durable entry. What is burned is forgotten by this time and not by a clock, which may be ahead
    /// for a while.
    pub(super) fn recorded_time(&self) -> Seconds {
        Seconds::new(self.ledger.time() / 1000)
    }

    /// Now is the later of the wall clock and the last entry's time. If they are too far apart, neither can be trusted.
    fn time(&self) -> (Seconds, Result<(), Denial>) {
        let reading = self.clock.compared_with(self.ledger.time());
        let is_reliable = reading.unreliable_until.is_none();
        (reading.now, if is_reliable { Ok(()) } else { Err(Denial::GovernanceInconsistent) })
    }

    fn http_case<'a>(
        &self,
        http: &'a IncomingHttp,
        proxy: &str,
        bundle: &'a Bundle,
        now: Seconds,
    ) -> Result<HttpCase<'a>, Denial> {
        check_raw_line(http)?;
        let method = Method::parse(&http.method).ok_or(Denial::RequestAmbiguous)?;
        let (path, query) = RawPath::parse(&http.path)?;
        let presented = single_header(http.values("warrant"))?.unwrap_or_default();
        let proof = single_header(http.values("warrant-proof"))?.unwrap_or_default();
        let chain = self.chains.verify(presented, bundle.trust());
        let located = bundle.locate(proxy, &http.authority, &method, path);
        let (mut found, mut given, mut body) = (ProofFound::NotWanted, None, None);
        if let Ok(Located { target, found: Found::Route(route) }) = &located {
            body = route.reads_body().then(|| http.body.whole().unwrap_or_default());
            given = Some(read_arguments(route, target, query, http));
            let of = ProofExpectations {
                now,
                method: &http.method,
                authority: &http.authority,
                path_and_query: &http.path,
                warrant_header: presented,
                body: proof_body(body, http),
            };
            found = proof_found(route, chain.as_deref(), proof, &of);
        }
        Ok(HttpCase { located, chain, proof: found, body, given })
    }
}

/// Without raw headers the proxy sends text, and in it this character for every byte that is not UTF-8. So it may stand for
/// a byte that reaches the upstream, and that nobody has judged.
const ANY_BYTE: u8 = b'!';

/// If the raw headers are there, they must repeat the request line exactly; otherwise something on the way changed one. If
/// they are not there, the path may have no character that can stand for another byte.
fn check_raw_line(http: &IncomingHttp) -> Result<(), Denial> {
    if !http.are_raw {
        let is_known = !http.path.contains(&ANY_BYTE);
        return if is_known { Ok(()) } else { Err(Denial::RequestAmbiguous) };
    }
    let line: [(&'static str, &[u8]); 3] =
        [(":method", http.method.as_bytes()), (":authority", &http.authority), (":path", &http.path)];
    let same = |(name, value): &(&'static str, &[u8])| {
        let mut values = http.values(name);
        (values.next(), values.next()) == (Some(*value), None)
    };
    if line.iter().all(same) { Ok(()) } else { Err(Denial::RequestAmbiguous) }
}

fn read_arguments(
    route: &Route,
    target: &Target<'_>,
    query: Option<&[u8]>,
    http: &IncomingHttp,
) -> Result<Extracted, ArgumentError> {
    let headers: Vec<(&str, &[u8])> =
        http.headers.iter().map(|(name, value)| (name.as_str(), known_value(http, value))).collect();
    let body = match &http.body {
        IncomingBody::Absent => SentBody::Absent,
        IncomingBody::Whole(bytes) => SentBody::Whole(bytes),
        IncomingBody::Partial => SentBody::Partial,
        IncomingBody::Text => SentBody::Text,
    };
    route.read(target, &Sent { query, headers: &headers, body })
}

/// The value of a header, or bytes that are not UTF-8 if nobody can know it: no argument can be read from them.
fn known_value<'a>(http: &IncomingHttp, value: &'a [u8]) -> &'a [u8] {
    if !http.are_raw && value.contains(&ANY_BYTE) { b"\xff" } else { value }
}

/// What a proof must say about the body. `read` is the body if the route reads it.
fn proof_body<'a>(read: Option<&'a [u8]>, http: &'a IncomingHttp) -> ProofBody<'a> {
    match (read, http.body.whole()) {
        (Some(read), _) => ProofBody::Read(read),
        (None, Some(whole)) => ProofBody::Unread(whole),
        // The proxy sends no body for most routes, so a missing body need not be an empty one.
        (None, None) => ProofBody::Unknown,
    }
}

/// A proof is not read if the route requires none. Without a chain there is no key to prove possession of.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_raw_headers_no_argument_can_be_read_from_a_header_with_an_exclamation_mark() {
        let value = |are_raw, value| {
            let http = IncomingHttp {
                method: "GET".to_owned(),
                authority: Vec::new(),
                path: Vec::new(),
                headers: Vec::new(),
                are_raw,
                body: IncomingBody::Absent,
            };
            std::str::from_utf8(known_value(&http, value)).map(str::to_owned).ok()
        };
        assert_eq!(value(true, b"a!b"), Some("a!b".to_owned()));
        assert_eq!(value(false, b"ab"), Some("ab".to_owned()));
        assert_eq!(value(false, b"a!b"), None);
    }
}
