//! The list of running forwards, as the writer, the thread that judges and the statements use it.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers in tests")]

use std::sync::Arc;

use ledger::entry::{DecisionOutcome, Posture, RecordedCondition};
use ledger::{Entry, Forward, Head};

use super::*;
use crate::example_decision::denied;
use crate::facts::Tables;
use crate::facts::examples::{condition, posture};
use crate::recorder::DecisionId;
use ledger::entry::Decision;

const NOW: u64 = 100;

struct Scene {
    forwards: LiveForwards,
    tables: Tables,
    size: u64,
    changed: channel::Receiver<()>,
}

fn scene(ran_before: ForwardList) -> Scene {
    let sender = channel::Sender::new(());
    let changed = sender.subscribe();
    Scene {
        forwards: LiveForwards::new(ran_before, 10, sender),
        tables: Tables::default(),
        size: 10,
        changed,
    }
}

impl Scene {
    /// The writer's part, with one fact at most. Returns whether the thread that judges is woken.
    fn commit(&mut self, fact: Option<Entry>, forwards: &[&Decision], outcomes: &[u64]) -> bool {
        let facts: Vec<_> = fact.map(|fact| (self.size, Arc::new(fact))).into_iter().collect();
        let due = Due::because_of(facts.iter().map(|(_, fact)| &**fact), &self.tables, Seconds::new(NOW));
        for (index, fact) in &facts {
            self.tables.add(*index, NOW * 1000, fact);
        }
        let first = self.size + u64::try_from(facts.len()).unwrap();
        let forwards: Vec<Forward<'_>> = (first..)
            .zip(forwards)
            .map(|(index, decision)| Forward { index, decision, bytes: decision.id.as_bytes() })
            .collect();
        self.size = first + u64::try_from(forwards.len() + outcomes.len()).unwrap();
        let head = Head { size: self.size, root: [0; 32], time: NOW * 1000 };
        self.forwards.commit(&Committed { head, facts: &facts, forwards: &forwards, outcomes }, due)
    }

    fn take(&self, now: u64) -> JudgeAgain {
        self.forwards.take_due(self.size, Seconds::new(now)).unwrap()
    }

    fn judge(&self, now: u64, continues: &Continues) -> Vec<u64> {
        let due = self.take(now);
        due.indices.iter().for_each(|index| assert!(self.forwards.note(*index, continues.clone())));
        self.forwards.finish(&due);
        due.indices
    }

    fn ended(&self) -> usize {
        self.forwards.judged().ended.len()
    }
}

fn goes_on() -> Continues {
    Continues::Yes { lapses: None, read: vec![] }
}

fn forward() -> Decision {
    let outcome = DecisionOutcome::Allowed;
    Decision { ends: Some(NOW + 60), outcome, ..denied(DecisionId::random().as_str()) }
}

fn that_read(value: &str, lapses: u64) -> Decision {
    let (iss, name, value) = ("https://attest".to_owned(), "window".to_owned(), value.to_owned());
    let conditions = vec![RecordedCondition { exp: lapses, iat: 1, iss, name, value }];
    Decision { conditions, lapses: Some(lapses), ..forward() }
}

#[test]
fn a_forward_is_due_when_a_fact_that_it_read_changes_or_lapses_and_never_because_of_others() {
    let mut scene = scene(ForwardList::default());
    scene.commit(Some(condition(90, "open", None).into()), &[], &[]);
    scene.judge(NOW, &goes_on());
    assert!(!scene.commit(None, &[&forward()], &[]), "there is nothing to look at");
    assert!(
        scene.commit(None, &[&that_read("open", NOW + 30)], &[]),
        "the next lapse is earlier than before"
    );
    assert!(!scene.commit(None, &[&that_read("open", NOW + 40)], &[]));
    assert!(scene.take(NOW).indices.is_empty());
    assert!(!scene.commit(Some(condition(95, "open", None).into()), &[], &[]), "it repeats what holds");
    assert!(scene.commit(Some(condition(96, "closed", None).into()), &[], &[]));
    assert_eq!(
        scene.judge(NOW, &Continues::Yes { lapses: Some(Seconds::new(NOW + 30)), read: vec![] }),
        [12, 13]
    );
    assert!(scene.take(NOW + 29).indices.is_empty());
    assert_eq!(scene.judge(NOW + 30, &Continues::No(Denial::ConditionUnmet)), [12, 13]);
    assert_eq!(
        (scene.ended(), scene.take(NOW + 30).indices.len()),
        (2, 0),
        "what must end is not judged again"
    );
    assert!(scene.commit(Some(posture(Posture::Halted, None).into()), &[], &[]));
    assert_eq!(scene.judge(NOW + 31, &Continues::No(Denial::Halted)), [11], "all others");
}

#[test]
fn a_forward_that_is_entered_after_a_fact_of_it_has_lapsed_is_due_at_once() {
    let mut scene = scene(ForwardList::default());
    assert!(scene.commit(None, &[&that_read("open", NOW - 1)], &[]), "the thread that judges is woken");
    assert_eq!(scene.judge(NOW, &Continues::No(Denial::ConditionUnmet)), [10]);
}

