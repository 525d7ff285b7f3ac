//! What each table takes, refuses and forgets.

use ledger::entry::{
    AttestationStatement, Digest, FactScope, Posture, PostureChange, RevocationTarget, Signer,
};
use warrant::{Revocable, RevocationKind};

use super::*;
use crate::facts::examples::{attestation, condition, issued, posture, reinstate, revocation};

const NOW: u64 = 1_795_230_579;

fn at(second: u64) -> Seconds {
    Seconds::new(second)
}

/// A bundle with one attestor.
#[derive(Clone, Copy)]
struct Bundle {
    knows: bool,
    trusts: bool,
    keyless: bool,
}

const TRUSTING: Bundle = Bundle { knows: true, trusts: true, keyless: false };

impl Speakers for Bundle {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.knows.then_some("https://attest").into_iter()
    }

    fn trusts(&self, _: &str, _: &Signer, _: Seconds) -> bool {
        self.trusts
    }

    fn may_omit_key(&self, _: &str) -> bool {
        self.keyless
    }
}

fn taken(tables: &mut Tables, index: u64, entry: impl Into<Entry>) -> Result<(), FactRefused> {
    let entry = entry.into();
    tables.check(&entry, at(NOW))?;
    tables.add(index, NOW * 1000, &entry);
    Ok(())
}

fn is_revoked(tables: &Tables, kind: RevocationKind, value: &str, second: u64) -> bool {
    tables.revocations.is_revoked(&Revocable::new(kind, "https://a", value), at(second))
}

#[test]
fn a_revocation_holds_until_its_end_and_a_repetition_names_the_first() {
    let mut tables = Tables::default();
    let path = |until| revocation(RevocationTarget::Path, "r/c", until);
    taken(&mut tables, 7, path(Some(NOW + 100))).unwrap();
    assert!(is_revoked(&tables, RevocationKind::Path, "r/c", NOW + 99));
    assert!(!is_revoked(&tables, RevocationKind::Path, "r/c", NOW + 100));
    assert!(!is_revoked(&tables, RevocationKind::Path, "r", NOW));
    let repeats = Err(FactRefused::Repeats { index: 7, time: NOW * 1000 });
    assert_eq!(taken(&mut tables, 9, path(Some(NOW + 500))), repeats);
    tables.forget_ended(at(NOW + 100 + KEPT_AFTER_END_SECONDS));
    assert_eq!(tables.revocations.iter().count(), 0);
}

#[test]
fn a_shorter_revocation_does_not_replace_a_longer_one() {
    let mut tables = Tables::default();
    for (index, until) in [(1, Some(NOW + 10)), (2, None), (3, Some(NOW + 20))] {
        tables.add(index, NOW * 1000, &revocation(RevocationTarget::Subject, "bob", until).into());
    }
    tables.forget_ended(at(NOW + 1_000_000));
    assert!(is_revoked(&tables, RevocationKind::Sub, "bob", NOW + 1_000_000));
}

#[test]
fn only_the_revocation_in_force_can_be_ended_and_after_that_it_is_a_new_one() {
    let mut tables = Tables::default();
    let key = || revocation(RevocationTarget::Key, "thumb", None);
    assert_eq!(taken(&mut tables, 1, reinstate("thumb", 0)), Err(FactRefused::NotInForce));
    taken(&mut tables, 2, key()).unwrap();
    assert_eq!(taken(&mut tables, 3, reinstate("thumb", 1)), Err(FactRefused::NotInForce));
    taken(&mut tables, 3, reinstate("thumb", 2)).unwrap();
    assert!(!is_revoked(&tables, RevocationKind::Key, "thumb", NOW));
    taken(&mut tables, 4, key()).unwrap();
    assert!(is_revoked(&tables, RevocationKind::Key, "thumb", NOW));
}

#[test]
fn what_loosens_must_name_the_newest_posture_and_what_tightens_need_not() {
    let mut tables = Tables::default();
    taken(&mut tables, 1, posture(Posture::Halted, None)).unwrap();
    taken(&mut tables, 2, posture(Posture::Halted, None)).unwrap();
    for replaces in [None, Some(1)] {
        let conflict = Err(FactRefused::Conflict { newest: Some(2) });
        assert_eq!(taken(&mut tables, 3, posture(Posture::Normal, replaces)), conflict, "a delayed resume");
    }
    taken(&mut tables, 3, posture(Posture::Restricted, Some(2))).unwrap();
    assert_eq!(tables.postures.stance(FactScope::Mesh, ""), Posture::Restricted);
    let wrong = Err(FactRefused::Conflict { newest: Some(3) });
    assert_eq!(taken(&mut tables, 4, posture(Posture::Halted, Some(2))), wrong);
    taken(&mut tables, 4, posture(Posture::Halted, None)).unwrap();
    assert_eq!(tables.postures.of_server(&["region=eu-1".to_owned()]), Posture::Halted);
}

