//! The rules for one proxy, made from the active bundle; and what is halted there, made from the postures. They are kept until
//! the bundle, or a posture, changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ledger::entry::{FactScope, Posture};
use policy::{Bundle, ListedMatch};
use warrant::statement::{self, Halts, Match, Rule, Rules, StatementFault};
use warrant::{Digest, Host, Seconds, formats};

use crate::facts::Known;

/// The rules for this proxy.
pub(super) fn rules(
    bundle: &Bundle,
    proxy: &str,
    resource_page: Option<&str>,
) -> Result<Rules, StatementFault> {
    let other_names = |(canonical, names): (&str, Vec<&str>)| {
        let others = names.into_iter().filter(|name| *name != canonical).filter_map(Host::parse);
        Some((Host::parse(canonical)?, others.collect::<BTreeSet<_>>()))
    };
    let hosts = bundle.names_served(proxy).into_iter().filter_map(other_names).collect();
    let listed = bundle.listed_matches(proxy, |found| {
        matches!(found, policy::Found::Ungoverned(_))
            || found.route().is_some_and(|route| route.observed_until().is_some())
    });
    let matches = listed.iter().filter_map(|item| matched(item, rule(item.found)?)).collect();
    let resource_page = resource_page.map(Box::from);
    Rules::new(bundle.terms().clone(), bundle.trust().clone(), hosts, matches, resource_page)
}

fn rule(found: policy::Found<'_>) -> Option<Rule> {
    let (to, until) = match found {
        policy::Found::Ungoverned(open) => (statement::Found::Ungoverned, open.until()),
        policy::Found::Route(route) => match route.observed_until() {
            Some(until) => (statement::Found::Observed, Some(until)),
            None => (statement::Found::Governed, None),
        },
        policy::Found::Nothing => return None,
    };
    Rule::new(to, until.map(Seconds::new))
}

/// What is halted for this proxy, apart from the mesh and its environments.
pub(super) fn halts(known: &Known, proxy: &str) -> Result<Halts, StatementFault> {
    let halted = |scope| {
        let postures = known.tables().postures.iter();
        let halted = postures
            .filter(move |posture| posture.fact.scope == scope && posture.fact.stance == Posture::Halted);
        halted.map(|posture| posture.fact.subject.as_str()).collect::<BTreeSet<_>>()
    };
    let routes = halted(FactScope::Route);
    let is_halted = |found: policy::Found<'_>| found.name().is_some_and(|name| routes.contains(name));
    let matches = if routes.is_empty() {
        Vec::new()
    } else {
        let listed = known.bundle().listed_matches(proxy, is_halted);
        listed.iter().filter_map(|item| matched(item, is_halted(item.found))).collect()
    };
    // No warrant names an issuer that is not plain text.
    let issuers = halted(FactScope::Issuer).into_iter().filter(|iss| formats::is_plain(iss));
    Halts::new(issuers.map(Box::from).collect(), matches)
}

fn matched<T>(item: &ListedMatch<'_>, says: T) -> Option<Match<T>> {
    let methods = item.methods.iter().map(|method| Box::from(*method)).collect();
    Match::new(Host::parse(item.host)?, methods, item.path.clone(), says)
}

/// A part that was made once for each proxy, and holds as long as `K` stays the same.
#[derive(Debug)]
pub(super) struct MadeOnce<K, T>(Mutex<Made<K, T>>);

#[derive(Debug)]
struct Made<K, T> {
    by: Option<K>,
    of: BTreeMap<String, Arc<T>>,
}

impl<K, T> Default for MadeOnce<K, T> {
    fn default() -> Self {
        Self(Mutex::new(Made { by: None, of: BTreeMap::new() }))
    }
}

impl<K: PartialEq + Clone, T> MadeOnce<K, T> {
    /// The part of this proxy. `make` is called without any lock, so two polls may make the same at once.
    pub(super) fn get<E>(
        &self,
        by: &K,
        proxy: &str,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        // Only complete values are stored under this lock.
        let made = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = made();
        if let Some(part) = before.of.get(proxy).filter(|_| before.by.as_ref() == Some(by)) {
            return Ok(Arc::clone(part));
        }
        drop(before);
        let part = Arc::new(make()?);
        let mut now = made();
        if now.by.as_ref() != Some(by) {
            now.of.clear();
            now.by = Some(by.clone());
        }
        now.of.insert(proxy.to_owned(), Arc::clone(&part));
        Ok(part)
    }
}

/// A part as it is sent.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) json: String,
    pub(super) digest: Digest,
}

impl From<Rules> for Part {
    fn from(rules: Rules) -> Part {
        Part { json: rules.to_json().to_owned(), digest: rules.digest() }
    }
}

impl From<Halts> for Part {
    fn from(halts: Halts) -> Part {
        Part { json: halts.to_json().to_owned(), digest: halts.digest() }
    }
}
