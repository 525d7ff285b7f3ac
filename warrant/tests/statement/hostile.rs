//! Answers that were cut, changed or made up. Nothing of them is taken, nothing panics, and they cost little.

use allocation_counter::measure;
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use warrant::{
    AwsLcVerifier, Seconds,
    statement::{Answer, Ended, Held, MarkSet, NotTaken, Section},
};

use crate::{
    common::NOW,
    server::{Server, held, mark, pins, take},
};

fn taken(before: Option<&Held>, body: &[u8]) -> Result<Held, NotTaken> {
    Held::take(before, &pins(), body, Seconds::new(NOW), &AwsLcVerifier)
}

#[test]
fn an_answer_that_is_cut_off_anywhere_is_not_taken() {
    let body = Server::new().whole().encode();
    assert!(taken(None, &body).is_ok());
    for length in 0..body.len() {
        assert!(taken(None, &body[..length]).is_err(), "{length} of {} bytes", body.len());
    }
}

#[test]
fn an_answer_with_any_bit_changed_is_not_taken() {
    let body = Server::new().whole().encode();
    for place in 0..body.len() {
        for bit in 0..8 {
            let mut changed = body.clone();
            changed[place] ^= 1 << bit;
            assert!(taken(None, &changed).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn a_change_with_any_bit_changed_or_cut_off_gives_what_was_signed_or_nothing() {
    let server = Server::new();
    let before = held(&server);
    let mut next = server.next();
    next.revocations = server.revocations.with([mark(3), mark(4)], [mark(1)]);
    next.ended = Ended::default();
    let body = next.since(&server).encode();
    assert!(taken(Some(&before), &body).is_ok());
    for place in 0..body.len() {
        assert!(taken(Some(&before), &body[..place]).is_err());
        for bit in 0..8 {
            let mut changed = body.clone();
            changed[place] ^= 1 << bit;
            assert!(taken(Some(&before), &changed).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn garbage_is_not_taken() {
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, b"garbage instead of an answer    ");
    let good = Server::new().whole().encode();
    for _ in 0..2_000 {
        let length = usize::try_from(random.next_u64() % 300).unwrap();
        let mut garbage = vec![0; length];
        random.fill_bytes(&mut garbage);
        let cut = usize::try_from(random.next_u64()).unwrap_or_default() % good.len();
        let start = if random.next_u64().is_multiple_of(2) { b"PSTM1".as_slice() } else { &good[..cut] };
        assert!(taken(None, &[start, &garbage].concat()).is_err());
    }
}

#[test]
fn an_unsigned_answer_allocates_no_more_than_a_few_kilobytes() {
    let mut forged = Server::new();
    forged.key.0 = 101;
    let big = vec![b'['; 8 << 20];
    let answer = Answer {
        rules: Some(big.as_slice().into()),
        revocations: Some(Section::Whole(big.as_slice().into())),
        ..forged.bare()
    };
    let body = answer.encode();
    let cost = measure(|| assert_eq!(taken(None, &body).err(), Some(NotTaken::SignatureInvalid))).bytes_total;
    assert!(cost < 10_000, "{cost} bytes");
}

#[test]
fn parts_that_nobody_signed_cost_a_few_times_their_size() {
    let server = Server::new();
    let big = vec![b'['; 1 << 20];
    let marks = MarkSet::new((0..60_000).map(mark)).to_bytes();
    let whole = server.whole();
    for answer in [
        Answer { rules: Some(big.as_slice().into()), ..whole.clone() },
        Answer { halts: Some(big.as_slice().into()), ..whole.clone() },
        Answer { ended: Some(Section::Whole(big.as_slice().into())), ..whole.clone() },
        Answer { revocations: Some(Section::Whole(marks.into())), ..whole },
    ] {
        let body = answer.encode();
        let cost = measure(|| assert!(taken(None, &body).is_err())).bytes_max;
        println!("{} bytes: at most {cost} allocated at once", body.len());
        assert!(cost < 4 << 20, "{cost} bytes");
    }
}

#[test]
fn garbage_after_what_is_held_changes_nothing() {
    let server = Server::new();
    let before = held(&server);
    let answer = Answer { rules: Some(b"garbage".as_slice().into()), ..server.next().bare() };
    let taken = take(Some(&before), &answer).unwrap();
    assert_eq!(**taken.rules(), server.rules);
}