#[test]
fn the_newest_statement_counts_and_made_at_the_same_time_the_negative_one() {
    let mut tables = Tables::default();
    let current = |tables: &Tables, second| -> Vec<(u64, bool)> {
        let current = tables.attestations.current("spiffe://s/w", Some("k1"), at(second), &TRUSTING);
        current.map(|said| (said.iat, said.positive)).collect()
    };
    let of = |iat, positive| attestation(iat, positive, Some("k1"));
    taken(&mut tables, 1, of(NOW, true)).unwrap();
    assert_eq!(
        taken(&mut tables, 2, of(NOW, true)),
        Err(FactRefused::Repeats { index: 1, time: NOW * 1000 })
    );
    assert_eq!(taken(&mut tables, 2, of(NOW - 1, false)), Err(FactRefused::Older { newest: NOW }));
    assert_eq!(current(&tables, NOW + 599), [(NOW, true)]);
    assert_eq!(current(&tables, NOW + 600), [], "it has ended");
    taken(&mut tables, 2, of(NOW, false)).unwrap();
    assert_eq!(taken(&mut tables, 3, of(NOW, true)), Err(FactRefused::Older { newest: NOW }));
    assert_eq!(current(&tables, NOW + 1_000_000), [(NOW, false)], "a negative one outlives its end");
    tables.forget_ended(at(NOW + 1_000_000));
    assert_eq!(current(&tables, NOW + 1_000_000), [(NOW, false)]);
    taken(&mut tables, 3, of(NOW + 1, true)).unwrap();
    assert_eq!(current(&tables, NOW + 2), [(NOW + 1, true)]);
}

#[test]
fn a_statement_counts_for_its_own_key_and_without_a_key_only_if_it_is_negative_or_permitted() {
    let mut tables = Tables::default();
    let count = |tables: &Tables, key, speakers| {
        tables.attestations.current("spiffe://s/w", key, at(NOW), &speakers).count()
    };
    let keyless = Bundle { keyless: true, ..TRUSTING };
    taken(&mut tables, 1, attestation(NOW, true, Some("k1"))).unwrap();
    assert_eq!([Some("k1"), Some("k2"), None].map(|key| count(&tables, key, keyless)), [1, 0, 0]);
    taken(&mut tables, 2, attestation(NOW, false, Some("k2"))).unwrap();
    assert_eq!([Some("k1"), Some("k2"), None].map(|key| count(&tables, key, keyless)), [1, 1, 1]);
    taken(&mut tables, 3, attestation(NOW, true, None)).unwrap();
    assert_eq!([TRUSTING, keyless].map(|speakers| count(&tables, Some("k1"), speakers)), [1, 2]);
    taken(&mut tables, 4, attestation(NOW + 1, false, None)).unwrap();
    assert_eq!([TRUSTING, keyless].map(|speakers| count(&tables, Some("k1"), speakers)), [2, 2]);
}

#[test]
fn a_positive_statement_ends_with_the_trust_in_its_signer_and_a_negative_one_with_its_attestor() {
    let mut tables = Tables::default();
    taken(&mut tables, 1, attestation(NOW, true, Some("k1"))).unwrap();
    taken(&mut tables, 2, attestation(NOW, false, Some("k2"))).unwrap();
    let count =
        |key, speakers| tables.attestations.current("spiffe://s/w", Some(key), at(NOW), &speakers).count();
    let key_is_gone = Bundle { trusts: false, ..TRUSTING };
    let attestor_is_gone = Bundle { knows: false, ..key_is_gone };
    assert_eq!([TRUSTING, key_is_gone, attestor_is_gone].map(|bundle| count("k1", bundle)), [1, 0, 0]);
    assert_eq!([TRUSTING, key_is_gone, attestor_is_gone].map(|bundle| count("k2", bundle)), [1, 1, 0]);
}

