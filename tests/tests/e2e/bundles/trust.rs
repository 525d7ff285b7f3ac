//! A change of the trusted keys cannot be undone by an old bundle or by a restart.

use super::{Signers, signer};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::{SignedBundle, UnsignedBundle, put_note, trust};

/// Three changes of trust, each signed by the old and the new key, and a bundle after them.
fn chain(signers: &Signers, home: &Home) -> [SignedBundle; 4] {
    let (a, b, c, d) = (&signers.bundle, &signer(81), &signer(82), &signer(83));
    let bundle = |version: u64| UnsignedBundle::of(home).version(version);
    let step = |version, next, keys: &[_]| bundle(version).with("trust", trust(1, &[next])).signed(keys);
    let first = step(2, b, &[a, b]);
    let second = step(3, c, &[b, c]);
    let third = step(4, d, &[c, d]);
    let last = bundle(5).with("trust", trust(1, &[d])).signed(&[d]).after(&[&first, &second, &third]);
    [first, second, third, last]
}

#[tokio::test]
async fn a_new_server_follows_a_chain_of_three_changes_and_no_server_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let old = UnsignedBundle::of(&home).version(9).signed(&[&signers.bundle]);
    let [first, second, third, last] = chain(&signers, &home);
    put_note(&last.note(3600, &signers.note), &signers.place);
    last.put(&signers.place);
    // The server's configuration has only the first key.
    let mut server = Server::start(&home).await;
    assert!(server.bundle_state().await.starts_with("version 5 "), "{}", server.bundle_state().await);

    // The first key was replaced. It signs a higher version, and hides the chain that replaced it.
    std::fs::remove_dir_all(signers.place.join("trust")).unwrap();
    old.put(&signers.place);
    let state = server.wait_for_bundle_state("keys that an activated bundle has replaced").await;
    assert!(state.starts_with("version 5 "), "{state}");
    server.process.stop().await;
    drop(server);
    let failed = home.fail_to_start().await;
    assert_eq!(failed.status, 2, "{}", failed.log);
    assert!(failed.log.contains("keys that an activated bundle has replaced"), "{}", failed.log);

    // A server that starts refuses a version below the highest one that was active.
    let lower =
        UnsignedBundle::of(&home).version(4).with("trust", trust(1, &[&signer(83)])).signed(&[&signer(83)]);
    lower.after(&[&first, &second, &third]).put(&signers.place);
    let failed = home.fail_to_start().await;
    assert!(failed.log.contains("version 4, but version 5 was already active"), "{}", failed.log);

    // It accepts the chain with a higher version.
    let next =
        UnsignedBundle::of(&home).version(6).with("trust", trust(1, &[&signer(83)])).signed(&[&signer(83)]);
    let next = next.after(&[&first, &second, &third]);
    put_note(&next.note(3600, &signers.note), &signers.place);
    next.put(&signers.place);
    let server = Server::start(&home).await;
    assert!(server.bundle_state().await.starts_with("version 6 "), "{}", server.bundle_state().await);
}

#[tokio::test]
async fn a_chain_with_a_step_that_only_one_side_has_signed_is_refused_and_the_step_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let [first, _, third, last] = chain(&signers, &home);
    let broken =
        UnsignedBundle::of(&home).version(3).with("trust", trust(1, &[&signer(82)])).signed(&[&signer(82)]);
    put_note(&last.note(3600, &signers.note), &signers.place);
    last.after(&[&first, &broken, &third]).put(&signers.place);
    let failed = home.fail_to_start().await;
    assert!(failed.log.contains("trust/2.json does not continue the chain of trust"), "{}", failed.log);
}
