//! Turns a recorded decision back into its case, as far as it was recorded.

use ledger::entry::{CheckResult, Decision, IntegerJson, RequestText};
use warrant::{ChainFromRecord, Denial, Method, ProofId, RawPath, Seconds, Thumbprint};

use super::chain::{are_withheld, recalled};
use super::codes::result_of;
use super::facts;
use policy::Bundle;
use policy::arguments::{ArgumentError, ArgumentValue, Extracted, RequestPart};
use policy::decision::{ByRecord, Case, HttpCase, Line, ProofFound};

/// Why a recorded decision cannot be turned back into its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoCase {
    /// Something that the judge read is kept only as a digest.
    Withheld,
    /// The entry at this index says the terms of the warrant, and is not at hand.
    WithoutTerms(u64),
    /// The recorded parts do not fit together; this names the part.
    Unfit(&'static str),
}

/// The recorded request, from which a case borrows.
#[derive(Debug)]
pub(super) struct RecordedBytes {
    method: String,
    authority: Vec<u8>,
    path: Vec<u8>,
    /// Whether the record has only the beginning of one of them.
    pub(super) is_shortened: bool,
}

impl RecordedBytes {
    pub(super) fn line(&self) -> Line<'_> {
        Line { method: &self.method, authority: &self.authority, path_and_query: &self.path }
    }

    pub(super) fn of(decision: &Decision) -> RecordedBytes {
        let request = &decision.request;
        RecordedBytes {
            method: String::from_utf8_lossy(&bytes(&request.method)).into_owned(),
            authority: bytes(&request.host),
            path: bytes(&request.path),
            is_shortened: [&request.method, &request.host, &request.path]
                .iter()
                .any(|text| text.whole().is_none()),
        }
    }

    /// The case, under this bundle.
    pub(super) fn case<'a>(
        &'a self,
        decision: &Decision,
        bundle: &'a Bundle,
    ) -> Result<Case<'a, ByRecord>, NoCase> {
        let checks = &decision.checks;
        let governance = made(checks.governance, "the check `governance`")?;
        let http = match made(checks.request, "the check `request`")? {
            Err(denial) => Err(denial),
            Ok(()) => Ok(self.http(decision, bundle)?),
        };
        Ok(Case {
            now: Seconds::new(decision.clock),
            as_of: decision.as_of,
            governance,
            proxy: decision.proxy.clone(),
            line: Some(self.line()),
            http,
            facts: facts::recalled(decision).ok_or(NoCase::Unfit("the posture"))?,
        })
    }

    fn http<'a>(&'a self, decision: &Decision, bundle: &'a Bundle) -> Result<HttpCase<'a, ByRecord>, NoCase> {
        if self.is_shortened {
            return Err(NoCase::Withheld);
        }
        let method = Method::parse(&self.method).ok_or(NoCase::Unfit("the method"))?;
        let (path, _) = RawPath::parse(&self.path).map_err(|_| NoCase::Unfit("the path"))?;
        let located = bundle.locate(&decision.proxy, &self.authority, &method, path);
        let chain = chain(decision, bundle)?;
        let proof = proof(decision, chain.as_ref().ok())?;
        let given = given(decision)?;
        Ok(HttpCase { located, chain, proof, body: None, given })
    }
}

fn bytes(text: &RequestText) -> Vec<u8> {
    text.kept().to_vec()
}

/// The result of a check that is always made.
fn made(check: Option<CheckResult>, name: &'static str) -> Result<Result<(), Denial>, NoCase> {
    check.map(result_of).ok_or(NoCase::Unfit(name))
}

pub(super) fn chain(decision: &Decision, bundle: &Bundle) -> Result<Result<ChainFromRecord, Denial>, NoCase> {
    let checks = &decision.checks;
    for (check, name) in [(checks.parse, "the check `parse`"), (checks.signatures, "the check `signatures`")]
    {
        if let Err(denial) = made(check, name)? {
            return Ok(Err(denial));
        }
    }
    if are_withheld(&decision.terms) {
        return Err(NoCase::Withheld);
    }
    let terms = match (decision.terms.links(), decision.terms.said_at()) {
        (Some(terms), _) => terms,
        (None, index) => return Err(NoCase::WithoutTerms(index.unwrap_or_default())),
    };
    let is_bound = made(checks.binding, "the check `binding`")?.is_ok();
    recalled(&decision.chain, terms, is_bound, bundle.trust()).map(Ok).ok_or(NoCase::Unfit("the chain"))
}

/// The judge only needs to know that a proof held, and whose key it was: the leaf's.
pub(super) fn proof(decision: &Decision, chain: Option<&ChainFromRecord>) -> Result<ProofFound, NoCase> {
    Ok(match decision.checks.proof.map(result_of) {
        None => ProofFound::NotWanted,
        Some(Err(denial)) => ProofFound::Failed(denial),
        Some(Ok(())) => {
            let leaf: Option<Thumbprint> = chain.map(|chain| chain.leaf().cnf().thumbprint());
            let thumbprint = leaf.ok_or(NoCase::Unfit("a proof without a chain"))?;
            ProofFound::Holds(ProofId { thumbprint, jti: String::new(), forget_after: Seconds::default() })
        }
    })
}

pub(super) fn given(decision: &Decision) -> Result<Option<Result<Extracted, ArgumentError>>, NoCase> {
    let checks = &decision.checks;
    let parts = [
        (checks.arguments, RequestPart::Line),
        (checks.query, RequestPart::Query),
        (checks.body, RequestPart::Body),
    ];
    for (check, part) in parts {
        if let Some(Err(denial)) = check.map(result_of) {
            return Ok(Some(Err(ArgumentError { denial, part, detail: String::new(), cure: None })));
        }
    }
    let Some(action) = decision.request.action.clone() else { return Ok(None) };
    let args = decision.args.iter().map(|(name, json)| Ok((name.clone(), value(json)?)));
    let args = args.collect::<Result<_, NoCase>>()?;
    Ok(Some(Ok(Extracted { action, args, withheld: Default::default() })))
}

fn value(json: &IntegerJson) -> Result<ArgumentValue, NoCase> {
    match json {
        IntegerJson::Integer(number) => Ok(ArgumentValue::Long(*number)),
        IntegerJson::String(text) => Ok(ArgumentValue::Text(text.clone())),
        IntegerJson::Bool(flag) => Ok(ArgumentValue::Bool(*flag)),
        IntegerJson::Array(items) => {
            let text = |item: &IntegerJson| match item {
                IntegerJson::String(text) => Ok(text.clone()),
                IntegerJson::Null
                | IntegerJson::Bool(_)
                | IntegerJson::Integer(_)
                | IntegerJson::Array(_)
                | IntegerJson::Object(_) => Err(NoCase::Unfit("an argument")),
            };
            items.iter().map(text).collect::<Result<_, _>>().map(ArgumentValue::Texts)
        }
        IntegerJson::Object(_) => Err(NoCase::Withheld),
        IntegerJson::Null => Err(NoCase::Unfit("an argument")),
    }
}