#[test]
fn an_older_statement_cannot_come_back_after_the_newer_one_was_forgotten() {
    let mut tables = Tables::default();
    let newest = attestation(NOW, true, Some("k1"));
    taken(&mut tables, 1, newest).unwrap();
    let end_of_older = NOW - 1 + STATEMENT_SECONDS_AT_MOST;
    tables.forget_ended(at(end_of_older));
    assert_eq!(
        taken(&mut tables, 2, attestation(NOW - 1, true, Some("k1"))),
        Err(FactRefused::Older { newest: NOW })
    );
    tables.forget_ended(at(NOW + STATEMENT_SECONDS_AT_MOST + KEPT_AFTER_END_SECONDS + 1));
    assert_eq!(tables.attestations.iter().count(), 0);
    assert_eq!(tables.sizes()[2].facts, 0);
}

#[test]
fn a_condition_applies_in_the_mesh_or_in_its_environment() {
    let mut tables = Tables::default();
    taken(&mut tables, 1, condition(NOW, "open", None)).unwrap();
    taken(&mut tables, 2, condition(NOW, "closed", Some("region=eu-1"))).unwrap();
    let values = |here: &str| -> Vec<String> {
        let here = [here.to_owned()];
        let current = tables.conditions.current("window", &here, at(NOW), &TRUSTING);
        current.map(|said| said.value.clone()).collect()
    };
    assert_eq!(values("region=eu-1"), ["open", "closed"]);
    assert_eq!(values("region=us-1"), ["open"]);
    assert_eq!(
        tables.conditions.current("other", &["region=eu-1".to_owned()], at(NOW), &TRUSTING).count(),
        0
    );
}

fn activation(attestors: &[&str]) -> Activation {
    Activation {
        attestors: attestors.iter().map(|iss| (*iss).to_owned()).collect(),
        bundle: Digest::of(b"b"),
        expires: NOW + 3600,
        previous: None,
        retired: vec![],
        routes: None,
        version: 2,
        was: None,
    }
}

#[test]
fn what_an_attestor_said_ends_with_the_bundle_that_does_not_name_it_and_does_not_come_back() {
    let mut tables = Tables::default();
    let negative = |n: u64| attestation(NOW, false, Some(&format!("k{n}")));
    let other = AttestationStatement { iss: "https://other".to_owned(), ..negative(0) };
    (0..50).for_each(|n| taken(&mut tables, n, negative(n)).unwrap());
    taken(&mut tables, 50, other).unwrap();
    taken(&mut tables, 51, condition(NOW, "open", None)).unwrap();
    taken(&mut tables, 52, activation(&["https://attest", "https://other"])).unwrap();
    assert_eq!((tables.attestations.iter().count(), tables.conditions.iter().count()), (51, 1));
    taken(&mut tables, 53, activation(&["https://other"])).unwrap();
    assert_eq!((tables.attestations.iter().count(), tables.conditions.iter().count()), (1, 0));
    assert_eq!(tables.sizes().map(|table| table.facts), [0, 0, 1, 0, 0]);
    taken(&mut tables, 54, activation(&["https://attest", "https://other"])).unwrap();
    let left = NOW + MAX_LEEWAY_SECONDS;
    let older = Err(FactRefused::Older { newest: left });
    assert_eq!(
        taken(&mut tables, 55, attestation(NOW, true, Some("k1"))),
        older,
        "a newer one may be forgotten"
    );
    assert_eq!(taken(&mut tables, 55, condition(left, "open", None)), older);
    let about = |key| tables.attestations.current("spiffe://s/w", key, at(NOW), &TRUSTING).count();
    assert_eq!([Some("k1"), None].map(about), [0, 0]);
    let new = left + STATEMENT_SECONDS_AT_MOST;
    taken(&mut tables, 55, attestation(left + 1, true, Some("k1"))).unwrap();
    tables.forget_ended(at(new + KEPT_AFTER_END_SECONDS));
    assert_eq!(tables.left.len(), 1);
    tables.forget_ended(at(new + KEPT_AFTER_END_SECONDS + 1));
    assert_eq!(tables.left.len(), 0);
}

#[test]
fn without_a_key_the_last_negative_statement_of_each_attestor_counts() {
    let mut tables = Tables::default();
    let said = |tables: &Tables| -> Vec<Option<String>> {
        let current = tables.attestations.current("spiffe://s/w", None, at(NOW), &TRUSTING);
        current.map(|said| said.key.clone()).collect()
    };
    for (index, (age, key)) in (1..).zip([(3, Some("k1")), (1, Some("k2")), (2, None)]) {
        taken(&mut tables, index, attestation(NOW - age, false, key)).unwrap();
    }
    assert_eq!(said(&tables), [Some("k2".to_owned())], "one of thousands is enough to deny");
    taken(&mut tables, 4, attestation(NOW, true, Some("k2"))).unwrap();
    assert_eq!(said(&tables), [None]);
    taken(&mut tables, 5, attestation(NOW, true, None)).unwrap();
    assert_eq!(said(&tables), [Some("k1".to_owned())]);
}