#[test]
fn a_statement_may_not_say_that_a_fact_is_judged_before_it_is() {
    let mut scene = scene(ForwardList::default());
    assert_eq!((scene.forwards.judged().size, scene.forwards.judged().settled), (10, 0));
    scene.commit(None, &[&forward()], &[]);
    assert_eq!(scene.forwards.judged().size, 11);
    scene.commit(Some(posture(Posture::Halted, None).into()), &[&forward()], &[]);
    assert_eq!(scene.forwards.judged().size, 11, "up to the halt");
    assert_eq!(scene.forwards.take_due(scene.size - 1, Seconds::new(NOW)), None, "the halt is not known yet");
    let due = scene.take(NOW);
    scene.commit(Some(posture(Posture::Normal, Some(11)).into()), &[], &[]);
    assert_eq!(scene.forwards.judged().size, 11, "while it is judged");
    assert!(!scene.changed.has_changed().unwrap());
    scene.forwards.finish(&due);
    assert!(scene.changed.has_changed().unwrap(), "polls are told");
    assert_eq!(
        (scene.forwards.judged().size, scene.forwards.judged().settled),
        (13, 13),
        "up to the next fact"
    );
    scene.judge(NOW, &goes_on());
    assert_eq!((scene.forwards.judged().size, scene.forwards.judged().settled), (14, 14));
}

#[test]
fn what_few_depend_on_is_judged_and_told_while_a_change_that_concerns_all_is_under_way() {
    let mut scene = scene(ForwardList::default());
    let many: Vec<Decision> = (0..2 * TAKEN_AT_ONCE).map(|_| forward()).collect();
    scene.commit(Some(condition(90, "open", None).into()), &[&that_read("open", NOW + 30)], &[]);
    scene.judge(NOW, &goes_on());
    scene.commit(None, &many.iter().collect::<Vec<_>>(), &[]);
    scene.commit(Some(condition(91, "open", None).into()), &[&that_read("open", NOW + 30)], &[]);
    let few = scene.size - 1;
    scene.commit(Some(posture(Posture::Restricted, None).into()), &[], &[]);
    let before = scene.size - 1;
    assert_eq!(scene.judge(NOW, &goes_on()).len(), TAKEN_AT_ONCE, "a part of all");
    scene.commit(Some(condition(92, "closed", None).into()), &[], &[]);
    scene.changed.mark_unchanged();
    assert_eq!(scene.judge(NOW, &Continues::No(Denial::ConditionUnmet)), [few]);
    assert!(scene.changed.has_changed().unwrap(), "polls are told");
    assert_eq!((scene.ended(), scene.forwards.judged().size), (1, before), "the posture is not done");
    while scene.forwards.has_due() {
        scene.judge(NOW, &goes_on());
    }
    assert_eq!(scene.forwards.judged().size, scene.size);
}

#[test]
fn what_ran_before_a_start_is_due_and_nothing_is_said_before_it_is_judged() {
    let mut ran_before = ForwardList::default();
    assert!(ran_before.enter(4, &forward()) && ran_before.enter(7, &forward()));
    let scene = scene(ran_before);
    assert!(scene.forwards.judged().is_behind());
    assert_eq!(scene.judge(NOW, &Continues::No(Denial::Revoked)), [4, 7]);
    assert!(!scene.forwards.judged().is_behind());
    assert_eq!(scene.ended(), 2);
}

#[test]
fn what_must_end_stays_listed_until_its_outcome_or_its_end() {
    let mut scene = scene(ForwardList::default());
    let later = Decision { ends: Some(NOW + 90), ..forward() };
    scene.commit(Some(posture(Posture::Halted, None).into()), &[&forward(), &forward(), &later], &[]);
    assert_eq!(scene.judge(NOW, &Continues::No(Denial::Halted)), [11, 12, 13]);
    scene.commit(None, &[], &[11]);
    scene.judge(NOW, &goes_on());
    assert_eq!((scene.ended(), scene.forwards.counts()), (2, ForwardCounts { running: 2, to_end: 2 }));
    scene.judge(NOW + 60, &goes_on());
    let left: Vec<_> = scene.forwards.judged().ended.iter().map(|(_, denial)| denial).collect();
    assert_eq!(left, [Denial::Halted]);
    scene.judge(NOW + 90, &goes_on());
    assert_eq!((scene.ended(), scene.forwards.counts().running), (0, 0));
}

#[test]
fn the_entry_of_a_forward_is_at_hand_until_it_ends() {
    let mut scene = scene(ForwardList::default());
    let one = forward();
    scene.commit(None, &[&one], &[]);
    let kept = |scene: &Scene| scene.forwards.case(10).map(|case| case.entry.to_vec());
    assert_eq!(kept(&scene).as_deref(), Some(one.id.as_bytes()));
    scene.commit(None, &[], &[10]);
    assert_eq!(kept(&scene), None);
    scene.forwards.keep_case(10, KeptCase::new(b"read late", None));
    assert_eq!(kept(&scene), None, "it does not run any more");
    assert!(!scene.forwards.note(10, Continues::No(Denial::Halted)));
}
