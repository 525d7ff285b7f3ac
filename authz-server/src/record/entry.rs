//! Turns a case into its entry: parsed facts, never a token, a body or a query.

use std::collections::BTreeMap;

use ledger::entry::{
    self, Burned, Decision, DecisionOutcome, IntegerJson, RecordedBundle, RecordedChain, RecordedLink,
    RecordedRequest, RecordedTerms, RecordedVerdict, RequestText, VerdictCode,
};
use warrant::{Burn, Denial, Digest};

use super::checks::checks;
use super::codes::code_of;
use super::facts;
use crate::facts::BurnedItem;
use crate::keys::DigestKey;
use policy::Bundle;
use policy::arguments::ArgumentValue;
use policy::decision::{Case, Evidence, Judgement, Line, Pass, PassReason};

/// The entry of a case with this chain and its terms: the judge's input and its verdict. The outcome, and when it ends, are filled in later;
/// until then it says denied.
pub fn of_case(
    decision: &str,
    case: &Case<'_>,
    (chain, terms): (RecordedChain, RecordedTerms),
    judgement: &Judgement,
    bundle: &Bundle,
    key: &DigestKey,
) -> Decision {
    Decision {
        args: args(case, key),
        as_of: case.as_of,
        attestation: facts::attestation(&case.facts),
        burned: Vec::new(),
        bundle: Some(RecordedBundle { digest: bundle.digest(), version: bundle.version() }),
        certificate: case.facts.certificate.clone(),
        chain,
        checks: checks(case),
        clock: case.now.get(),
        conditions: facts::conditions(&case.facts),
        ends: None,
        environment: case.facts.environment.clone(),
        halted: facts::halted(case.facts.halted),
        id: decision.to_owned(),
        identity: case.facts.identity.as_ref().map(|identity| identity.0.clone()),
        lapses: None,
        outcome: DecisionOutcome::Denied(code_of(Denial::Internal)),
        posture: facts::posture(case.facts.posture),
        proxy: case.proxy.clone(),
        request: request(case, key),
        revoked: facts::revoked(&case.facts),
        terms,
        traceparent: None,
        verdict: verdict(judgement),
    }
}

/// The judge's verdict in the form in which verdicts are compared.
pub fn verdict<E: Evidence>(judgement: &Judgement<E>) -> RecordedVerdict {
    let denied = |denial| VerdictCode::Denied(code_of(denial));
    let (code, policies, route) = match judgement {
        Judgement::Permit(permit) => (VerdictCode::Permit, permit.policies(), Some(permit.route())),
        Judgement::Deny(denial) => {
            (denied(denial.denial), denial.policies.as_slice(), denial.route.as_deref())
        }
        Judgement::Pass(pass) => {
            let (code, policies): (_, &[String]) = match pass.reason() {
                PassReason::Ungoverned => (VerdictCode::Permit, &[]),
                PassReason::Observed(Ok(policies)) => (VerdictCode::Permit, policies),
                PassReason::Observed(Err(denial)) => (denied(denial.denial), &denial.policies),
            };
            (code, policies, Some(pass.route()))
        }
    };
    RecordedVerdict { code, policies: policies.to_vec(), route: route.map(str::to_owned) }
}

/// The outcome of a request that is forwarded whatever its verdict is.
pub fn outcome_of<E: Evidence>(pass: &Pass<E>) -> DecisionOutcome {
    match pass.reason() {
        PassReason::Ungoverned => DecisionOutcome::Ungoverned,
        PassReason::Observed(_) => DecisionOutcome::Observed,
    }
}

/// These items as an entry with this chain says them.
pub fn recorded_burns<'a>(
    items: impl Iterator<Item = &'a BurnedItem>,
    links: &[Burn],
    chain: &[RecordedLink],
) -> Vec<Burned> {
    items.map(|item| Burned::of(recorded_burn(item, links), chain)).collect()
}

fn recorded_burn(item: &BurnedItem, links: &[Burn]) -> entry::RecordedBurn {
    match item {
        BurnedItem::Link { iss, path, until } => entry::RecordedBurn {
            max: links.iter().find(|link| link.path == *path).map_or(1, |link| u64::from(link.max)),
            name: path.clone(),
            owner: iss.clone(),
            until: until.get(),
            what: entry::BurnKind::Use,
        },
        BurnedItem::Proof { thumbprint, jti, until } => entry::RecordedBurn {
            max: 1,
            name: jti.clone(),
            owner: thumbprint.clone(),
            until: until.get(),
            what: entry::BurnKind::Proof,
        },
    }
}

fn request(case: &Case<'_>, key: &DigestKey) -> RecordedRequest {
    let Some(line) = &case.line else {
        let nothing = || RequestText::from("");
        let (host, method, path) = (nothing(), nothing(), nothing());
        return RecordedRequest { action: None, body: None, host, method, path, query: None };
    };
    let given = case.http.as_ref().ok().and_then(|http| http.given.as_ref()?.as_ref().ok());
    RecordedRequest {
        action: given.map(|given| given.action.clone()),
        body: case.body().map(|body| Digest::from_bytes(key.digest(body))),
        ..request_line(line, key)
    }
}

/// A request line as it is recorded: without what may be a secret. That is a query, a fragment (with which a path is always
/// ambiguous), and the user and password of an authority.
pub fn request_line(line: &Line<'_>, key: &DigestKey) -> RecordedRequest {
    let (path, query) = line.path();
    let path = path.split(|byte| *byte == b'#').next().unwrap_or_default();
    RecordedRequest {
        action: None,
        body: None,
        host: RequestText::from_bytes(without_user(line.authority)),
        method: RequestText::from(line.method),
        path: RequestText::from_bytes(path),
        query: query.map(|query| Digest::from_bytes(key.digest(query))),
    }
}

/// An authority without the text before its last `@`: a client may have written a password there. The `@` stays, so
/// that the record shows why no proxy serves this host.
fn without_user(authority: &[u8]) -> &[u8] {
    let at = authority.iter().rposition(|byte| *byte == b'@').unwrap_or_default();
    authority.get(at..).unwrap_or_default()
}

/// Arguments by value, so that the decision can be judged again. Arguments that the route withholds are keyed digests.
fn args(case: &Case<'_>, key: &DigestKey) -> BTreeMap<String, IntegerJson> {
    let Some(Ok(given)) = case.http.as_ref().ok().and_then(|http| http.given.as_ref()) else {
        return BTreeMap::new();
    };
    let kept = |name: &str, value: &ArgumentValue| {
        let value = json(value);
        if !given.withheld.contains(name) {
            return value;
        }
        // The digest is of the canonical form, so that the text `7` and the number 7 differ. Every value has one.
        let bytes = ledger::canonical::to_vec(&value).unwrap_or_default();
        let digest = Digest::from_bytes(key.digest(&bytes)).to_string();
        IntegerJson::Object([("hmac".to_owned(), IntegerJson::String(digest))].into())
    };
    given.args.iter().map(|(name, value)| (name.to_owned(), kept(name, value))).collect()
}

fn json(value: &ArgumentValue) -> IntegerJson {
    match value {
        ArgumentValue::Long(number) => IntegerJson::Integer(*number),
        ArgumentValue::Text(text) => IntegerJson::String(text.clone()),
        ArgumentValue::Bool(flag) => IntegerJson::Bool(*flag),
        ArgumentValue::Texts(texts) => {
            IntegerJson::Array(texts.iter().cloned().map(IntegerJson::String).collect())
        }
    }
}