#[test]
fn a_replaced_statement_leaves_nothing_to_forget() {
    let mut tables = Tables::default();
    for n in 0..10 {
        taken(&mut tables, n, attestation(NOW + n, true, Some("k"))).unwrap();
    }
    tables.forget_ended(at(NOW + 8 + STATEMENT_SECONDS_AT_MOST + KEPT_AFTER_END_SECONDS + 1));
    assert!(!tables.have_ended(at(NOW + 9 + STATEMENT_SECONDS_AT_MOST + KEPT_AFTER_END_SECONDS)));
    assert_eq!(tables.sizes()[2].facts, 1);
    tables.forget_ended(at(NOW + 9 + STATEMENT_SECONDS_AT_MOST + KEPT_AFTER_END_SECONDS + 1));
    assert_eq!(tables.sizes()[2].facts, 0);
}

#[test]
fn a_posture_that_is_normal_again_is_forgotten_after_a_day_and_a_halt_is_not() {
    let mut tables = Tables::default();
    let of = |name: &str, stance, replaces| PostureChange {
        scope: FactScope::Route,
        subject: name.to_owned(),
        ..posture(stance, replaces)
    };
    taken(&mut tables, 1, of("pay", Posture::Halted, None)).unwrap();
    taken(&mut tables, 2, of("hello", Posture::Halted, None)).unwrap();
    taken(&mut tables, 3, of("pay", Posture::Normal, Some(1))).unwrap();
    tables.forget_ended(at(NOW + 24 * 3600));
    taken(&mut tables, 4, of("pay", Posture::Normal, Some(3))).unwrap();
    tables.forget_ended(at(NOW + 24 * 3600 + 1));
    assert_eq!(tables.sizes()[0].facts, 1);
    assert_eq!(tables.postures.stance(FactScope::Route, "hello"), Posture::Halted);
    let conflict = Err(FactRefused::Conflict { newest: None });
    assert_eq!(taken(&mut tables, 5, of("pay", Posture::Restricted, Some(4))), conflict);
}

#[test]
fn a_full_table_takes_what_denies_and_nothing_is_allowed_while_it_is_full() {
    let mut tables = Tables::default();
    let halted = |n: u64| PostureChange {
        scope: FactScope::Route,
        subject: n.to_string(),
        ..posture(Posture::Halted, None)
    };
    let bound = u64::try_from(tables.sizes()[0].bound).unwrap();
    (1..bound).for_each(|n| taken(&mut tables, n, halted(n)).unwrap());
    assert!(!tables.are_full());
    taken(&mut tables, bound, halted(bound)).unwrap();
    assert!(tables.are_full());
    taken(&mut tables, bound + 1, halted(bound + 1)).unwrap();
    let normal = PostureChange { subject: "new".to_owned(), stance: Posture::Normal, ..halted(0) };
    assert_eq!(taken(&mut tables, bound + 2, normal), Err(FactRefused::Full));
    for n in [1, 2] {
        let resumed = PostureChange { stance: Posture::Normal, replaces: Some(n), ..halted(n) };
        taken(&mut tables, bound + 1 + n, resumed).unwrap();
    }
    tables.forget_ended(at(NOW + 24 * 3600 + 1));
    assert!(!tables.are_full());
}

#[test]
fn an_issued_root_is_known_by_its_digest_until_it_expires() {
    let mut tables = Tables::default();
    taken(&mut tables, 1, issued(NOW)).unwrap();
    assert!(tables.issued.contains(&Digest::of(b"root")) && !tables.issued.contains(&Digest::of(b"r")));
    tables.forget_ended(at(NOW + 60 + KEPT_AFTER_END_SECONDS));
    assert!(!tables.issued.contains(&Digest::of(b"root")));
}

#[test]
fn a_copy_does_not_change_with_the_original() {
    let mut tables = Tables::default();
    taken(&mut tables, 1, revocation(RevocationTarget::Subject, "bob", None)).unwrap();
    let before = tables.clone();
    taken(&mut tables, 2, revocation(RevocationTarget::Subject, "eve", None)).unwrap();
    assert!(is_revoked(&tables, RevocationKind::Sub, "eve", NOW));
    assert!(!is_revoked(&before, RevocationKind::Sub, "eve", NOW));
}
