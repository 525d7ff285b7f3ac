//! Finds the groups that a holder is in.

use warrant::SubjectPattern;

use super::identities::Identities;

#[derive(Debug, Default)]
pub(crate) struct Groups(Vec<(String, Vec<SubjectPattern>)>);

impl Groups {
    pub(crate) fn new(identities: Identities) -> Self {
        Self(identities.groups.into_iter().map(|(name, patterns)| (name.value, patterns)).collect())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The groups of this holder, by name.
    pub(crate) fn of<'a>(&'a self, holder: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(_, patterns)| patterns.iter().any(|pattern| pattern.matches(holder)))
            .map(|(name, _)| name.as_str())
    }
}
