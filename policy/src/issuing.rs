//! What a root may contain: what was asked for, within what is permitted, and never more than either.
//!
//! The policies say which grants a holder may have. Here the law of warrants says whether an asked detail is within a grant,
//! as it says whether a child is within its parent.

use std::collections::BTreeSet;

use warrant::Detail;

use crate::documents::grants::GrantTerms;
use crate::documents::issuance::GrantLimits;
pub use crate::documents::issuance::Wanted;
use crate::documents::scalars;
use crate::engine::PermittedGrant;

/// What a root may contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub details: Vec<Detail>,
    pub limits: GrantLimits,
    /// Where alone it may be used.
    pub environment: Vec<(String, Vec<String>)>,
    /// The measurements to which it is bound.
    pub attestation: Option<Vec<String>>,
    /// The ids of the permits that granted it, sorted.
    pub policies: Vec<String>,
}

/// Why nothing is issued, although the policies permit some grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotIssued {
    /// Neither a grant nor details are wanted.
    Nothing,
    /// The grant is none that this holder may have, or there is none of this name.
    Grant(String),
    /// The detail at this position is not within one detail of a permitted grant.
    Detail(usize),
    /// Nothing of what is wanted is at the wanted hosts.
    Hosts,
    /// The grants together may be used nowhere: they name different values of this dimension.
    Environment(String),
    /// The grants together are bound to no measurement: they name different ones.
    Attestation,
}

/// What is issued. `terms` are those of a grant by its name.
///
/// # Errors
/// When something that is wanted is not permitted: it is never left out silently.
pub fn issue<'g>(
    wanted: &Wanted,
    permitted: &[PermittedGrant],
    terms: impl Fn(&str) -> Option<&'g GrantTerms>,
) -> Result<Issue, NotIssued> {
    let candidates: Vec<(&PermittedGrant, &GrantTerms)> = permitted
        .iter()
        .filter(|permit| wanted.grant.as_ref().is_none_or(|name| *name == permit.grant))
        .filter_map(|permit| Some((permit, terms(&permit.grant)?)))
        .collect();
    if let (Some(name), true) = (&wanted.grant, candidates.is_empty()) {
        return Err(NotIssued::Grant(name.clone()));
    }
    let (details, used) = match &wanted.details {
        Some(details) => (details.clone(), covering(details, &candidates)?),
        None if wanted.grant.is_some() => {
            // All candidates are permits of one grant.
            let details = candidates.first().map(|(_, terms)| terms.details.clone()).unwrap_or_default();
            (details, candidates)
        }
        None => return Err(NotIssued::Nothing),
    };
    let details = at_hosts(details, wanted.hosts.as_ref())?;
    let limits = used.iter().map(|(permit, _)| permit.limits).reduce(GrantLimits::and);
    let limits = limits.ok_or(NotIssued::Nothing)?.and(asked_limits(wanted));
    Ok(Issue {
        details,
        limits,
        environment: environment(&used)?,
        attestation: attestation(&used)?,
        policies: used
            .iter()
            .map(|(permit, _)| permit.policy.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    })
}

fn asked_limits(wanted: &Wanted) -> GrantLimits {
    GrantLimits {
        lifetime: wanted.lifetime.unwrap_or(u64::MAX),
        uses: wanted.uses,
        depth: wanted.depth.unwrap_or(u64::MAX),
    }
}

/// Every permit whose grant has a detail that covers one of these. Their limits all hold: a detail that several grants cover
/// gets the strictest, because nobody can tell which one was meant. Who means one names it.
fn covering<'a>(
    details: &[Detail],
    candidates: &[(&'a PermittedGrant, &'a GrantTerms)],
) -> Result<Vec<(&'a PermittedGrant, &'a GrantTerms)>, NotIssued> {
    let covers = |terms: &GrantTerms, detail: &Detail| terms.details.iter().any(|own| detail.is_within(own));
    let uncovered =
        details.iter().position(|detail| !candidates.iter().any(|(_, terms)| covers(terms, detail)));
    if let Some(position) = uncovered {
        return Err(NotIssued::Detail(position));
    }
    let is_used = |terms: &GrantTerms| details.iter().any(|detail| covers(terms, detail));
    Ok(candidates.iter().filter(|(_, terms)| is_used(terms)).copied().collect())
}

fn at_hosts(details: Vec<Detail>, hosts: Option<&BTreeSet<String>>) -> Result<Vec<Detail>, NotIssued> {
    let Some(hosts) = hosts else { return Ok(details) };
    let kept: Vec<_> =
        details.iter().filter_map(|detail| detail.at_hosts(|host| hosts.contains(host))).collect();
    if kept.is_empty() { Err(NotIssued::Hosts) } else { Ok(kept) }
}

/// The places where all these grants may be used.
fn environment(used: &[(&PermittedGrant, &GrantTerms)]) -> Result<Vec<(String, Vec<String>)>, NotIssued> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for (dimension, values) in used.iter().flat_map(|(_, terms)| &terms.environment) {
        match all.iter_mut().find(|(known, _)| known == dimension) {
            Some((_, kept)) => kept.retain(|value| values.contains(value)),
            None => all.push((dimension.clone(), values.clone())),
        }
    }
    match all.iter().find(|(_, values)| values.is_empty()) {
        Some((dimension, _)) => Err(NotIssued::Environment(dimension.clone())),
        None => Ok(all),
    }
}

/// The measurements that all these grants accept.
fn attestation(used: &[(&PermittedGrant, &GrantTerms)]) -> Result<Option<Vec<String>>, NotIssued> {
    let pinned = used.iter().filter_map(|(_, terms)| terms.attestation.clone());
    let all = pinned.reduce(|kept, own| kept.into_iter().filter(|one| own.contains(one)).collect());
    if all.as_ref().is_some_and(Vec::is_empty) { Err(NotIssued::Attestation) } else { Ok(all) }
}

impl std::fmt::Display for NotIssued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("neither a grant (`scope`) nor details are asked for"),
            Self::Grant(name) if scalars::is_label(name) => {
                write!(f, "the holder may not have a grant `{name}`")
            }
            // No grant has such a name. It may be a secret in the wrong place, so it is not repeated.
            Self::Grant(_) => f.write_str("the holder may not have a grant of that name"),
            Self::Detail(position) => {
                write!(f, "detail {position} is not within one detail of a grant that the holder may have")
            }
            Self::Hosts => f.write_str("nothing of what is asked for is at the wanted hosts"),
            Self::Environment(dimension) => {
                write!(f, "the grants have no `{dimension}` in common: ask for them one by one")
            }
            Self::Attestation => {
                f.write_str("the grants have no measurement in common: ask for them one by one")
            }
        }
    }
}

impl std::error::Error for NotIssued {}
