//! Gathers the objects of the cluster from the events of a watch. A list is only visible when it is complete: while objects are listed
//! again after a break, the last complete list stays.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::Condition;
use super::objects::{CompleteList, LONGEST_SPEC, RouteKey, RouteObject, SpecText};

/// How many objects of a namespace are kept with their text. No namespace may have so many routes.
const TEXTS_OF_NAMESPACE: usize = 1200;
/// What these texts may be together.
const BYTES_OF_NAMESPACE: usize = 16 * 1024 * 1024;
/// The texts of all namespaces. While objects are listed again there are two lists, and the pod has a limit (`operator.resources`).
const BYTES_AT_MOST: usize = 64 * 1024 * 1024;
/// How many objects of a namespace are known at all.
const OBJECTS_OF_NAMESPACE: usize = 5_000;
/// The same for all namespaces.
const OBJECTS_AT_MOST: usize = 200_000;

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

/// How much of one namespace, or of all, is in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Room {
    objects: usize,
    texts: usize,
    bytes: usize,
    /// Objects without their text, for lack of room.
    left_out: usize,
}

impl Room {
    fn add(&mut self, spec: &SpecText) {
        self.objects = self.objects.saturating_add(1);
        match spec {
            SpecText::Kept(_) => {
                self.texts = self.texts.saturating_add(1);
                self.bytes = self.bytes.saturating_add(spec.kept());
            }
            SpecText::LeftOut => self.left_out = self.left_out.saturating_add(1),
            SpecText::TooLong(_) => {}
        }
    }

    fn remove(&mut self, spec: &SpecText) {
        self.objects = self.objects.saturating_sub(1);
        match spec {
            SpecText::Kept(_) => {
                self.texts = self.texts.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(spec.kept());
            }
            SpecText::LeftOut => self.left_out = self.left_out.saturating_sub(1),
            SpecText::TooLong(_) => {}
        }
    }
}

/// A list with the room that it takes. What one namespace has too much changes nothing for another one.
#[derive(Debug, Default, PartialEq)]
struct List {
    objects: BTreeMap<RouteKey, SeenObject>,
    namespaces: BTreeMap<String, Room>,
    all: Room,
    /// Namespaces of which objects are missing.
    overfull: BTreeSet<String>,
}

impl List {
    /// Returns true if the list changed.
    fn insert(&mut self, mut seen: SeenObject) -> bool {
        let key = seen.object.key.clone();
        let before = self.objects.remove(&key);
        let own = self.namespaces.entry(key.namespace.clone()).or_default();
        if let Some(before) = &before {
            own.remove(&before.object.spec);
            self.all.remove(&before.object.spec);
        }
        let bytes = seen.object.spec.kept();
        let is_too_much = own.texts >= TEXTS_OF_NAMESPACE
            || own.bytes.saturating_add(bytes) > BYTES_OF_NAMESPACE
            || self.all.bytes.saturating_add(bytes) > BYTES_AT_MOST;
        if is_too_much {
            seen.object.spec = SpecText::LeftOut;
        }
        if own.objects >= OBJECTS_OF_NAMESPACE || self.all.objects >= OBJECTS_AT_MOST {
            return self.overfull.insert(key.namespace);
        }
        own.add(&seen.object.spec);
        self.all.add(&seen.object.spec);
        let is_changed = before.as_ref() != Some(&seen);
        self.objects.insert(key, seen);
        is_changed
    }

    fn remove(&mut self, key: &RouteKey) -> bool {
        let Some(gone) = self.objects.remove(key) else { return false };
        self.all.remove(&gone.object.spec);
        if let Some(own) = self.namespaces.get_mut(&key.namespace) {
            own.remove(&gone.object.spec);
            if own.objects == 0 {
                self.namespaces.remove(&key.namespace);
            }
        }
        true
    }

    /// Whether there is room for something that was left out.
    fn could_hold_more(&self) -> bool {
        let has_room = |own: &Room| {
            own.texts < TEXTS_OF_NAMESPACE
                && own.bytes.saturating_add(LONGEST_SPEC) <= BYTES_OF_NAMESPACE
                && self.all.bytes.saturating_add(LONGEST_SPEC) <= BYTES_AT_MOST
        };
        let is_below = |namespace: &String| {
            let own = self.namespaces.get(namespace).copied().unwrap_or_default();
            own.objects < OBJECTS_OF_NAMESPACE && self.all.objects < OBJECTS_AT_MOST
        };
        self.namespaces.values().any(|own| own.left_out > 0 && has_room(own))
            || self.overfull.iter().any(is_below)
    }
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

