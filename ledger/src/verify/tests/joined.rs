//! What only shows together with other entries: ids, uses, outcomes and times.

use super::*;
use crate::entry::Burned;

fn uses_of_root(id: &str, max: u64) -> Entry {
    let as_of = u64::try_from(END).unwrap();
    Decision { as_of, ..allowed_with_limits(id, &[("r", Some(max))]) }.into()
}

#[test]
fn an_id_names_one_decision() {
    let sound = sound_log();
    sound.refuses("its id is that of entry 3", vec![Decision { id: "a".to_owned(), ..next_allow(0) }.into()]);
    sound.refuses("its id is that of entry 5", vec![denied("b").into()]);
}

#[test]
fn a_limit_holds_over_the_whole_log() {
    let sound = sound_log();
    sound.accepts("the second of two uses", vec![uses_of_root("second", 2)]);
    sound.refuses(
        "it exceeds a limit: the use of r was burned before",
        vec![uses_of_root("second", 2), uses_of_root("third", 2)],
    );
    let mut by_place = allowed_with_limits("second", &[("r", Some(2))]);
    (by_place.as_of, by_place.burned) = (u64::try_from(END).unwrap(), vec![Burned::UseOfLink(0)]);
    sound.accepts("the second of two uses, by its place", vec![by_place.clone().into()]);
    sound.refuses("it exceeds a limit", vec![by_place.into(), uses_of_root("third", 2)]);
    // What a denied decision burned counts too.
    let mut denied = denied("d");
    denied.burned = allowed_with_limits("d", &[("r", Some(2))]).burned;
    sound.refuses("it exceeds a limit", vec![denied.into(), uses_of_root("third", 2)]);
}

#[test]
fn links_of_one_path_with_different_limits_are_counted_in_the_best_order() {
    let sound = sound_log();
    // Entry 3 burned a use under the limit 2. A use under the limit 1 may have been burned before it.
    sound.accepts("a lower limit", vec![uses_of_root("second", 1)]);
    sound.refuses("it exceeds a limit", vec![uses_of_root("second", 1), uses_of_root("third", 1)]);
}

#[test]
fn an_outcome_belongs_to_one_earlier_forward() {
    let sound = sound_log();
    let outcome = |index: u64, id: &str| Entry::from(outcome_of(index, id));
    for (index, id) in [(3, "b"), (5, "b"), (5, "a"), (2, "a"), (99, "a"), (8, "a")] {
        sound.refuses("which is not an earlier forward of its id", vec![outcome(index, id)]);
    }
    for (index, id) in [(6, "o"), (7, "u")] {
        sound.accepts("an outcome of another forward", vec![outcome(index, id)]);
    }
    sound.refuses("entry 3 has an outcome already", vec![outcome(3, "a")]);
    let repeat = OutcomeReport { repeat: true, ..outcome_of(3, "a") };
    sound.accepts("a repeat that says so", vec![repeat.clone().into(), repeat.into()]);
    sound.finds(OUTCOME, "not an earlier forward", |log| log[OUTCOME].1 = outcome(6, "o"));
}

#[test]
fn times_never_go_back() {
    let sound = sound_log();
    sound.finds(DENIED + 1, "its time is earlier", |log| log[DENIED].0.time += 1);
}
