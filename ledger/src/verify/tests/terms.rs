//! A decision whose terms an earlier one says: it is before it, says them itself, and is on the same warrant.

use super::*;

/// An allow on the warrant of the allow at its place in the sound log, which says the terms.
fn again(index: u64) -> Decision {
    let Entry::Decision(first) = sound_log().entries.remove(ALLOWED).1 else { panic!("not a decision") };
    let (burned, chain) = (first.burned, first.chain);
    Decision { burned, chain, terms: said_at(index), ..next_allow(0) }
}

/// The same without limits, so that it can be used any number of times.
fn unlimited(id: &str) -> Decision {
    Decision { id: id.to_owned(), ..allowed_with_limits(id, &[("free", None), ("c", None)]) }
}

fn at_the_end(decision: Decision) -> Entry {
    Decision { as_of: u64::try_from(END).unwrap(), ..decision }.into()
}

/// Two allows on one warrant, of which the second refers to the first.
fn twice(change: impl FnOnce(&mut Decision, &mut Decision)) -> Vec<Entry> {
    let first = unlimited("first");
    let terms = said_at(u64::try_from(END).unwrap());
    let mut second = Decision { id: "second".to_owned(), terms, ..first.clone() };
    let mut first = first;
    change(&mut first, &mut second);
    vec![at_the_end(first), at_the_end(second)]
}

#[test]
fn a_decision_may_name_the_one_that_says_its_terms() {
    let sound = sound_log();
    sound.accepts("the second of two allows", twice(|_, _| ()));
    let mut log = twice(|_, _| ());
    log.push(log[1].clone());
    let Entry::Decision(third) = &mut log[2] else { panic!("not a decision") };
    third.id = "third".to_owned();
    sound.accepts("both name the first", log);
    sound.accepts("a denial says them", twice(|first, _| *first = denial_of(first)));
    sound.accepts("a denial names them", twice(|_, second| *second = denial_of(second)));
}

/// A denial on the same warrant.
fn denial_of(decision: &Decision) -> Decision {
    let (chain, terms) = (decision.chain.clone(), decision.terms.clone());
    Decision { chain, terms, ..denied(&decision.id) }
}

#[test]
fn a_decision_that_names_a_wrong_one_is_a_fault() {
    let sound = sound_log();
    let end = u64::try_from(END).unwrap();
    for (index, text) in [
        (end, "entry 8, which is not before it"),
        (end + 1, "entry 9, which is not before it"),
        (0, "entry 0, which is not a decision that says its terms"),
        (2, "entry 2, which is not a decision that says its terms"),
        (7, "entry 7, which is not a decision that says its terms"),
        (6, "entry 6, which is about another chain"),
    ] {
        sound.refuses(text, vec![again(index).into()]);
    }
    sound.accepts("the allow at its place", vec![Decision { burned: vec![], ..unlimited_again() }.into()]);
    // The chain differs in one member.
    let other_key = |second: &mut Decision| second.chain[1].cnf = "another-key".to_owned();
    sound.refuses("entry 8, which is about another chain", twice(|_, second| other_key(second)));
    let longer = |second: &mut Decision| second.chain = unlimited("x").chain[..1].to_vec().into();
    sound.refuses("entry 8, which is about another chain", twice(|_, second| longer(second)));
}

/// An observed request on the warrant of the allow at its place: it burns nothing.
fn unlimited_again() -> Decision {
    let place = u64::try_from(ALLOWED).unwrap();
    Decision { outcome: DecisionOutcome::Observed, ..again(place) }
}

#[test]
fn no_reference_leads_to_a_reference() {
    let mut log = twice(|_, _| ());
    let terms = said_at(u64::try_from(END + 1).unwrap());
    log.push(at_the_end(Decision { terms, ..unlimited("third") }));
    sound_log().refuses("entry 9, which is not a decision that says its terms", log);
}

#[test]
fn the_terms_that_an_allow_names_are_held_to_its_own_clock_and_their_links_follow() {
    let sound = sound_log();
    // A denial may have any terms; an allow that names them may not.
    let denied_with = |change: fn(&mut Decision)| {
        twice(|first, _| {
            *first = denial_of(first);
            change(first);
        })
    };
    sound.refuses("by its terms it is valid from 1700000031 on", denied_with(|d| terms_of(d)[1].nbf += 31));
    sound.refuses("has links that do not follow", denied_with(|d| terms_of(d)[1].depth = 3));
}
