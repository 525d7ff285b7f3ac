//! A recorded forward, to be judged again by what is known now: the request, its proof, its arguments and its warrant are those
//! of the record, and the bundle is another one or the same. Facts and time come from the caller.
//!
//! What the record does not hold counts as a denial, and not as a fault: the judge then says whether it matters. An ungoverned
//! request needs no warrant, whatever became of it.

use ledger::entry::Decision;
use policy::arguments::{ArgumentError, Extracted, RequestPart, Sent, SentBody};
use policy::decision::{ByRecord, HttpCase, Identity, Issuance, Line, ProofFound};
use policy::{Bundle, Route};
use warrant::{ChainFromRecord, Denial, Method, RawPath, Target};

use super::chain::{are_withheld, recalled};
use super::codes::result_of;
use super::facts;
use super::recorded_case::{NoCase, RecordedBytes, given, proof};

/// The denial for what was withheld from the record, or does not fit together.
const NOT_ON_RECORD: Denial = Denial::StateUnavailable;

/// A forward as it is recorded.
#[derive(Debug)]
pub struct RecordedForward<'d> {
    decision: &'d Decision,
    bytes: RecordedBytes,
}

impl<'d> RecordedForward<'d> {
    pub fn of(decision: &'d Decision) -> RecordedForward<'d> {
        RecordedForward { decision, bytes: RecordedBytes::of(decision) }
    }

    /// The identity in the client's certificate, and the thumbprint of its key.
    pub fn client(&self) -> Option<(Identity, Option<String>)> {
        let identity = Identity(self.decision.identity.clone()?);
        Some((identity, self.decision.certificate.clone()))
    }

    pub fn issuance(&self) -> Issuance {
        facts::issuance(self.decision)
    }

    pub fn line(&self) -> Line<'_> {
        self.bytes.line()
    }

    /// The request under this bundle. `reads_alike` says whether a route reads requests as that one did under which this was
    /// allowed.
    pub fn http<'a>(
        &'a self,
        bundle: &'a Bundle,
        reads_alike: impl Fn(&Route) -> bool,
    ) -> Result<HttpCase<'a, ByRecord>, Denial> {
        let Line { method, authority, path_and_query } = self.line();
        let method = Method::parse(method).filter(|_| !self.bytes.is_shortened).ok_or(NOT_ON_RECORD)?;
        let (path, _) = RawPath::parse(path_and_query).map_err(|_| NOT_ON_RECORD)?;
        let located = bundle.locate(&self.decision.proxy, authority, &method, path);
        let chain = self.chain(bundle);
        let proof = self.proof(chain.as_ref().ok());
        let changed = located.as_ref().ok().and_then(|located| {
            let route = located.found.route().filter(|route| !reads_alike(route))?;
            Some((route, &located.target))
        });
        let given = match changed {
            Some((route, target)) => self.read_again(route, target),
            None => self.given(),
        };
        Ok(HttpCase { located, chain, proof, body: None, given: Some(given) })
    }

    fn chain(&self, bundle: &Bundle) -> Result<ChainFromRecord, Denial> {
        let checks = &self.decision.checks;
        for check in [checks.parse, checks.signatures] {
            check.map_or(Err(NOT_ON_RECORD), result_of)?;
        }
        let terms = self.decision.terms.links().filter(|_| !are_withheld(&self.decision.terms));
        let terms = terms.ok_or(NOT_ON_RECORD)?;
        let is_bound = checks.binding.is_some_and(|check| result_of(check).is_ok());
        // The key that verified it was trusted then.
        recalled(&self.decision.chain, terms, is_bound, bundle.trust()).ok_or(Denial::IssuerUntrusted)
    }

    /// A route that wants a proof now, and wanted none then, gets none.
    fn proof(&self, chain: Option<&ChainFromRecord>) -> ProofFound {
        match proof(self.decision, chain) {
            Ok(ProofFound::NotWanted) => ProofFound::Failed(Denial::ProofMissing),
            Ok(found) => found,
            Err(NoCase::Withheld | NoCase::WithoutTerms(_) | NoCase::Unfit(_)) => {
                ProofFound::Failed(NOT_ON_RECORD)
            }
        }
    }

    /// What a route reads that is another now: from the path, which is on record. Header, query and body are not.
    fn read_again(&self, route: &Route, target: &Target<'_>) -> Result<Extracted, ArgumentError> {
        if !route.reads_only_the_path() {
            return lacks(NOT_ON_RECORD);
        }
        if self.decision.request.query.is_some() && !route.takes_any_query() {
            return lacks(Denial::OutsideWarrant);
        }
        route.read(target, &Sent { query: None, headers: &[], body: SentBody::Absent })
    }

    fn given(&self) -> Result<Extracted, ArgumentError> {
        match given(self.decision) {
            Ok(Some(given)) => given,
            // Nothing was read: no route governed it then.
            Ok(None) => lacks(Denial::ArgumentsInvalid),
            Err(NoCase::Withheld | NoCase::WithoutTerms(_) | NoCase::Unfit(_)) => lacks(NOT_ON_RECORD),
        }
    }
}

fn lacks(denial: Denial) -> Result<Extracted, ArgumentError> {
    Err(ArgumentError { denial, part: RequestPart::Line, detail: String::new(), cure: None })
}
