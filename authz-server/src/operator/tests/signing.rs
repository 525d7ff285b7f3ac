//! What is signed over a base: never a version twice, notes that are renewed, and a pair that a server takes.

use policy::{Activated, Expected, Parcel};
use warrant::Seconds;

use super::super::signing::{Pair, files_of_teams, sign, with_note};
use super::super::state::SignedState;
use super::*;
use crate::keys::PrivateKey;

pub(in crate::operator) fn key() -> PrivateKey {
    key_of(SIGNER)
}

fn key_of(seed: u8) -> PrivateKey {
    use base64::Engine;
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([seed; 32]);
    let jwk = TestKey::new(seed).jwk().replacen('{', &format!("{{\"d\":\"{secret}\","), 1);
    PrivateKey::from_jwk(jwk.as_bytes()).unwrap()
}

fn at(
    floor: Option<&Activated>,
    now: u64,
    ask: impl FnOnce(&Expected<'_>) -> Result<Pair, String>,
) -> Result<Pair, String> {
    let trust = trust(1, &[10]);
    ask(&Expected { floor, now: Seconds::new(now), ..expected(&trust) })
}

struct Signer {
    cluster: Cluster,
    parcel: Parcel,
    state: SignedState,
}

impl Signer {
    fn new() -> Signer {
        let mut cluster = Cluster::new();
        cluster.apply("payments", "pay", route("/v1/payments/{id}"));
        Signer { cluster, parcel: base_parcel(&base_files(), 1), state: SignedState::default() }
    }

    fn sign(&mut self, now: u64) -> Pair {
        let settled = self.cluster.settle();
        let base = (&self.cluster.base, &self.parcel);
        let pair = at(self.state.floor.as_ref(), now, |expected| {
            sign(&settled.built, base, (&self.state, None), &key(), expected, 400)
        });
        let pair = pair.unwrap();
        self.state = SignedState { floor: Some(pair.bundle.activated()), signed: Some(pair.content.clone()) };
        self.cluster.signed = pair.content.routes.files.clone();
        pair
    }
}

#[test]
fn versions_only_grow_and_a_lost_state_signs_none_again() {
    let mut signer = Signer::new();
    let first = signer.sign(NOW);
    assert_eq!(first.bundle.routes_version(), Some(NOW));
    signer.cluster.apply("payments", "more", route("/v1/payments/{id}/more"));
    let second = signer.sign(NOW);
    assert_eq!(second.bundle.routes_version(), Some(NOW + 1));
    // Everything is lost.
    signer.state = SignedState::default();
    assert_eq!(signer.sign(NOW + 5).bundle.routes_version(), Some(NOW + 5));
    // What was signed before is below the floor now.
    let old = at(signer.state.floor.as_ref(), NOW, |expected| {
        Pair::open(&signer.parcel, first.content.clone(), expected).map_err(|refusal| refusal.to_string())
    });
    assert!(old.unwrap_err().contains("version"));
    // The cluster's object holds all that is needed to go on.
    assert_eq!(SignedState::of_members(&signer.state.to_members().unwrap()).unwrap(), signer.state);
}

#[test]
fn routes_are_signed_again_only_when_they_must_be() {
    let mut signer = Signer::new();
    let pair = signer.sign(NOW);
    let base = &signer.cluster.base;
    let files = files_of_teams(&signer.cluster.settle().built, base);
    let outdated = |now: u64| pair.is_outdated(base, &files, Seconds::new(now), 400);
    assert!(!outdated(NOW) && !outdated(NOW + 199) && outdated(NOW + 201));
    assert!(pair.is_outdated(base, &Files::new(), Seconds::new(NOW), 400), "other files");
    let other = opened(&base_parcel(&base_files(), 2));
    assert!(pair.is_outdated(&other, &files, Seconds::new(NOW), 400), "another base");
    // A base that ends soon is not outlived, and nothing is signed again and again.
    let late = signer.sign(NOW + 800);
    assert_eq!(late.bundle.expires(), Seconds::new(NOW + 1000));
    assert!(!late.is_outdated(&signer.cluster.base, &files, Seconds::new(NOW + 950), 400));
}

#[test]
fn the_note_is_renewed_before_it_runs_out() {
    let mut signer = Signer::new();
    let pair = signer.sign(NOW);
    let until = pair.note_until.unwrap();
    assert_eq!(until, pair.bundle.expires(), "the routes end before the note");
    assert!(!pair.wants_note(Seconds::new(NOW)), "it cannot hold longer than the routes");
    let unnoted = Pair { note_until: None, ..pair.clone() };
    assert!(unnoted.wants_note(Seconds::new(NOW)));
    let renewed =
        at(None, NOW + 10, |expected| with_note(unnoted, &key(), &signer.parcel, expected)).unwrap();
    assert_ne!(renewed.content.note, pair.content.note);
    assert_eq!(renewed.content.routes.manifest, pair.content.routes.manifest, "the same version");
}

#[test]
fn another_key_signs_nothing() {
    let signer = Signer::new();
    let settled = signer.cluster.settle();
    let base = (&signer.cluster.base, &signer.parcel);
    let stranger = key_of(77);
    let refused =
        at(None, NOW, |expected| sign(&settled.built, base, (&signer.state, None), &stranger, expected, 400));
    assert!(refused.unwrap_err().contains("routesBy"));
    // And what others signed is not taken for what was signed last.
    let mut signer = Signer::new();
    let mut content = signer.sign(NOW).content;
    assert!(signer.cluster.base.vouches_for(&content.routes, &AwsLcVerifier));
    content.routes.files.insert("routes/payments/pay.json".to_owned(), b"{}".to_vec());
    assert!(!signer.cluster.base.vouches_for(&content.routes, &AwsLcVerifier));
}

/// The ConfigMap is bounded, and a cluster of this size must fit into it.
#[test]
fn a_thousand_routes_are_built_in_one_go_and_fit_into_what_is_kept() {
    let mut signer = Signer::new();
    signer.cluster.quota = Quota { of_namespace: 2000, of_cluster: 2000 };
    for number in 0..1000 {
        let path = format!("/v1/payments/service-{number}/{{account}}/orders/{{order}}");
        let policy = "@id(\"limit\") @reason(\"above the limit\") @cure(\"ask for less\")\nforbid (principal, action, resource) when { context.args.order == \"none\" };\n";
        let spec = with(
            with(route(&path), "args", json!({"order": {"from": "path:order", "type": "string"}})),
            "policy",
            json!(policy),
        );
        signer.cluster.apply("payments", &format!("route-{number}"), spec);
    }
    let begin = std::time::Instant::now();
    let settled = signer.cluster.settle();
    let took = begin.elapsed();
    assert!(settled.verdicts.values().all(Verdict::is_accepted));
    signer.sign(NOW);
    let members = signer.state.to_members().unwrap();
    let size: usize = members.values().map(Vec::len).sum();
    println!("1,001 routes: built in {took:?}, kept in {size} bytes");
    assert!(size < 500_000, "{size}");
}

/// The clock of the operator was an hour ahead, and is right again: what it signed then would be refused by every server until that hour.
#[test]
fn what_was_signed_while_the_clock_was_ahead_is_signed_again() {
    let mut signer = Signer::new();
    let ahead = signer.sign(NOW + 600);
    let files = files_of_teams(&signer.cluster.settle().built, &signer.cluster.base);
    let outdated =
        |pair: &Pair, now: u64| pair.is_outdated(&signer.cluster.base, &files, Seconds::new(now), 400);
    assert!(!outdated(&ahead, NOW + 600) && outdated(&ahead, NOW));
    let most = ahead.bundle.base().notes().max_age;
    let late = Pair { note_until: Some(Seconds::new(NOW + 600 + most)), ..ahead };
    assert!(late.wants_note(Seconds::new(NOW)) && !late.wants_note(Seconds::new(NOW + 600)));
    let again = signer.sign(NOW);
    assert!(again.bundle.routes_version() > Some(NOW + 600), "a version never falls");
    assert_eq!(again.bundle.not_before(), Seconds::new(NOW));
}
