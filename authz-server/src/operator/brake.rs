//! A brake for accidents: when most routes vanish at once, because somebody has deleted the definition of GovernedRoute or several
//! namespaces, what is signed stays for a while. Without it, one wrong command would take the rules of all teams out of force within a
//! second. The time is given: it is pure.

use std::time::{Duration, Instant};

use policy::Files;

use super::objects::{CompleteList, RouteKey, is_of_closed};

/// How long the signed routes stay. After this time they count as removed on purpose.
const HOLDS_FOR: Duration = Duration::from_secs(600);
/// With fewer routes, most of them are few.
const LEAST: usize = 8;

/// Since when most routes are missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brake {
    since: Option<Instant>,
}

impl Brake {
    /// Whether what is signed must stay, although its objects are gone.
    pub fn holds(&mut self, signed: &Files, objects: &CompleteList, now: Instant) -> bool {
        let keys = signed.keys().filter_map(|file| RouteKey::of_file(file));
        let (mut all, mut gone) = (0_usize, 0_usize);
        for key in keys.filter(|key| !is_of_closed(&key.name)) {
            all = all.saturating_add(1);
            gone = gone.saturating_add(usize::from(objects.get(&key).is_none()));
        }
        if all < LEAST || gone.saturating_mul(2) <= all {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) < HOLDS_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::{RouteObject, SpecText};
    use super::*;

    fn list(count: usize) -> CompleteList {
        let object = |number: usize| RouteObject {
            key: RouteKey { namespace: "payments".into(), name: format!("r{number}") },
            generation: 1,
            created: 0,
            spec: SpecText::of("{}"),
        };
        CompleteList::of_finished((0..count).map(object).collect())
    }

    #[test]
    fn when_most_routes_vanish_at_once_they_stay_for_ten_minutes() {
        let mut signed: Files =
            (0..20).map(|number| (format!("routes/payments/r{number}.json"), Vec::new())).collect();
        signed.insert("routes/payments/r1.test.json".to_owned(), Vec::new());
        signed.insert("routes/payments/closed-0123.json".to_owned(), Vec::new());
        let (begin, mut brake) = (Instant::now(), Brake::default());
        assert!(!brake.holds(&signed, &list(20), begin) && !brake.holds(&signed, &list(10), begin));
        assert!(
            brake.holds(&signed, &list(9), begin) && brake.holds(&signed, &list(0), begin + HOLDS_FOR / 2)
        );
        // They come back, and vanish again: that is another accident.
        assert!(!brake.holds(&signed, &list(20), begin + HOLDS_FOR));
        let again = begin + HOLDS_FOR;
        assert!(brake.holds(&signed, &list(0), again) && !brake.holds(&signed, &list(0), again + HOLDS_FOR));
        let few: Files = signed.into_iter().take(7).collect();
        assert!(!Brake::default().holds(&few, &list(0), begin));
        // What stays is what is signed.
        let names: Vec<String> =
            list(0).with_signed(&few, |_| true).iter().map(|one| one.key.name.clone()).collect();
        assert_eq!(names, ["closed-0123", "r0", "r1", "r10", "r11", "r12"]);
    }
}
