//! What a gate takes, and each reason for which it takes nothing.

use std::{borrow::Cow, collections::BTreeMap};

use warrant::{
    AwsLcVerifier, Denial, Digest, Seconds,
    mint::Signer as _,
    statement::{Answer, Ended, Halts, Held, MarkSet, NotTaken, Part, Pins, Posture, Section, Statement},
};

use crate::{
    common::NOW,
    server::{ORIGIN, RESTORED, Server, held, mark, pins, statement_key, take, take_by},
};

/// The next statement of the usual server, changed, after the usual one.
fn after(change: impl FnOnce(&mut Statement)) -> Result<Held, NotTaken> {
    let server = Server::new();
    let mut next = server.next();
    change(&mut next.says);
    take(Some(&held(&server)), &next.bare())
}

#[test]
fn a_gate_takes_a_statement_and_all_its_parts() {
    let server = Server::new();
    let held = held(&server);
    assert_eq!(held.statement(), &server.statement());
    assert_eq!(held.content(), server.statement().content());
    assert_eq!(**held.rules(), server.rules);
    assert_eq!(**held.halts(), server.halts);
    assert_eq!(held.revocations(), &server.revocations);
    assert_eq!(held.ended(), &server.ended);
    assert!(held.is_current(Seconds::new(NOW + 19)) && !held.is_current(Seconds::new(NOW + 20)));
    assert!(held.is_by_pinned_key(&pins()));
}

#[test]
fn the_next_statement_comes_without_what_is_held_and_shares_it() {
    let server = Server::new();
    let before = held(&server);
    let next = take(Some(&before), &server.next().bare()).unwrap();
    assert_eq!(next.statement().n, 8);
    assert!(std::sync::Arc::ptr_eq(next.rules(), before.rules()));
    assert!(std::sync::Arc::ptr_eq(next.halts(), before.halts()));
    assert_eq!(next.revocations(), before.revocations());
}

#[test]
fn revocations_and_decisions_to_end_come_as_changes() {
    let server = Server::new();
    let mut next = server.next();
    next.revocations = server.revocations.with([mark(3)], [mark(1)]);
    next.ended = Ended::new(BTreeMap::from([([4; 16], Denial::Expired), ([6; 16], Denial::PolicyDenied)]));
    let taken = take(Some(&held(&server)), &next.since(&server)).unwrap();
    assert!(taken.revocations().contains(&mark(3)) && !taken.revocations().contains(&mark(1)));
    assert_eq!(taken.ended(), &next.ended);
    assert_eq!(taken.revocations().to_bytes(), next.revocations.to_bytes());
}

#[test]
fn an_ended_decision_can_get_another_denial() {
    let server = Server::new();
    let mut next = server.next();
    next.ended = Ended::new(BTreeMap::from([([5; 16], Denial::Halted)]));
    let taken = take(Some(&held(&server)), &next.since(&server)).unwrap();
    assert_eq!(taken.ended().denial(&[5; 16]), Some(Denial::Halted));
}

#[test]
fn the_held_statement_is_taken_again() {
    let server = Server::new();
    let before = held(&server);
    assert_eq!(take(Some(&before), &server.bare()).unwrap().statement(), before.statement());
    assert_eq!(take(Some(&before), &server.whole()).unwrap().statement(), before.statement());
}

#[test]
fn a_statement_that_has_ended_is_taken_but_is_not_current() {
    let late = Seconds::new(NOW + 1000);
    let held = Held::take(None, &pins(), &Server::new().whole().encode(), late, &AwsLcVerifier).unwrap();
    assert!(!held.is_current(late));
}

#[test]
fn nothing_goes_back() {
    let refused = |claim, value, held| Some(NotTaken::RolledBack { claim, value, held });
    assert_eq!(after(|says| says.n = 6).err(), refused("n", 6, 7));
    assert_eq!(after(|says| says.seq = 99).err(), refused("seq", 99, 100));
    assert_eq!(after(|says| says.iat = Seconds::new(NOW - 1)).err(), refused("iat", NOW - 1, NOW));
    assert!(after(|says| (says.n, says.seq, says.iat) = (8, 101, Seconds::new(NOW))).is_ok());
}

#[test]
fn one_number_has_one_content() {
    let forked = Some(NotTaken::Forked { claim: "n", value: 7 });
    assert_eq!(after(|says| (says.n, says.posture) = (7, Posture::Halted)).err(), forked);
    assert_eq!(after(|says| (says.n, says.version) = (7, 4)).err(), forked);
    assert_eq!(after(|says| says.n = 7).err(), None, "with the same content");
}

