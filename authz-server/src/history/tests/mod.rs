//! The index answers as a model that keeps every entry does, and says honestly what it has read.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers in tests")]

pub(crate) mod example;
mod model;
mod of_a_log;
mod speed;

use proptest::prelude::*;

use super::index::{BYTES_AN_ENTRY, Index};
use super::*;
use example::{Event, Link, bytes_of, decision, event, issued};
use model::Model;

/// What the index holds of these events, and the same in the model.
fn both(most: u64, events: &[Event]) -> (Index, Model) {
    let (mut index, mut model) = (Index::new(most), Model::default());
    for (at, event) in (0..).zip(events) {
        let bytes = bytes_of(at, event);
        let (time, glance) = Glance::read(&bytes).unwrap();
        index.add(at, time, &glance);
        model.add(at, time, event);
    }
    (index, model)
}

fn only(routes: &[Option<&'static str>]) -> impl FnMut(Option<&str>) -> bool {
    let routes = routes.to_vec();
    move |route| routes.contains(&route)
}

fn maybe(texts: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::sample::select(texts).prop_map(str::to_owned))
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let parts = (
        maybe(&["hello", "pay", "none"]),
        maybe(&["allowed", "permit", "expired", "none"]),
        maybe(&["t0", "t1", "none"]),
        maybe(&["agent:0", "agent:1", "none"]),
    );
    parts.prop_map(|(route, code, lineage, holder)| Wanted { route, code, lineage, holder })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_index_answers_as_the_model_does(
        events in prop::collection::vec(event(), 0..120),
        wanted in wanted(),
        most in prop::sample::select(vec![1_u64, 40, 64, 1000]),
        seen in prop::sample::subsequence(vec![None, Some("hello"), Some("pay")], 0..=3),
        limit in 1_usize..7,
    ) {
        let (index, mut model) = both(most, &events);
        let span = index.span();
        let count = u64::try_from(events.len()).unwrap();
        prop_assert_eq!(span.as_of, count);
        prop_assert!(span.as_of - span.from <= most.max(32), "{:?} of {}", span, most);
        prop_assert!(span.from == 0 || span.as_of - span.from >= most / 2, "{:?} of {}", span, most);
        model.forget_below(span.from);

        for at in 0..count {
            let id = example::id(at);
            prop_assert_eq!(index.decision(&id), model.decision(&id), "{}", id);
        }
        let (mut from, mut paged) = (u64::MAX, Vec::new());
        loop {
            let page = index.decisions(&wanted, from, limit, &mut only(&seen));
            prop_assert!(page.decisions.len() <= limit);
            paged.extend(page.decisions);
            let Some(next) = page.next else { break };
            prop_assert!(next < from);
            from = next;
        }
        prop_assert_eq!(paged, model.decisions(&wanted, &mut only(&seen)));
        for (txn, iss) in [("t0", None), ("t0", Some("https://a")), ("t1", None), ("none", None)] {
            let found = index.lineages(txn, iss, &mut only(&seen));
            prop_assert_eq!(found, model.lineages(txn, iss, &mut only(&seen)));
        }
    }
}

#[test]
fn what_was_archived_is_not_known_any_more() {
    let links = [Link::new("r", 0)];
    let events = [
        decision(Some("hello"), &links),
        decision(Some("hello"), &links),
        Event::Archived(1),
        decision(Some("pay"), &links),
    ];
    let (index, _) = both(1000, &events);
    assert_eq!(index.span().from, 1);
    assert_eq!((index.decision(&example::id(0)), index.decision(&example::id(1)).unwrap().index), (None, 1));
    let page = index.decisions(&Wanted::default(), u64::MAX, 10, &mut |_| true);
    assert_eq!(page.decisions.iter().map(|found| found.index).collect::<Vec<_>>(), [3, 1]);
    let lineage = &index.lineages("t0", None, &mut |_| true)[0];
    assert_eq!(lineage.warrants[0].decisions.count, 2);
}

