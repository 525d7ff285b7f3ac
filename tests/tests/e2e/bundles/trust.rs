//! Whom to trust changes, and is not changed back: not by an old bundle, not by a restart.

use super::{Signers, signer};
use portcullis_tests::court::{Court, Home};
use portcullis_tests::press::{Bundle, Pressed, put_note, trust};

/// Three changes of trust, each signed by both sides, and the bundle after them.
fn chain(signers: &Signers, home: &Home) -> [Pressed; 4] {
    let (a, b, c, d) = (&signers.bundle, &signer(81), &signer(82), &signer(83));
    let bundle = |version: u64| Bundle::of(home).version(version);
    let step = |version, next, keys: &[_]| bundle(version).with("trust", trust(1, &[next])).signed(keys);
    let first = step(2, b, &[a, b]);
    let second = step(3, c, &[b, c]);
    let third = step(4, d, &[c, d]);
    let last = bundle(5).with("trust", trust(1, &[d])).signed(&[d]).after(&[&first, &second, &third]);
    [first, second, third, last]
}

#[tokio::test]
async fn a_new_server_walks_a_chain_of_three_and_an_old_one_does_not_walk_back() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let old = Bundle::of(&home).version(9).signed(&[&signers.bundle]);
    let [first, second, third, last] = chain(&signers, &home);
    put_note(&last.note(3600, &signers.note), &signers.place);
    last.put(&signers.place);
    // Its configuration knows the first key only.
    let mut court = Court::start(&home).await;
    assert!(court.bundle().await.starts_with("version 5 "), "{}", court.bundle().await);

    // The key that everybody trusted once signs a higher version, without the chain that retired it.
    std::fs::remove_dir_all(signers.place.join("trust")).unwrap();
    old.put(&signers.place);
    let said = court.bundle_says("a trust that an activated bundle has replaced").await;
    assert!(said.starts_with("version 5 "), "{said}");
    court.program.stop().await;
    drop(court);
    let refusal = home.serve_in_vain().await;
    assert_eq!(refusal.status, 2, "{}", refusal.said);
    assert!(refusal.said.contains("a trust that an activated bundle has replaced"), "{}", refusal.said);

    // Nor is a version below the highest ever active taken by a server that starts.
    let lower = Bundle::of(&home).version(4).with("trust", trust(1, &[&signer(83)])).signed(&[&signer(83)]);
    lower.after(&[&first, &second, &third]).put(&signers.place);
    let refusal = home.serve_in_vain().await;
    assert!(refusal.said.contains("version 4, but version 5 was already active"), "{}", refusal.said);

    // With the chain and a version that follows, all is well again.
    let next = Bundle::of(&home).version(6).with("trust", trust(1, &[&signer(83)])).signed(&[&signer(83)]);
    let next = next.after(&[&first, &second, &third]);
    put_note(&next.note(3600, &signers.note), &signers.place);
    next.put(&signers.place);
    let court = Court::start(&home).await;
    assert!(court.bundle().await.starts_with("version 6 "), "{}", court.bundle().await);
}

#[tokio::test]
async fn a_chain_with_a_step_that_only_one_side_signed_leads_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let [first, _, third, last] = chain(&signers, &home);
    let broken = Bundle::of(&home).version(3).with("trust", trust(1, &[&signer(82)])).signed(&[&signer(82)]);
    put_note(&last.note(3600, &signers.note), &signers.place);
    last.after(&[&first, &broken, &third]).put(&signers.place);
    let refusal = home.serve_in_vain().await;
    assert!(refusal.said.contains("trust/2.json does not continue the chain of trust"), "{}", refusal.said);
}
