//! Turns a verified lineage into recorded links and their terms (every claim, never a signature), and back.

use std::collections::BTreeMap;

use ledger::entry::{
    Details, Digest, IntegerJson, LinkTerms, Person, RecordedChain, RecordedLink, RecordedTerms, Terms,
};
use warrant::{Chain, ChainFromRecord, Claims, Constraint, Detail, LinkFromRecord, RootClaims, Trust, Value};

/// Larger details are recorded as their digest: they alone could make an entry too large.
const DETAILS_BYTES: usize = 4096;

/// A warrant as it is recorded.
#[derive(Clone, Debug, Default)]
pub struct RecordedWarrant {
    pub chain: RecordedChain,
    pub terms: Terms,
}

impl RecordedWarrant {
    /// Everything is encoded now: a lineage is presented more often than it is verified.
    pub fn of(chain: &Chain) -> RecordedWarrant {
        let key = chain.authority_key().thumbprint().to_string();
        RecordedWarrant {
            chain: RecordedChain::encoded(chain.links().map(|claims| link(claims, &key)).collect()),
            terms: Terms::encoded(chain.links().map(|claims| link_terms(claims, chain.kid())).collect()),
        }
    }
}

/// The lineage in these links and their terms; `None` if they do not hold all of it.
pub(super) fn recalled(
    links: &[RecordedLink],
    terms: &[LinkTerms],
    is_bound: bool,
    trust: &Trust,
) -> Option<ChainFromRecord> {
    let root = links.first()?;
    let kid = terms.first()?.kid.as_deref()?;
    if links.len() != terms.len() {
        return None;
    }
    let on_record = links.iter().zip(terms).map(|(link, terms)| on_record(link, terms));
    let chain = ChainFromRecord::of(on_record.collect::<Option<_>>()?, is_bound, kid, trust)?;
    // Another key than the trusted one cannot have verified the root.
    let is_trusted_key = root.key.as_ref() == Some(&chain.authority_key().thumbprint().to_string());
    is_trusted_key.then_some(chain)
}

/// Whether a part of these terms is recorded only as a digest.
pub(super) fn are_withheld(terms: &RecordedTerms) -> bool {
    terms.links().is_some_and(|terms| terms.iter().any(LinkTerms::is_withheld))
}

fn on_record(link: &RecordedLink, terms: &LinkTerms) -> Option<LinkFromRecord> {
    let Details::Whole(details) = &terms.authorization_details else { return None };
    let attr = |name: &str| terms.attr.as_ref()?.get(name).cloned();
    Some(LinkFromRecord {
        iss: link.iss.as_ref().or(terms.iss.as_ref())?.clone(),
        sub: link.sub.clone(),
        aud: terms.aud.clone(),
        jti: link.jti.clone(),
        times: [terms.iat, terms.nbf, link.exp],
        cnf: link.cnf.clone(),
        depth: terms.depth,
        max_depth: terms.max_depth,
        use_max: link.r#use.map(u32::try_from).transpose().ok()?,
        env: terms.env.iter().map(|(name, values)| (name.clone(), values.clone())).collect(),
        att: link.att.clone(),
        details: ledger::canonical::to_vec(details).ok()?,
        root: link
            .txn
            .clone()
            .map(|txn| (txn, terms.ini.as_ref().map(|who| (who.iss.clone(), who.sub.clone())))),
        attr: terms.attr.is_some().then(|| ["run", "agent", "purpose"].map(attr)),
    })
}

fn link(claims: &Claims, key: &str) -> RecordedLink {
    let root = claims.as_root();
    RecordedLink {
        att: claims.att().map(strings),
        cnf: claims.cnf().thumbprint().to_string(),
        exp: claims.exp().get(),
        iss: root.map(|_| claims.iss().to_owned()),
        jti: claims.jti().to_owned(),
        key: root.map(|_| key.to_owned()),
        sub: claims.sub().to_owned(),
        txn: root.map(|root| root.txn().to_owned()),
        r#use: claims.use_max().map(u64::from),
    }
}

fn link_terms(claims: &Claims, kid: &str) -> LinkTerms {
    let root = claims.as_root();
    let text = |text: &str| text.to_owned();
    LinkTerms {
        attr: root.and_then(attributes),
        aud: strings(claims.aud()),
        authorization_details: details(claims.details()),
        dec: root.and_then(RootClaims::dec).map(text),
        depth: claims.depth(),
        env: claims.env().dimensions().map(|(name, values)| (name.to_owned(), strings(values))).collect(),
        iat: claims.times().iat.get(),
        ini: root
            .and_then(RootClaims::ini)
            .map(|who| Person { iss: who.iss.to_string(), sub: who.sub.to_string() }),
        iss: root.is_none().then(|| claims.iss().to_owned()),
        kid: root.map(|_| kid.to_owned()),
        max_depth: claims.max_depth(),
        nbf: claims.times().nbf.get(),
        pol: root.and_then(RootClaims::pol).map(text),
    }
}

fn attributes(root: &RootClaims) -> Option<BTreeMap<String, String>> {
    let attr = root.attr()?;
    let named = [("run", &attr.run), ("agent", &attr.agent), ("purpose", &attr.purpose)];
    Some(
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.as_ref()?.to_string())))
            .collect(),
    )
}

/// Details as they are recorded if they are not large.
pub fn recorded_details(details: &[Detail]) -> Vec<IntegerJson> {
    details.iter().map(detail).collect()
}

fn details(details: &[Detail]) -> Details {
    let whole = recorded_details(details);
    let canonical = ledger::canonical::to_vec(&whole).unwrap_or_default();
    if canonical.len() > DETAILS_BYTES {
        Details::Digest(Digest::of(&canonical))
    } else {
        Details::Whole(whole)
    }
}

fn detail(detail: &Detail) -> IntegerJson {
    let paths = detail.paths().iter().map(|path| IntegerJson::String(path.as_str().to_owned())).collect();
    let mut members = vec![
        ("type", IntegerJson::String("execution".to_owned())),
        ("hosts", list(detail.hosts())),
        ("methods", list(detail.methods())),
        ("paths", IntegerJson::Array(paths)),
    ];
    members.extend(detail.actions().map(|actions| ("actions", list(actions))));
    let args: BTreeMap<_, _> =
        detail.args().map(|(name, bound)| (name.to_owned(), constraint(bound))).collect();
    if !args.is_empty() {
        members.push(("args", IntegerJson::Object(args)));
    }
    object(members)
}

fn constraint(constraint: &Constraint) -> IntegerJson {
    match constraint {
        Constraint::Exact(one) => object(vec![("exact", value(one))]),
        Constraint::OneOf(values) => {
            object(vec![("one_of", IntegerJson::Array(values.iter().map(value).collect()))])
        }
        Constraint::Range(low, high) => object(vec![(
            "range",
            IntegerJson::Array(vec![IntegerJson::Integer(*low), IntegerJson::Integer(*high)]),
        )]),
        Constraint::Any => object(vec![("any", IntegerJson::Bool(true))]),
    }
}

fn value(value: &Value) -> IntegerJson {
    match value {
        Value::String(text) => IntegerJson::String(text.to_string()),
        Value::Boolean(flag) => IntegerJson::Bool(*flag),
        Value::Integer(number) => IntegerJson::Integer(*number),
    }
}

fn object(members: Vec<(&str, IntegerJson)>) -> IntegerJson {
    IntegerJson::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn list(values: &[Box<str>]) -> IntegerJson {
    IntegerJson::Array(values.iter().map(|value| IntegerJson::String(value.to_string())).collect())
}

fn strings(values: &[Box<str>]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}
