//! How the candidate differs from the bundle in force: kinds of difference, and how often each was seen.

use std::collections::BTreeMap;

use warrant::Denial;

/// At most this many kinds of difference are kept apart; more would not help anybody.
const MOST: usize = 1000;

/// One way in which two bundles differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// The route that the active bundle found for the request.
    #[schema(required)]
    pub route: Option<String>,
    /// What the active bundle says; `None` is an allow, and is written `allow`.
    #[serde(serialize_with = "policy::decision::serialize_result")]
    #[schema(value_type = crate::schema::Judged)]
    pub active: Option<Denial>,
    /// What the candidate says.
    #[serde(serialize_with = "policy::decision::serialize_result")]
    #[schema(value_type = crate::schema::Judged)]
    pub candidate: Option<Denial>,
}

/// The differences that were seen so far.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    judged: u64,
    differing: u64,
    kinds: BTreeMap<Difference, u64>,
}

impl Differences {
    /// Notes one request that both have judged.
    pub fn note(&mut self, route: Option<&str>, active: Option<Denial>, candidate: Option<Denial>) {
        self.judged = self.judged.saturating_add(1);
        if active == candidate {
            return;
        }
        self.differing = self.differing.saturating_add(1);
        let difference = Difference { route: route.map(str::to_owned), active, candidate };
        if self.kinds.len() < MOST || self.kinds.contains_key(&difference) {
            let count = self.kinds.entry(difference).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub fn judged(&self) -> u64 {
        self.judged
    }

    pub fn differing(&self) -> u64 {
        self.differing
    }

    /// How many kinds are kept apart.
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Each kind and how often it was seen, sorted.
    pub fn list(&self) -> impl Iterator<Item = (&Difference, u64)> {
        self.kinds.iter().map(|(difference, count)| (difference, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted_by_kind() {
        let mut seen = Differences::default();
        seen.note(Some("pay"), None, None);
        for _ in 0..3 {
            seen.note(Some("pay"), None, Some(Denial::PolicyDenied));
        }
        seen.note(None, Some(Denial::NoRoutePolicy), None);
        assert_eq!((seen.judged(), seen.differing()), (5, 4));
        let list: Vec<_> = seen.list().map(|(difference, count)| (difference.route.clone(), count)).collect();
        assert_eq!(list, [(None, 1), (Some("pay".to_owned()), 3)]);
    }

    #[test]
    fn kinds_are_bounded_and_the_count_is_not() {
        let mut seen = Differences::default();
        for number in 0..MOST + 10 {
            seen.note(Some(&format!("route-{number}")), None, Some(Denial::PolicyDenied));
        }
        assert_eq!((seen.list().count(), seen.differing()), (MOST, 1010));
    }
}