#[test]
fn one_size_of_the_ledger_has_one_root() {
    let forked = Some(NotTaken::Forked { claim: "seq", value: 100 });
    assert_eq!(after(|says| says.seq = 100).err(), forked);
    let same_root = after(|says| (says.seq, says.root) = (100, Digest::of(b"root at 100")));
    assert!(same_root.is_ok());
}

#[test]
fn a_restored_log_counts_anew() {
    let server = Server::new();
    let before = held(&server);
    let restored = server.restored();
    let taken = take(Some(&before), &restored.bare()).unwrap();
    assert_eq!((taken.statement().n, taken.statement().seq), (1, 2));

    let mut earlier = server.restored();
    earlier.says.iat = Seconds::new(NOW - 1);
    let gone_back = NotTaken::RolledBack { claim: "iat", value: NOW - 1, held: NOW };
    assert_eq!(take(Some(&before), &earlier.bare()).err(), Some(gone_back));
}

#[test]
fn a_replaced_log_is_never_taken_again() {
    let server = Server::new();
    let restored = take(Some(&held(&server)), &server.restored().bare()).unwrap();
    let mut old = server.next();
    old.says.n = 1000;
    let refused = Some(NotTaken::OldOrigin(ORIGIN.into()));
    assert_eq!(take(Some(&restored), &old.whole()).err(), refused);

    let mut next = server.restored().next();
    let later = take(Some(&restored), &next.bare()).unwrap();
    assert_eq!(take(Some(&later), &old.whole()).err(), refused, "the list is kept");

    next.says.restored.clear();
    let forgetful = take(Some(&later), &next.next().bare()).unwrap();
    assert_eq!(take(Some(&forgetful), &old.whole()).err(), refused, "even if the server forgets it");

    old.says.restored = vec![RESTORED.into()];
    assert_eq!(take(Some(&later), &old.whole()).err(), refused, "even if it says that it follows");
}

#[test]
fn a_gate_that_starts_at_a_restored_log_does_not_take_the_old_one() {
    let server = Server::new();
    let restored = held(&server.restored());
    let refused = Some(NotTaken::OldOrigin(ORIGIN.into()));
    assert_eq!(take(Some(&restored), &server.next().whole()).err(), refused);
}

#[test]
fn another_log_is_not_taken() {
    let id = "/log/000102030405060708090a0b0c0d0e0f";
    let other_name = |name: &str| {
        let mut server = Server::new();
        server.says.iss = name.into();
        take(None, &server.whole()).err()
    };
    for name in [
        format!("bank{id}"),
        format!("shopping{id}"),
        format!("a/shop{id}"),
        ORIGIN.to_uppercase(),
        format!("{ORIGIN}00"),
    ] {
        assert_eq!(other_name(&name), Some(NotTaken::OtherLog(name.as_str().into())), "{name}");
    }
    assert!(other_name("shop/log/").is_some() && other_name("shop").is_some());

    let stranger = after(|says| says.iss = RESTORED.into());
    assert_eq!(stranger.err(), Some(NotTaken::OtherLog(RESTORED.into())), "it does not follow the held one");
}

#[test]
fn a_pinned_origin_is_the_statements_own_or_one_that_it_replaced() {
    let server = Server::new();
    let pinned = |origin: &str| Pins { origin: Some(origin.into()), ..pins() };
    assert!(take_by(None, &pinned(ORIGIN), &server.whole()).is_ok());
    assert!(take_by(None, &pinned(ORIGIN), &server.restored().whole()).is_ok());
    assert!(take_by(None, &pinned(RESTORED), &server.restored().whole()).is_ok());
    let refused = take_by(None, &pinned(RESTORED), &server.whole()).err();
    assert_eq!(refused, Some(NotTaken::OtherLog(ORIGIN.into())));
}

#[test]
fn a_statement_of_the_future_is_not_taken() {
    let made_at = |iat| {
        let mut server = Server::new();
        (server.says.iat, server.says.exp) = (Seconds::new(iat), Seconds::new(iat + 20));
        take(None, &server.whole()).err()
    };
    assert_eq!(made_at(NOW + 5), None);
    assert_eq!(made_at(NOW + 6), Some(NotTaken::FromTheFuture { iat: NOW + 6, now: NOW }));
}

