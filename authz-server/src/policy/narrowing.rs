//! What a route narrows, asked of facts: one requirement, one function. In which order they are asked is the judge's.

use std::collections::BTreeMap;

use warrant::{Chain, Denial};

use super::documents::require::{Condition, Uses};
use super::route::Require;

/// A condition as it was last attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    pub value: String,
    /// Seconds since.
    pub age: u64,
}

impl Require {
    /// Lifetime, depth and uses of a lineage. Uses are judged on the root: the holder of an unlimited one would mint once-only
    /// leaves for ever.
    pub fn narrows(&self, chain: &Chain) -> Result<(), Denial> {
        if chain.links().any(|link| link.lifetime() > self.max_lifetime) {
            return Err(Denial::LifetimeTooLong);
        }
        if self.max_depth.is_some_and(|most| chain.depth() > usize::from(most)) {
            return Err(Denial::LineageTooDeep);
        }
        match (self.uses, chain.root().use_max()) {
            (Uses::Any, _) | (Uses::Limited, Some(_)) | (Uses::Once, Some(1)) => Ok(()),
            (Uses::Limited | Uses::Once, _) => Err(Denial::UseTooWide),
        }
    }

    /// The root is in the issuance record, where that is asked for.
    pub fn was_issued(&self, is_recorded: bool) -> Result<(), Denial> {
        if self.issued && !is_recorded { Err(Denial::NotIssued) } else { Ok(()) }
    }

    /// Every dimension that is named has one of its values; a dimension that is unknown has none.
    pub fn is_in_environment(
        &self,
        facts: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Denial> {
        let value = |(key, values): &(String, Vec<String>)| {
            let fact = facts.get(key).filter(|fact| values.contains(fact))?;
            Some((key.clone(), fact.clone()))
        };
        self.environment.iter().map(value).collect::<Option<_>>().ok_or(Denial::EnvironmentMismatch)
    }

    /// Every condition was attested lately, with the value that is wanted.
    pub fn conditions_hold(
        &self,
        facts: &BTreeMap<String, Attested>,
    ) -> Result<BTreeMap<String, String>, Denial> {
        let value = |wanted: &Condition| {
            let fact = facts.get(&wanted.name)?;
            // An age is fresh while at most its bound.
            (fact.value == wanted.equals && fact.age <= wanted.max_age)
                .then(|| (wanted.name.clone(), fact.value.clone()))
        };
        self.conditions.iter().map(value).collect::<Option<_>>().ok_or(Denial::ConditionUnmet)
    }
}
