//! Gathers the objects of the cluster from the events of a watch. A list is only visible when it is complete: while objects are listed
//! again after a break, the last complete list stays.

use std::collections::BTreeMap;

use super::conditions::Condition;
use super::objects::{CompleteList, RouteKey, RouteObject};

/// How many objects are kept. More than so many cannot be routes: limits.routes is lower.
const OBJECTS_AT_MOST: usize = 50_000;
/// What they may be together, as JSON.
const BYTES_AT_MOST: usize = 256 * 1024 * 1024;

/// One object with its status.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenObject {
    pub object: RouteObject,
    pub conditions: Vec<Condition>,
}

/// What a watch says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A list begins.
    Begin,
    /// An object of the list.
    Listed(SeenObject),
    /// The list is complete.
    Complete,
    Changed(SeenObject),
    Gone(RouteKey),
}

/// A list with the sum of its sizes.
#[derive(Debug, Default, PartialEq)]
struct List {
    objects: BTreeMap<RouteKey, SeenObject>,
    bytes: usize,
    /// Something did not fit. The list cannot be complete any more: only a new one can.
    is_overfull: bool,
}

impl List {
    /// Returns true if the list changed.
    fn insert(&mut self, seen: SeenObject) -> bool {
        let key = seen.object.key.clone();
        let before = self.objects.get(&key).map_or(0, kept);
        let bytes = self.bytes.saturating_sub(before).saturating_add(kept(&seen));
        let is_one_more = !self.objects.contains_key(&key);
        if bytes > BYTES_AT_MOST || (is_one_more && self.objects.len() >= OBJECTS_AT_MOST) {
            let was_complete = !self.is_overfull;
            self.is_overfull = true;
            return was_complete;
        }
        self.bytes = bytes;
        self.objects.insert(key, seen.clone()) != Some(seen)
    }

    fn remove(&mut self, key: &RouteKey) -> bool {
        let Some(gone) = self.objects.remove(key) else { return false };
        self.bytes = self.bytes.saturating_sub(kept(&gone));
        true
    }
}

/// How much of an object is kept.
fn kept(seen: &SeenObject) -> usize {
    if seen.object.is_kept() { seen.object.bytes } else { 0 }
}

#[derive(Debug, Default)]
pub struct Gathered {
    complete: Option<List>,
    /// A list that has begun.
    partial: Option<List>,
}

impl Gathered {
    /// Returns true if the complete list changed.
    pub fn note(&mut self, event: Event) -> bool {
        match event {
            Event::Begin => {
                self.partial = Some(List::default());
                false
            }
            Event::Listed(seen) => {
                self.partial.get_or_insert_default().insert(seen);
                false
            }
            Event::Complete => {
                let Some(list) = self.partial.take() else { return false };
                let is_changed = self.complete.as_ref() != Some(&list);
                self.complete = Some(list);
                is_changed
            }
            // Before the first list is complete, an event says nothing that the list will not say.
            Event::Changed(seen) => self.complete.as_mut().is_some_and(|list| list.insert(seen)),
            Event::Gone(key) => self.complete.as_mut().is_some_and(|list| list.remove(&key)),
        }
    }

    /// All objects; `None` until the first list is complete, or if there are too many to be kept.
    pub fn complete(&self) -> Option<CompleteList> {
        let list = self.complete.as_ref().filter(|list| !list.is_overfull)?;
        Some(CompleteList::of_finished(list.objects.values().map(|seen| seen.object.clone()).collect()))
    }

    /// What each object's status says.
    pub fn conditions(&self) -> BTreeMap<RouteKey, Vec<Condition>> {
        let list = self.complete.iter().flat_map(|list| &list.objects);
        list.map(|(key, seen)| (key.clone(), seen.conditions.clone())).collect()
    }

    /// Why there is no complete list.
    pub fn why_not(&self) -> Option<String> {
        match &self.complete {
            None => Some("the objects of the cluster are not listed completely yet".to_owned()),
            Some(list) if list.is_overfull => Some(format!(
                "there are more than {OBJECTS_AT_MOST} GovernedRoutes, or more than {BYTES_AT_MOST} bytes in them: nothing is built; remove some, and start the operator again"
            )),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::objects::LONGEST_SPEC;
    use super::*;

    fn seen(name: &str, generation: i64) -> SeenObject {
        let key = RouteKey { namespace: "payments".into(), name: name.into() };
        SeenObject {
            object: RouteObject { key, generation, created: 0, spec: Arc::new(json!({})), bytes: 2 },
            conditions: Vec::new(),
        }
    }

    fn names(gathered: &Gathered) -> Option<Vec<String>> {
        Some(gathered.complete()?.iter().map(|object| object.key.name.clone()).collect())
    }

    #[test]
    fn a_partial_list_is_never_seen() {
        let mut gathered = Gathered::default();
        for event in [Event::Begin, Event::Listed(seen("a", 1)), Event::Changed(seen("c", 1))] {
            assert!(!gathered.note(event) && names(&gathered).is_none());
        }
        gathered.note(Event::Listed(seen("b", 1)));
        assert!(gathered.note(Event::Complete));
        assert_eq!(names(&gathered).unwrap(), ["a", "b"]);
        // The connection breaks: what was complete stays, until the next list is.
        for event in [Event::Begin, Event::Listed(seen("b", 2))] {
            assert!(!gathered.note(event));
            assert_eq!(names(&gathered).unwrap(), ["a", "b"]);
        }
        // A list that breaks off begins again.
        for event in [Event::Begin, Event::Listed(seen("d", 1))] {
            assert!(!gathered.note(event));
        }
        assert!(gathered.note(Event::Complete));
        assert_eq!(names(&gathered).unwrap(), ["d"]);
        assert!(!gathered.note(Event::Complete), "without a list");
    }

    #[test]
    fn only_a_change_is_a_change() {
        let mut gathered = Gathered::default();
        for event in [Event::Begin, Event::Listed(seen("a", 1)), Event::Complete] {
            gathered.note(event);
        }
        assert!(!gathered.note(Event::Changed(seen("a", 1))));
        assert!(gathered.note(Event::Changed(seen("a", 2))));
        let key = seen("a", 1).object.key;
        assert!(gathered.note(Event::Gone(key.clone())) && !gathered.note(Event::Gone(key)));
        assert_eq!(names(&gathered).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn too_many_objects_are_no_list() {
        let mut gathered = Gathered::default();
        gathered.note(Event::Begin);
        for number in 0..=OBJECTS_AT_MOST {
            gathered.note(Event::Listed(seen(&number.to_string(), 1)));
        }
        gathered.note(Event::Complete);
        assert!(gathered.complete().is_none() && gathered.why_not().unwrap().contains("50000"));
        // Nor is too much in them.
        let mut gathered = Gathered::default();
        gathered.note(Event::Begin);
        for number in 0..600 {
            let mut large = seen(&number.to_string(), 1);
            large.object.bytes = LONGEST_SPEC;
            gathered.note(Event::Listed(large));
        }
        gathered.note(Event::Complete);
        assert!(gathered.complete().is_none() && gathered.why_not().is_some());
    }
}
