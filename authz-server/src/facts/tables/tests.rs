//! What each table takes, refuses and forgets.

use ledger::entry::{Digest, FactScope, Posture, RevocationTarget, Signer};
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
    fn knows(&self, _: &str) -> bool {
        self.knows
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
    let environment = ("region".to_owned(), "eu-1".to_owned());
    assert_eq!(tables.postures.of_server([(&environment.0, &environment.1)].into_iter()), Posture::Halted);
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
    let values = |here: &'static str| -> Vec<String> {
        let current = tables.conditions.current("window", move |place| place == here, at(NOW), &TRUSTING);
        current.map(|said| said.value.clone()).collect()
    };
    assert_eq!(values("region=eu-1"), ["open", "closed"]);
    assert_eq!(values("region=us-1"), ["open"]);
    assert_eq!(tables.conditions.current("other", |_| true, at(NOW), &TRUSTING).count(), 0);
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
