//! Gathers the case for a request: reads the clock (once), verifies signatures and looks up facts. It decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use warrant::{
    AwsLcVerifier, Chain, Denial, Method, PresentedProof, ProofBody, ProofExpectations, RawPath, Seconds,
    Target, single_header,
};

use super::case_facts::Circumstances;
use super::client_identity::{ClientIdentity, IdentityMissing, ReadCertificates, client_identity};
use super::incoming::{IncomingBody, IncomingHttp, IncomingRequest};
use super::verified_chains::VerifiedChains;
use super::warrant_in_log::WarrantInLog;
use crate::clock::Clock;
use crate::facts::{Known, LiveFacts};
use policy::arguments::{ArgumentError, Extracted, Sent, SentBody};
use policy::decision::{Case, HttpCase, ProofFound};
use policy::{Bundle, Found, Holder, Located, Route};

/// The sources of facts.
#[derive(Debug)]
pub struct Gatherer {
    pub clock: Clock,
    pub live: LiveFacts,
    pub chains: VerifiedChains,
    pub certificates: ReadCertificates,
    /// Where this server runs.
    pub environment: BTreeMap<String, String>,
}

/// A case, and its warrant as it is recorded; `None` if none could be verified.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    pub(super) case: Case<'a>,
    pub(super) warrant: Option<WarrantInLog>,
}

/// What is known apart from the request; read once for each judging.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    pub(super) known: Arc<Known>,
    /// The active bundle, or a candidate.
    pub(super) bundle: Arc<Bundle>,
    pub(super) now: Seconds,
    /// Whether the server may decide at all: a bundle in force, a plausible clock. A halt is asked for each request.
    pub(super) governance: Result<(), Denial>,
}

impl Gatherer {
    pub(super) fn situation(&self) -> Situation {
        let known = self.live.now();
        let reading = self.clock.compared_with(known.time());
        let is_reliable = reading.unreliable.is_none();
        let clock = if is_reliable { Ok(()) } else { Err(Denial::GovernanceInconsistent) };
        let governance = known.in_force(reading.now).and(clock);
        Situation { bundle: Arc::clone(known.bundle()), known, now: reading.now, governance }
    }

    /// Who the client is. The situation's bundle says what the proxy must send to prove it.
    pub(super) fn client(
        &self,
        situation: &Situation,
        request: &IncomingRequest,
    ) -> Result<ClientIdentity, IdentityMissing> {
        let terms = request.proxy.as_ref().and_then(|proxy| situation.bundle.proxy(proxy));
        let strict_mtls = terms.is_some_and(|terms| terms.strict_mtls);
        client_identity(&request.client, situation.now.get(), strict_mtls, &self.certificates)
    }

    /// The case of a request of this client in this situation.
    pub(super) fn case<'a>(
        &self,
        situation: &'a Situation,
        request: &'a IncomingRequest,
        client: Option<ClientIdentity>,
    ) -> Gathered<'a> {
        let Situation { known, bundle, now, governance } = situation;
        let proxy = request.proxy.clone().unwrap_or_default();
        let mut warrant = None;
        let http = match &request.http {
            Some(http) => self.http_case(http, &proxy, bundle, *now, &mut warrant),
            None => Err(Denial::RequestAmbiguous),
        };
        let environment = bundle.environment_for(&proxy, &self.environment);
        let circumstances = Circumstances::of(known, bundle, *now, environment);
        let halted = if circumstances.is_halted() { Err(Denial::Halted) } else { Ok(()) };
        let case = Case {
            now: *now,
            as_of: known.as_of(),
            governance: halted.and(*governance),
            facts: circumstances.facts(client, http.as_ref().ok()),
            proxy,
            line: request.http.as_ref().map(IncomingHttp::line),
            http,
        };
        Gathered { case, warrant }
    }

    /// When the first of the facts by which this case is permitted stops to hold.
    pub(super) fn lapse(&self, situation: &Situation, case: &Case<'_>) -> Option<Seconds> {
        let Situation { known, bundle, now, .. } = situation;
        let environment = case.facts.environment.clone();
        let circumstances = Circumstances::of(known, bundle, *now, environment);
        let client = case.facts.identity.clone().map(|identity| {
            let certificate = case.facts.certificate.clone();
            ClientIdentity { identity, certificate }
        });
        circumstances.lapse(client.as_ref(), case.http.as_ref().ok()?)
    }

    /// The time of the last durable entry. What is burned is forgotten by this time and not by a clock, which may be ahead
    /// for a while.
    pub(super) fn recorded_time(&self) -> Seconds {
        Seconds::new(self.live.now().time() / 1000)
    }

    fn http_case<'a>(
        &self,
        http: &'a IncomingHttp,
        proxy: &str,
        bundle: &'a Bundle,
        now: Seconds,
        in_log: &mut Option<WarrantInLog>,
    ) -> Result<HttpCase<'a>, Denial> {
        check_raw_line(http)?;
        let method = Method::parse(&http.method).ok_or(Denial::RequestAmbiguous)?;
        let (path, query) = RawPath::parse(&http.path)?;
        let presented = single_header(http.values("warrant"))?.unwrap_or_default();
        let proof = single_header(http.values("warrant-proof"))?.unwrap_or_default();
        let chain = self.chains.verify(presented, bundle.trust()).map(|verified| {
            *in_log = Some(verified.in_log);
            verified.chain
        });
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