#[test]
fn a_statement_for_another_mesh_is_not_taken() {
    let mut server = Server::new();
    server.says.aud = "bank".into();
    assert_eq!(take(None, &server.whole()).err(), Some(NotTaken::OtherAudience("bank".into())));
}

#[test]
fn only_a_pinned_key_speaks() {
    let mut server = Server::new();
    server.key = (101, "s2");
    assert_eq!(take(None, &server.whole()).err(), Some(NotTaken::KeyNotPinned("s2".into())));
    server.key = (101, "s1");
    assert_eq!(take(None, &server.whole()).err(), Some(NotTaken::SignatureInvalid));
}

#[test]
fn a_key_is_replaced_while_both_are_pinned() {
    let server = Server::new();
    let both = Pins {
        keys: vec![
            ("s1".into(), *statement_key(100).public_key()),
            ("s2".into(), *statement_key(101).public_key()),
        ],
        ..pins()
    };
    let before = take_by(None, &both, &server.whole()).unwrap();
    let mut next = server.next();
    next.key = (101, "s2");
    let taken = take_by(Some(&before), &both, &next.bare()).unwrap();
    let mut back = server.next();
    back.says.n = 7;
    back.says.version = 9;
    let rolled_back = take_by(Some(&taken), &both, &back.bare()).err();
    assert!(matches!(rolled_back, Some(NotTaken::RolledBack { claim: "n", .. })), "history outlives the key");
    let only_new = Pins { keys: both.keys[1..].to_vec(), ..pins() };
    assert!(taken.is_by_pinned_key(&only_new) && !before.is_by_pinned_key(&only_new));
}

#[test]
fn what_a_removed_key_signed_does_not_count() {
    let mut stolen = Server::new();
    (stolen.says.n, stolen.says.seq) = (1 << 50, 1 << 50);
    stolen.says.restored = vec![RESTORED.into()];
    let before = held(&stolen);
    let mut honest = Server::new();
    honest.key = (101, "s1");
    honest.says.iss = RESTORED.into();
    let repinned = Pins { keys: vec![("s1".into(), *statement_key(101).public_key())], ..pins() };
    assert!(!before.is_by_pinned_key(&repinned), "the name is the same and the key is another");
    let refused = take_by(Some(&before), &repinned, &honest.bare()).err();
    assert_eq!(refused, Some(NotTaken::NeedsAll(Part::Rules)));
    assert_eq!(take_by(Some(&before), &repinned, &honest.whole()).unwrap().statement().n, 7);
}

#[test]
fn a_part_that_is_not_held_must_come_whole() {
    let server = Server::new();
    for (part, answer) in without_each(&server.whole()) {
        assert_eq!(take(None, &answer).err(), Some(NotTaken::NeedsAll(part)));
        assert!(take(Some(&held(&server)), &answer).is_ok(), "{part:?} is held");
    }
    let mut next = server.next();
    next.halts = Halts::new([].into(), vec![]).unwrap();
    let refused = take(Some(&held(&server)), &next.bare()).err();
    assert_eq!(refused, Some(NotTaken::NeedsAll(Part::Halts)));
}

#[test]
fn a_change_of_another_base_must_come_whole() {
    let server = Server::new();
    let (mut next, mut other) = (server.next(), server.clone());
    next.revocations = server.revocations.with([mark(3)], []);
    other.revocations = server.revocations.with([mark(4)], []);
    let change_of_other = next.since(&other);
    let refused = Some(NotTaken::NeedsAll(Part::Revocations));
    assert_eq!(take(Some(&held(&server)), &change_of_other).err(), refused);
    assert_eq!(
        take(None, &Answer { revocations: change_of_other.revocations, ..next.whole() }).err(),
        refused
    );

    other = server.clone();
    next = server.next();
    next.ended = Ended::default();
    other.ended = Ended::new(BTreeMap::from([([9; 16], Denial::Expired)]));
    let refused = take(Some(&held(&server)), &next.since(&other)).err();
    assert_eq!(refused, Some(NotTaken::NeedsAll(Part::Ended)));
}