    /// All objects; `None` until the first list is complete.
    pub fn complete(&self) -> Option<CompleteList> {
        let list = self.complete.as_ref()?;
        let objects = list.objects.values().map(|seen| seen.object.clone()).collect();
        Some(CompleteList::of_finished(objects).with_overfull(list.overfull.clone()))
    }

    /// Whether a new list would have more in it than the one that is known: only a list brings back what was left out.
    pub fn wants_new_list(&self) -> bool {
        self.partial.is_none() && self.complete.as_ref().is_some_and(List::could_hold_more)
    }

    /// Which namespaces have too many objects.
    pub fn too_many(&self) -> Option<String> {
        let list = self.complete.as_ref()?;
        let left_out = list.namespaces.iter().filter(|(_, own)| own.left_out > 0).map(|(name, _)| name);
        let names: BTreeSet<&String> = left_out.chain(&list.overfull).collect();
        let first: Vec<&str> = names.iter().take(8).map(|name| name.as_str()).collect();
        (!first.is_empty()).then(|| {
            format!(
                "{} namespaces have too many objects, and not all of theirs are read: {}",
                names.len(),
                first.join(", ")
            )
        })
    }

    /// What each object's status says.
    pub fn conditions(&self) -> BTreeMap<RouteKey, Vec<Condition>> {
        let list = self.complete.iter().flat_map(|list| &list.objects);
        list.map(|(key, seen)| (key.clone(), seen.conditions.clone())).collect()
    }

    /// Why there is no complete list.
    pub fn why_not(&self) -> Option<String> {
        let is_missing = self.complete.is_none();
        is_missing.then(|| "the objects of the cluster are not listed completely yet".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, generation: i64) -> SeenObject {
        let key = RouteKey { namespace: "payments".into(), name: name.into() };
        SeenObject {
            object: RouteObject { key, generation, created: 0, spec: SpecText::of("{}") },
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

    fn of(namespace: &str, number: usize, bytes: usize) -> SeenObject {
        let mut seen = seen(&number.to_string(), 1);
        seen.object.key.namespace = namespace.to_owned();
        seen.object.spec = SpecText::of(&"x".repeat(bytes));
        seen
    }

    /// What one namespace has too much must not stop another one, and must be read again when there is room.
    #[test]
    fn too_much_in_one_namespace_changes_nothing_for_another() {
        let mut gathered = Gathered::default();
        gathered.note(Event::Begin);
        for number in 0..OBJECTS_OF_NAMESPACE + 10 {
            gathered.note(Event::Listed(of("flood", number, 2)));
        }
        for number in 0..50 {
            gathered.note(Event::Listed(of("large", number, LONGEST_SPEC)));
            gathered.note(Event::Listed(of("payments", number, 1000)));
        }
        gathered.note(Event::Complete);
        let list = gathered.complete().unwrap();
        let count = |namespace: &str, is_left_out: bool| {
            let own = list.iter().filter(|object| object.key.namespace == namespace);
            own.filter(|object| (object.spec == SpecText::LeftOut) == is_left_out).count()
        };
        assert_eq!((count("payments", false), count("payments", true)), (50, 0));
        assert_eq!(count("flood", false) + count("flood", true), OBJECTS_OF_NAMESPACE);
        assert_eq!((count("flood", false), count("large", false)), (TEXTS_OF_NAMESPACE, 32));
        assert!(list.is_overfull("flood") && !list.is_overfull("large") && !list.is_overfull("payments"));
        assert!(gathered.too_many().unwrap().ends_with("flood, large"));
        // Removals make room, and a new list brings back what was left out. Nobody has to start the operator again.
        assert!(!gathered.wants_new_list());
        gathered.note(Event::Gone(of("large", 0, 0).object.key));
        gathered.note(Event::Gone(of("large", 1, 0).object.key));
        assert!(gathered.wants_new_list());
        for event in [Event::Begin, Event::Listed(of("payments", 1, 1000)), Event::Complete] {
            gathered.note(event);
        }
        assert!(!gathered.wants_new_list() && gathered.too_many().is_none());
    }
}
