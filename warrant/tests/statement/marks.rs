//! The set of revoked marks, against a plain sorted set, and what it costs when it is large.

use std::collections::BTreeSet;

use allocation_counter::measure;
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use warrant::{Mark, statement::MarkSet};

use crate::server::{Server, held, mark, take};

fn random_mark(random: &mut TestRng) -> Mark {
    // Few different values, so that marks are often there already, and some buckets stay empty.
    let mut bytes = [0; 16];
    bytes[0] = u8::try_from(random.next_u64() % 8).unwrap() * 36;
    bytes[15] = u8::try_from(random.next_u64() % 16).unwrap();
    Mark::from_bytes(bytes)
}

#[test]
fn it_is_a_sorted_set_after_any_changes() {
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, b"a sorted set after any changes  ");
    let (mut set, mut model) = (MarkSet::default(), BTreeSet::new());
    for _ in 0..2_000 {
        let some = |random: &mut TestRng| -> Vec<Mark> {
            (0..random.next_u64() % 6).map(|_| random_mark(random)).collect()
        };
        let (added, removed) = (some(&mut random), some(&mut random));
        let before = (set.clone(), model.clone());
        set = set.with(added.clone(), removed.clone());
        model.retain(|mark| !removed.contains(mark));
        model.extend(added);

        assert!(set.iter().eq(model.iter().copied()));
        assert_eq!(set.len(), model.len());
        assert_eq!(set.is_empty(), model.is_empty());
        assert_eq!(set.digest(), MarkSet::new(model.iter().copied()).digest());
        assert_eq!(MarkSet::from_bytes(&set.to_bytes()).unwrap(), set);
        let probe = random_mark(&mut random);
        assert_eq!(set.contains(&probe), model.contains(&probe));

        let (added, removed) = set.difference(&before.0);
        assert!(added.iter().eq(model.difference(&before.1)));
        assert!(removed.iter().eq(before.1.difference(&model)));
    }
}

fn many() -> MarkSet {
    MarkSet::new((0..100_000).map(mark))
}

#[test]
fn one_change_among_100_000_marks_costs_one_bucket() {
    let marks = many();
    assert_eq!(marks.len(), 100_000);
    let largest =
        (0..=255_u8).map(|first| marks.iter().filter(|mark| mark.bytes()[0] == first).count()).max().unwrap();
    let mut changed = marks.clone();
    let cost = measure(|| changed = marks.with([mark(200_000)], [mark(7)])).bytes_total;
    println!("100,000 marks, largest bucket {largest}: a change allocates {cost} bytes");
    // At most two buckets, each copied a few times, and the 256 references and digests.
    assert!(cost < 100_000, "{cost} bytes of 1,600,000");
    assert!(changed.contains(&mark(200_000)) && !changed.contains(&mark(7)) && changed.len() == 100_000);

    let compared = measure(|| assert_eq!(changed.difference(&marks), (vec![mark(200_000)], vec![mark(7)])));
    assert!(compared.bytes_total < 1_000, "{}", compared.bytes_total);
}

#[test]
fn a_clone_of_100_000_marks_costs_a_reference() {
    let marks = many();
    let mut clone = MarkSet::default();
    let cost = measure(|| clone = marks.clone()).bytes_total;
    assert_eq!((cost, clone), (0, marks));
}

#[test]
fn a_steady_answer_has_at_most_2_kb_whatever_is_revoked() {
    let mut server = Server::new();
    server.revocations = many();
    server.says.restored = vec!["shop/log/000102030405060708090a0b0c0d0e00".into()];
    let before = held(&server);
    let mut next = server.next();
    next.revocations = server.revocations.with([mark(200_000)], [mark(7)]);
    let answer = next.since(&server);
    let size = answer.encode().len();
    println!("a steady answer has {size} bytes");
    assert!(size <= 2_000, "{size}");

    let mut taken = None;
    let cost = measure(|| taken = take(Some(&before), &answer).ok()).bytes_total;
    println!("taking it allocates {cost} bytes");
    assert!(cost < 120_000, "{cost}");
    assert_eq!(taken.unwrap().revocations(), &next.revocations);
}