#[test]
fn a_part_with_another_digest_is_not_taken() {
    let server = Server::new();
    let mut other = server.clone();
    other.rules = warrant::statement::Rules::new(
        crate::common::terms(),
        warrant::Trust::default(),
        crate::server::hosts(),
        vec![],
        None,
    )
    .unwrap();
    other.halts = Halts::new([].into(), vec![]).unwrap();
    other.revocations = MarkSet::default();
    other.ended = Ended::default();
    let (good, bad) = (server.whole(), other.whole());
    for (part, answer) in [
        (Part::Rules, Answer { rules: bad.rules.clone(), ..good.clone() }),
        (Part::Halts, Answer { halts: bad.halts.clone(), ..good.clone() }),
        (Part::Revocations, Answer { revocations: bad.revocations.clone(), ..good.clone() }),
        (Part::Ended, Answer { ended: bad.ended.clone(), ..good }),
    ] {
        assert_eq!(take(None, &answer).err(), Some(NotTaken::OtherDigest(part)));
    }
}

#[test]
fn a_change_that_gives_another_digest_is_not_taken() {
    let server = Server::new();
    let (mut next, mut other) = (server.next(), server.next());
    next.revocations = server.revocations.with([mark(3)], []);
    other.revocations = server.revocations.with([mark(4)], []);
    let answer = Answer { revocations: other.since(&server).revocations, ..next.bare() };
    let refused = Some(NotTaken::OtherDigest(Part::Revocations));
    assert_eq!(take(Some(&held(&server)), &answer).err(), refused);
}

#[test]
fn each_refusal_is_one_line_for_people() {
    let refusals = [
        after(|says| says.n = 6).err().unwrap(),
        after(|says| (says.n, says.version) = (7, 4)).err().unwrap(),
        NotTaken::KeyNotPinned("s\n1".into()),
        NotTaken::SignatureInvalid,
        NotTaken::OtherAudience("bank".into()),
        NotTaken::OtherLog("bank".into()),
        NotTaken::OldOrigin(ORIGIN.into()),
        NotTaken::LivesTooLong,
        NotTaken::FromTheFuture { iat: 2, now: 1 },
        NotTaken::NeedsAll(Part::Rules),
        NotTaken::OtherDigest(Part::Ended),
        Held::take(None, &pins(), b"", Seconds::new(NOW), &AwsLcVerifier).err().unwrap(),
    ];
    for refusal in refusals {
        let line = refusal.to_string();
        assert!(line.contains(": ") && !line.contains('\n') && line.len() < 200, "{line}");
    }
}

fn without_each<'a>(answer: &Answer<'a>) -> [(Part, Answer<'a>); 4] {
    [
        (Part::Rules, Answer { rules: None, ..answer.clone() }),
        (Part::Halts, Answer { halts: None, ..answer.clone() }),
        (Part::Revocations, Answer { revocations: None, ..answer.clone() }),
        (Part::Ended, Answer { ended: None, ..answer.clone() }),
    ]
}

#[test]
fn an_unknown_section_or_surplus_bytes_are_refused() {
    let server = Server::new();
    let good = server.whole().encode();
    let refused = |body: &[u8]| match Held::take(None, &pins(), body, Seconds::new(NOW), &AwsLcVerifier) {
        Err(NotTaken::Malformed(fault)) => fault.to_string(),
        other => panic!("{other:?}"),
    };
    let with = |tail: &[u8]| [&good, tail].concat();
    assert_eq!(refused(&with(&[8, 0, 0, 0, 0])), "an answer has a section with an unknown tag");
    assert_eq!(refused(&with(&[9])), "an answer is cut off");
    assert_eq!(refused(&with(&[9, 0, 0, 0, 1])), "an answer is cut off");
    let twice = "an answer has a section twice, or its sections are not in order";
    assert_eq!(refused(&with(&[6, 0, 0, 0, 0])), twice);
    assert_eq!(refused(&with(&[0, 0, 0, 0, 0])), twice);
    assert_eq!(refused(&with(&[7, 0, 0, 0, 0])), "an answer has a part whole and as a change");
    assert_eq!(refused(b"PSTM1"), "an answer has no statement");
    assert_eq!(refused(b"PSTM2"), "an answer does not begin with `PSTM1`");
    let long = Answer { halts: Some(Cow::Owned(vec![0; 32 << 20])), ..server.whole() }.encode();
    assert_eq!(refused(&long), "an answer is longer than 32 MiB");
    // Whole parts are not read unless their digest is signed.
    let bytes = Answer { revocations: Some(Section::Whole(vec![0; 17].into())), ..server.whole() }.encode();
    let denied = Held::take(None, &pins(), &bytes, Seconds::new(NOW), &AwsLcVerifier).map(drop);
    assert_eq!(denied, Err(NotTaken::OtherDigest(Part::Revocations)));
}
