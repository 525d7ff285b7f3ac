//! Gather: from what was asked to a case. Here the clock is read (once), signatures are verified, and facts are looked
//! up; nothing is decided.

use std::sync::Arc;

use warrant::{AwsLcVerifier, Chain, Denial, Method, Proof, ProofOf, RawPath, Seconds, Target, our_header};

use super::asked::{Asked, AskedHttp};
use super::verified::Verified;
use crate::clock::Clock;
use crate::decision::{Case, HttpCase, ProofFound};
use crate::policy::{Bundle, Holder};
use crate::policy_in_force::PolicyInForce;

/// A wall clock further behind the record than this is broken, and no window can be trusted to it.
const CLOCK_MAY_LAG_MS: u64 = 5_000;

/// Where facts come from.
#[derive(Debug)]
pub struct Gatherer {
    pub clock: Clock,
    pub policy: Arc<PolicyInForce>,
    pub ledger: ledger::Ledger,
    pub verified: Verified,
}

impl Gatherer {
    pub fn gather<'a>(&self, asked: &'a Asked) -> (Arc<Bundle>, Case<'a>) {
        let as_of = self.ledger.size();
        let (now, clock_sane) = self.time();
        let (bundle, in_force) = self.policy.at(now);
        let governance = in_force.and(clock_sane);
        let proxy = asked.proxy.clone().unwrap_or_default();
        let http = match &asked.http {
            Some(http) => self.http_case(http, &proxy, &bundle, now),
            None => Err(Denial::RequestAmbiguous),
        };
        let line = asked.http.as_ref().map(AskedHttp::line);
        let case = Case { now, as_of, governance, proxy, line, http, identity: asked.identity.clone() };
        (bundle, case)
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
        bundle: &Bundle,
        now: Seconds,
    ) -> Result<HttpCase<'a>, Denial> {
        same_line(http)?;
        let method = Method::parse(&http.method).ok_or(Denial::RequestAmbiguous)?;
        let (path, query) = RawPath::parse(&http.path)?;
        let presented = our_header(http.values("warrant"))?;
        let proof = our_header(http.values("warrant-proof"))?;
        let chain = self.verified.chain(presented.unwrap_or_default(), bundle.trust());
        let wanted = wants_proof(http, proxy, bundle, &method, path);
        let proof = match (&chain, wanted) {
            (Ok(chain), true) => proof_found(http, chain, presented.unwrap_or_default(), proof, now),
            // Without a chain there is no key to prove possession of, and the chain's own denial comes first.
            (_, false) | (Err(_), true) => ProofFound::NotWanted,
        };
        Ok(HttpCase { authority: &http.authority, method, path, query, chain, proof })
    }
}

/// Where the raw headers are there, they and the request line must say the same; else somebody between changed one.
fn same_line(http: &AskedHttp) -> Result<(), Denial> {
    let equal = |name: &'static str, line: &[u8]| http.values(name).all(|value| value == line);
    let same = equal(":path", &http.path) && equal(":authority", &http.authority);
    if same { Ok(()) } else { Err(Denial::RequestAmbiguous) }
}

/// Asked of the same functions as the judge asks, so that nothing of a proof is read where the route wants none.
fn wants_proof(http: &AskedHttp, proxy: &str, bundle: &Bundle, method: &Method, path: RawPath<'_>) -> bool {
    let Ok(host) = bundle.serves(proxy, &http.authority) else { return false };
    let target = Target { host, method: method.clone(), path };
    bundle.route(&target).is_some_and(|route| match route.require().holder {
        Holder::Proof | Holder::Both => true,
        Holder::Mtls => false,
    })
}

fn proof_found(
    http: &AskedHttp,
    chain: &Chain,
    header: &[u8],
    proof: Option<&[u8]>,
    now: Seconds,
) -> ProofFound {
    let of = ProofOf {
        now,
        method: &http.method,
        authority: &http.authority,
        path_and_query: &http.path,
        warrant_header: header,
        body: None,
    };
    let checked = Proof::parse(proof.unwrap_or_default())
        .and_then(|proof| proof.check(chain.leaf().cnf(), &AwsLcVerifier, &of));
    checked.map_or_else(ProofFound::Failed, ProofFound::Holds)
}