#[test]
fn a_route_is_asked_about_once_in_a_segment_and_a_lineage_shows_only_what_may_be_seen() {
    let (root, child) = (Link::new("r", 0), Link::new("c", 1));
    let mut events = vec![issued("r")];
    for _ in 0..10 {
        events.push(decision(Some("hello"), std::slice::from_ref(&root)));
        events.push(decision(Some("pay"), &[root.clone(), child.clone()]));
    }
    let (index, _) = both(1000, &events);
    let mut asked = Vec::new();
    let page = index.decisions(&Wanted::default(), u64::MAX, 100, &mut |route| {
        asked.push(route.map(str::to_owned));
        route == Some("pay")
    });
    assert_eq!((page.decisions.len(), page.next), (10, None));
    asked.sort_unstable();
    assert_eq!(asked, [Some("hello".to_owned()), Some("pay".to_owned())]);

    let of = |routes: &[Option<&'static str>]| {
        let found = index.lineages("t0", None, &mut only(routes));
        let root = found.first().map(|lineage| lineage.warrants[0].clone())?;
        Some((root.decisions.count, root.children.iter().map(|child| child.decisions.count).sum::<u64>()))
    };
    assert_eq!(of(&[Some("pay")]), Some((0, 10)), "the root is shown, because it leads to what may be seen");
    assert_eq!(of(&[Some("hello")]), Some((10, 0)));
    assert_eq!(of(&[]), None, "a stranger learns nothing");
    assert_eq!(of(&[None]), Some((0, 0)), "who may read the mesh sees all warrants");
}

#[test]
fn two_links_with_one_path_and_different_holders_are_two_warrants() {
    let root = Link::new("r", 0);
    let (one, other) = (Link::new("c", 1), Link::new("c", 0));
    let events = [decision(None, &[root.clone(), one]), decision(None, &[root, other])];
    let (index, _) = both(1000, &events);
    let children = &index.lineages("t0", None, &mut |_| true)[0].warrants[0].children;
    let shown: Vec<_> = children.iter().map(|child| (child.path.as_str(), child.sub.as_str())).collect();
    assert_eq!(shown, [("r/c", "agent:1"), ("r/c", "agent:0")]);
}

#[test]
fn long_names_do_not_make_the_index_larger_but_its_memory_shorter() {
    const MOST: u64 = 2048;
    let mut index = Index::new(MOST);
    for at in 0..3 * MOST {
        // Each link is new, and has names of 200 bytes.
        let name = |depth: u64| format!("{at}-{depth}-{}", "x".repeat(200));
        let links: Vec<_> = (0..4).map(|depth| Link { txn: name(9), ..Link::new(&name(depth), 0) }).collect();
        let bytes = bytes_of(at, &decision(Some("hello"), &links));
        let (time, glance) = Glance::read(&bytes).unwrap();
        index.add(at, time, &glance);
    }
    let span = index.span();
    let kept = span.as_of - span.from;
    assert!((100..MOST / 2).contains(&kept), "{kept} entries are kept");
    // A segment is full after the entry that fills it.
    let most = usize::try_from(MOST * BYTES_AN_ENTRY).unwrap() + 32 * 2000;
    assert!(index.size() <= most, "{} bytes of {most}", index.size());
}

#[test]
fn a_lineage_with_more_warrants_than_an_answer_has_room_for_says_what_is_left_out() {
    let root = Link::new("r", 0);
    let events: Vec<_> =
        (0..5_100).map(|n| decision(None, &[root.clone(), Link::new(&format!("c{n}"), 1)])).collect();
    let (index, _) = both(10_000, &events);
    let lineage = &index.lineages("t0", None, &mut |_| true)[0];
    assert_eq!((lineage.warrants[0].children.len(), lineage.left_out), (4_999, 101));
}

#[test]
fn warrants_that_a_caller_may_not_see_take_no_room_from_those_that_he_may() {
    let (root, seen) = (Link::new("r", 0), Link::new("seen", 1));
    let mut events: Vec<_> = (0..5_100)
        .map(|n| decision(Some("other"), &[root.clone(), Link::new(&format!("c{n}"), 1)]))
        .collect();
    events.push(decision(Some("own"), &[root, seen]));
    let (index, _) = both(10_000, &events);
    let lineage = &index.lineages("t0", None, &mut only(&[Some("own")]))[0];
    let children: Vec<_> = lineage.warrants[0].children.iter().map(|child| child.jti.as_str()).collect();
    assert_eq!((children.as_slice(), lineage.left_out), (&["seen"][..], 0));
}
