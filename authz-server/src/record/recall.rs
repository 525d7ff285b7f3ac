//! Out of the record: the case that a decision was taken on, as far as it was kept.

use std::collections::BTreeMap;

use ledger::entry::{Decision, IntegerJson, RequestText};
use warrant::{ChainFromRecord, Denial, Method, ProofId, RawPath, Seconds, Thumbprint};

use super::chain::recalled;
use super::checks::result;
use policy::arguments::{ArgumentError, ArgumentValue, Extracted, RequestPart};
use policy::decision::{Attestation, Attested, ByRecord, Case, Facts, HttpCase, Identity, Line, ProofFound};
use policy::{Bundle, Posture};

/// Why there is no case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Something that the judge read is kept only as a digest.
    Withheld,
    /// What is kept does not fit together.
    Unfit(&'static str),
}

/// The bytes that a case borrows.
pub(super) struct Bytes {
    method: String,
    authority: Vec<u8>,
    path: Vec<u8>,
}

impl Bytes {
    pub(super) fn of(decision: &Decision) -> Bytes {
        let request = &decision.request;
        Bytes {
            method: String::from_utf8_lossy(&bytes(&request.method)).into_owned(),
            authority: bytes(&request.host),
            path: bytes(&request.path),
        }
    }

    /// The case, for a bundle that is the recorded one.
    pub(super) fn case<'a>(
        &'a self,
        decision: &Decision,
        bundle: &'a Bundle,
    ) -> Result<Case<'a, ByRecord>, Unknown> {
        let checks = &decision.checks;
        let governance = made(checks.governance.as_ref(), "the check `governance`")?;
        let http = match made(checks.request.as_ref(), "the check `request`")? {
            Err(denial) => Err(denial),
            Ok(()) => Ok(self.http(decision, bundle)?),
        };
        let (method, authority, path) = (self.method.as_str(), &self.authority, &self.path);
        Ok(Case {
            now: Seconds::new(decision.clock),
            as_of: decision.as_of,
            governance,
            proxy: decision.proxy.clone(),
            line: Some(Line { method, authority, path_and_query: path }),
            http,
            facts: facts(decision)?,
        })
    }

    fn http<'a>(
        &'a self,
        decision: &Decision,
        bundle: &'a Bundle,
    ) -> Result<HttpCase<'a, ByRecord>, Unknown> {
        let method = Method::parse(&self.method).ok_or(Unknown::Unfit("the method"))?;
        let (path, _) = RawPath::parse(&self.path).map_err(|_| Unknown::Unfit("the path"))?;
        let located = bundle.locate(&decision.proxy, &self.authority, &method, path);
        let chain = chain(decision, bundle)?;
        let proof = proof(decision, chain.as_ref().ok())?;
        let given = given(decision)?;
        Ok(HttpCase { authority: &self.authority, located, chain, proof, body: None, given })
    }
}

fn bytes(text: &RequestText) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// A check that is always made.
fn made(check: Option<&String>, name: &'static str) -> Result<Result<(), Denial>, Unknown> {
    checked(check, name)?.ok_or(Unknown::Unfit(name))
}

fn checked(check: Option<&String>, name: &'static str) -> Result<Option<Result<(), Denial>>, Unknown> {
    result(check).map_err(|()| Unknown::Unfit(name))
}

fn chain(decision: &Decision, bundle: &Bundle) -> Result<Result<ChainFromRecord, Denial>, Unknown> {
    let checks = &decision.checks;
    for (check, name) in
        [(&checks.parse, "the check `parse`"), (&checks.signatures, "the check `signatures`")]
    {
        if let Err(denial) = made(check.as_ref(), name)? {
            return Ok(Err(denial));
        }
    }
    if decision.chain.iter().any(|link| link.is_withheld()) {
        return Err(Unknown::Withheld);
    }
    let is_bound = made(checks.binding.as_ref(), "the check `binding`")?.is_ok();
    recalled(&decision.chain, is_bound, bundle.trust()).map(Ok).ok_or(Unknown::Unfit("the chain"))
}

/// That a proof held is all that the judge asks of it, and whose key it was: the leaf's.
fn proof(decision: &Decision, chain: Option<&ChainFromRecord>) -> Result<ProofFound, Unknown> {
    Ok(match checked(decision.checks.proof.as_ref(), "the check `proof`")? {
        None => ProofFound::NotWanted,
        Some(Err(denial)) => ProofFound::Failed(denial),
        Some(Ok(())) => {
            let leaf: Option<Thumbprint> = chain.map(|chain| chain.leaf().cnf().thumbprint());
            let thumbprint = leaf.ok_or(Unknown::Unfit("a proof without a chain"))?;
            ProofFound::Holds(ProofId { thumbprint, jti: String::new(), forget_after: Seconds::default() })
        }
    })
}

fn given(decision: &Decision) -> Result<Option<Result<Extracted, ArgumentError>>, Unknown> {
    let checks = &decision.checks;
    let parts = [
        (&checks.arguments, RequestPart::Line, "the check `arguments`"),
        (&checks.query, RequestPart::Query, "the check `query`"),
        (&checks.body, RequestPart::Body, "the check `body`"),
    ];
    for (check, part, name) in parts {
        if let Some(Err(denial)) = checked(check.as_ref(), name)? {
            return Ok(Some(Err(ArgumentError { denial, part, detail: String::new(), cure: None })));
        }
    }
    let Some(action) = decision.request.action.clone() else { return Ok(None) };
    let args = decision.args.iter().map(|(name, json)| Ok((name.clone(), value(json)?)));
    let args = args.collect::<Result<_, Unknown>>()?;
    Ok(Some(Ok(Extracted { action, args, withheld: Default::default() })))
}

fn value(json: &IntegerJson) -> Result<ArgumentValue, Unknown> {
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
                | IntegerJson::Object(_) => Err(Unknown::Unfit("an argument")),
            };
            items.iter().map(text).collect::<Result<_, _>>().map(ArgumentValue::Texts)
        }
        IntegerJson::Object(_) => Err(Unknown::Withheld),
        IntegerJson::Null => Err(Unknown::Unfit("an argument")),
    }
}

fn facts(decision: &Decision) -> Result<Facts, Unknown> {
    let age = |iat: u64| decision.clock.saturating_sub(iat);
    let conditions = decision.conditions.iter().filter_map(|state| {
        Some((state.name.clone(), Attested { value: state.value.clone()?, age: age(state.iat?) }))
    });
    let posture = Posture::ALL.into_iter().find(|posture| posture.name() == decision.posture);
    let issued = checked(decision.checks.issued.as_ref(), "the check `issued`")?;
    Ok(Facts {
        identity: decision.identity.clone().map(Identity),
        environment: decision.environment.clone(),
        conditions: conditions.collect::<BTreeMap<_, _>>(),
        attestations: decision
            .attestation
            .iter()
            .map(|one| Attestation {
                iss: one.iss.clone(),
                subject: one.subject.clone(),
                exp: one.exp,
                positive: one.positive,
                measurement: one.measurement.first().map(ToString::to_string).unwrap_or_default(),
                age: age(one.iat),
            })
            .collect(),
        posture: posture.ok_or(Unknown::Unfit("the posture"))?,
        issued: issued.is_some_and(|result| result.is_ok()),
    })
}
